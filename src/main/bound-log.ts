// Keeps our own logs bounded. Control and router write into files that they were given open (for appending), so a log that has
// grown is copied aside and then emptied where it is: nobody has to open it again, and no line goes to a file without a name.
import { copyFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';

/** Beyond this a log is put aside; with the one that was before it, twice as much is on disk. */
const logBytes = 8 * 1024 * 1024;

/** Puts the log aside as `<file>.1` when it holds more than `limitBytes`, over the one that was there. True when it did. */
export function boundLog(file: string, limitBytes = logBytes): boolean {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= limitBytes) return false;
  const aside = `${file}.1`;
  try {
    copyFileSync(file, `${aside}.partial`);
    renameSync(`${aside}.partial`, aside);
  } catch {
    // No room for a copy: then room matters more than the old lines.
    rmSync(`${aside}.partial`, { force: true });
  }
  // What was written since the copy is lost: some lines at most, once in so many.
  try {
    truncateSync(file, 0);
    return true;
  } catch {
    // Somebody took it away: the next look sees what is there then.
    return false;
  }
}
