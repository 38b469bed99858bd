// A reporter beside the one for people: how long each test file took, from the start of its process to its end, longest first. A run that is
// slower than the last says here by whom.
import { relative } from 'node:path';

const told = 25;

type Told = { type: string; data: { file?: string | undefined; duration_ms?: number } };

// biome-ignore lint/style/noDefaultExport: the runner takes a reporter's default export
export default async function* fileTimes(events: AsyncIterable<Told>): AsyncGenerator<string> {
  const seconds = new Map<string, number>();
  for await (const { type, data } of events)
    if (type === 'test:summary' && data.file !== undefined)
      seconds.set(relative(process.cwd(), data.file), (data.duration_ms ?? 0) / 1000);
  const longest = [...seconds].toSorted(([, one], [, other]) => other - one);
  if (longest.length < 2) return;
  const sum = longest.reduce((all, [, one]) => all + one, 0);
  yield `ℹ ${longest.length} files, ${sum.toFixed(0)} s one after the other; the longest:\n`;
  for (const [file, one] of longest.slice(0, told)) yield `ℹ ${one.toFixed(1).padStart(7)} s ${file}\n`;
}
