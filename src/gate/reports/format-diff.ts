// Reads the unified diff that a formatter prints instead of writing: which lines of which files it would change. Where it
// would only add lines, the lines on both sides of the place are meant.
import { treePath } from './tree-path.ts';

const bytesLimit = 16 * 1024 * 1024;
const mostFiles = 20_000;

/** file -> lines as they are now, 1-based and in order; null when the text is too big to be read. */
export function parseFormatDiff(text: string): ReadonlyMap<string, readonly number[]> | null {
  if (text.length > bytesLimit) return null;
  const files = new Map<string, number[]>();
  let lines: number[] | null = null;
  let at = 0;
  let old = 0;
  let fresh = 0;
  let isAfterRemoved = false;
  for (const line of text.split('\n')) {
    if (old > 0 || fresh > 0) {
      const mark = line[0] ?? ' ';
      if (mark === '\\') continue;
      if (mark === '-') lines?.push(at);
      if (mark === '+' && !isAfterRemoved) lines?.push(...(at > 1 ? [at - 1, at] : [at]));
      isAfterRemoved = mark === '-' || (mark === '+' && isAfterRemoved);
      if (mark !== '+') {
        at += 1;
        old -= 1;
      }
      if (mark !== '-') fresh -= 1;
      continue;
    }
    if (line.startsWith('--- ')) {
      const file = treePath(line.slice(4).replace(/\t.*$/, '').trim());
      lines = file === null || files.size >= mostFiles ? null : (files.get(file) ?? []);
      if (file !== null && lines !== null) files.set(file, lines);
      continue;
    }
    const hunk = /^@@ -(\d{1,7})(?:,(\d{1,7}))? \+\d{1,7}(?:,(\d{1,7}))? @@/.exec(line);
    if (!hunk) continue;
    old = Number(hunk[2] ?? 1);
    fresh = Number(hunk[3] ?? 1);
    // Without lines of its own a hunk stands after the line that it names.
    at = Number(hunk[1]) + (old === 0 ? 1 : 0);
    isAfterRemoved = false;
  }
  for (const [file, found] of files)
    files.set(
      file,
      [...new Set(found)].sort((a, b) => a - b),
    );
  return files;
}
