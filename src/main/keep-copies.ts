// Makes the copies that a damaged database is replaced with: at the start and then every ten minutes, when there are apps and
// something was written since the last one. A copy that cannot be made is said in the log; nothing else waits for it.
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { keepCopy, newestCopy } from '../store/copies.ts';

const everyMs = 600_000;

export function keepCopies(
  database: DatabaseSync,
  file: string,
  log: (line: Record<string, unknown>) => void,
  signal: AbortSignal,
): void {
  let isBusy = false;
  const look = (): void => {
    if (isBusy || signal.aborted || !isDue(file)) return;
    if (database.prepare('SELECT 1 FROM apps').get() === undefined) return;
    isBusy = true;
    void keepCopy(database, file, new Date())
      .catch((error: Error) => log({ level: 'warn', message: `the database was not copied: ${error.message}` }))
      .finally(() => {
        isBusy = false;
      });
  };
  look();
  const timer = setInterval(look, everyMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** Something was written since the newest copy, and that is no copy of just now. */
function isDue(file: string): boolean {
  const copy = newestCopy(file);
  if (copy === null) return true;
  const copiedAtMs = statSync(copy).mtimeMs;
  const writtenAtMs = Math.max(
    ...[file, `${file}-wal`].map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
  return writtenAtMs > copiedAtMs && Math.abs(Date.now() - copiedAtMs) > everyMs / 2;
}
