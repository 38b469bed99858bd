// Reads the coverage profile of `go test`: `example.org/hello/main.go:12.34,15.2 3 1`, a block from line and column to line and
// column, with its statements and how often it ran. A line has what its most often run block has. Several profiles may follow
// one another, each with its `mode:` line.
import { type GoModule, goFolder } from './go-packages.ts';
import { type Coverage, coverageOf } from './lcov.ts';
import { treePath } from './tree-path.ts';

const coverprofileLimit = 16 * 1024 * 1024;
/** A block is part of one function: longer ones are no block. */
const mostLines = 20_000;
/** Lines of all files together: a profile that names more was made to cost. */
const mostLinesInAll = 2_000_000;

/** null when the text is no profile, or is too big. Files of no module here are left out. */
export function parseCoverprofile(source: string, modules: readonly GoModule[]): Coverage | null {
  if (source.length > coverprofileLimit) return null;
  const files = new Map<string, Map<number, number>>();
  let isProfile = false;
  let left = mostLinesInAll;
  for (const line of source.split('\n')) {
    if (/^mode: (?:set|count|atomic)$/.test(line)) isProfile = true;
    if (line.length > 4096) continue;
    const match = /^([^\0:]+):(\d{1,7})\.\d{1,7},(\d{1,7})\.(\d{1,7}) (\d{1,9}) (\d{1,15})$/.exec(line);
    if (match === null) continue;
    const at = match[1]!.lastIndexOf('/');
    const folder = at < 0 ? null : goFolder(match[1]!.slice(0, at), modules);
    const file = folder === null ? null : treePath(`${folder}${match[1]!.slice(at + 1)}`);
    const from = Number(match[2]);
    // A block that ends before the second column of a line ends with the brace of the one before.
    const to = Number(match[4]) <= 2 && Number(match[3]) > from ? Number(match[3]) - 1 : Number(match[3]);
    if (file === null || from === 0 || to < from || to - from > mostLines || Number(match[5]) === 0) continue;
    left -= to - from + 1;
    if (left < 0) return null;
    const lines = files.get(file) ?? new Map<number, number>();
    files.set(file, lines);
    for (let number = from; number <= to; number += 1)
      lines.set(number, Math.max(lines.get(number) ?? 0, Number(match[6])));
  }
  if (!isProfile) return null;
  return coverageOf(files);
}
