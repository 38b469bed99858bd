// Programs of the machine, as whoever looks for interpreters sees them.
import { realpathSync, statSync } from 'node:fs';

/** Where a path leads; null: it is not there, or a dangling link. */
export function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** We run it to ask its version: only what root or we ourselves put there. */
export function isOurs(path: string): boolean {
  const { uid, mode } = statSync(path);
  return (uid === 0 || uid === process.getuid?.()) && (mode & 0o002) === 0;
}
