// What go.mjs was asked, and what all of its parts say and run: findings, and Go's own tools in the folder of a module.
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';

export const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
export const go = realpathSync(argument('--go'));
export const spec = JSON.parse(readFileSync(argument('--spec'), 'utf8'));
export const reports = argument('--reports');
export const here = realpathSync('.');
const findingLimit = 20_000;
const outputBytes = 64 * 1024 * 1024;
export const report = { count: 0, findings: [], notes: [] };

export const find = (file, line, rule, message) => {
  report.count += 1;
  if (report.findings.length < findingLimit) report.findings.push({ file, line, rule, message });
};
export const run = (argv, cwd, env = {}) => {
  const ended = spawnSync(argv[0], argv.slice(1), {
    cwd: join(here, cwd),
    encoding: 'utf8',
    maxBuffer: outputBytes,
    env: { ...process.env, ...env },
  });
  if (ended.error?.code === 'ENOENT') process.exit(125);
  if (ended.error) report.failed = `${argv[0]}: ${ended.error.message}`;
  return ended;
};
/** A module that go.work leaves out is asked for itself. */
export const workOf = ({ isInWork }) => (isInWork ? {} : { GOWORK: 'off' });
export const lastWords = (text) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^go: downloading /.test(line))
    .slice(-3)
    .join('; ')
    .slice(0, 1000);

/** `/copy/x.go:6:26`, `./x.go:6:2` or `example.org/hello/x.go:6:26` */
export function place(folder, posn, rule, message) {
  const match = /^(.+?\.go):(\d+)/.exec(String(posn));
  if (match === null) return find(null, null, rule, String(message));
  const at = match[1].startsWith('/') ? relative(here, match[1]) : `${folder}${match[1].replace(/^\.\//, '')}`;
  return find(at, Number(match[2]), rule, String(message));
}
