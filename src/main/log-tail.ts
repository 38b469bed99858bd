// The last words of a process's log, for an error that must say why it did not start.
import { readFileSync, statSync } from 'node:fs';

/** Where it ends now. */
export const lengthOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Messages of the last 20 lines behind `from`, in bytes; none when there is no such file. */
export function tailOf(file: string, from = 0): string[] {
  try {
    const bytes = readFileSync(file);
    // Put aside meanwhile: what is there is all of it.
    const text = bytes.subarray(from <= bytes.length ? from : 0).toString('utf8');
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .slice(-20);
    return lines.map((line) => {
      try {
        return String((JSON.parse(line) as { message?: unknown }).message ?? line);
      } catch {
        return line;
      }
    });
  } catch {
    return [];
  }
}
