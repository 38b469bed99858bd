// The last words of a process's log, for an error that must say why it did not start.
import { readFileSync } from 'node:fs';

/** Messages of the last 20 lines; none when there is no such file. */
export function tailOf(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20);
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
