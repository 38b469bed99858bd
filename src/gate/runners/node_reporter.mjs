// A reporter of `node --test` that keeps every case with its place, and the coverage of each line: node's own report of no
// version has both. Node counts nothing and exits 0 where there are no tests; here the list is empty then.
import { relative } from 'node:path';

// biome-ignore lint/style/noDefaultExport: node asks a reporter for it
export default async function* cases(source) {
  const all = [];
  let lcov = null;
  for await (const { type, data } of source) {
    if (type === 'test:coverage') lcov = lcovOf(data.summary);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const isFile =
      data.file !== undefined && (data.name === data.file || data.name === relative(process.cwd(), data.file));
    // A suite fails with its tests, a file passes without any.
    if (data.details?.type === 'suite' && !isOwnFault(data)) continue;
    if (type === 'test:pass' && isFile) continue;
    const error = data.details?.error;
    // A file fails with its tests, too.
    if (type === 'test:fail' && isFile && all.some((one) => one.file === data.file && one.outcome === 'failed'))
      continue;
    all.push({
      name: data.name,
      file: data.file ?? null,
      line: data.line ?? null,
      outcome:
        type === 'test:fail'
          ? data.todo !== undefined
            ? 'skipped'
            : 'failed'
          : data.skip === undefined
            ? 'passed'
            : 'skipped',
      message: messageOf(error),
    });
  }
  yield JSON.stringify({ cases: all, lcov });
}

const isOwnFault = ({ details }) => details?.error !== undefined && details.error.failureType !== 'subtestsFailed';

function messageOf(error) {
  if (!error) return '';
  const cause = error.cause ?? error;
  const text = typeof cause === 'string' ? cause : `${cause.message ?? ''}\n${cause.stack ?? ''}`;
  return text;
}

function lcovOf({ files }) {
  return files
    .map(({ path, lines }) =>
      [`SF:${path}`, ...(lines ?? []).map(({ line, count }) => `DA:${line},${count}`), 'end_of_record'].join('\n'),
    )
    .join('\n');
}
