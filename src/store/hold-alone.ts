// One control for a database. Whoever holds the lock file beside it holds it for its life: the kernel lets go at its death,
// however it dies, and a frozen process holds on. So no second control can decide about changes that the first one may still
// carry out when it is awake again.
import { DatabaseSync } from 'node:sqlite';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';

/** The one before has just been killed, perhaps: its end takes a moment. */
const waitMs = 1000;
const busy = 5;

/** Keep what it gives for as long as the hold is meant. @throws home-in-use, disk-full, disk-failed */
export function holdAlone(file: string): Disposable {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(file);
    lock.exec(`PRAGMA busy_timeout=${waitMs}; BEGIN EXCLUSIVE`);
    const held = lock;
    return { [Symbol.dispose]: () => held.close() };
  } catch (cause) {
    lock?.close();
    if ((cause as { errcode?: number }).errcode !== busy)
      throw diskFailure(cause, 'The database cannot be held') ?? cause;
    throw fail('home-in-use', 'another control has this database', {
      advice: 'Stop it first; a second one would decide about the same changes.',
      cause,
    });
  }
}
