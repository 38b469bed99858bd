// Opens the one database: WAL, synchronous=FULL, foreign keys on, then `migrate.ts`. Refuses a database that a newer program
// wrote, one that fails SQLite's own check and one that another program holds; it never repairs by guessing. Whoever is
// refused is told what to do, with the newest copy that there is by name.
import { DatabaseSync } from 'node:sqlite';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';
import { newestCopy } from './copies.ts';
import { type Migration, migrate, ownMigrations, versionOf } from './migrate.ts';

export { inTransaction } from './in-transaction.ts';

/** How long the opening waits for whoever holds the database, and any later question: then it is `busy`. */
const openWaitMs = 5000;
const askWaitMs = 1000;

const primaryCode = (error: unknown): number => {
  const { code, errcode } = (error ?? {}) as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && errcode !== undefined ? errcode & 0xff : -1;
};

/**
 * @param file path of the database, made with mode 0600 by the process's umask when it is not there
 * @param more.mustHold true when an empty or missing one is a loss: things that only it knows of are there
 * @throws bad-database, busy, disk-full, disk-failed
 */
export function openDatabase(
  file: string,
  more: { migrations?: readonly Migration[]; mustHold?: boolean } = {},
): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file);
    database.exec(`PRAGMA busy_timeout=${openWaitMs}`);
    // Before anything else is written: what rows leave free goes back to the disk when it is asked for.
    if (ask(database, 'page_count') === 0) database.exec('PRAGMA auto_vacuum=INCREMENTAL');
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=8388608;',
    );
    const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') throw new Error(check.quick_check);
    if (more.mustHold && versionOf(database) === 0)
      throw new Error('it is empty, and apps are there that it must know');
    migrate(database, file, more.migrations ?? ownMigrations());
    const { synchronous } = database.prepare('PRAGMA synchronous').get() as { synchronous: number };
    if (synchronous !== 2) throw fail('bad-database', 'the database does not run with synchronous=FULL');
    proveWritable(database);
    giveFreePagesBack(database);
    database.exec(`PRAGMA busy_timeout=${askWaitMs}`);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw refusal(file, error);
  }
}

type Fact = 'auto_vacuum' | 'page_count' | 'page_size';
const ask = (database: DatabaseSync, fact: Fact): number =>
  Number(Object.values(database.prepare(`PRAGMA ${fact}`).get()!)[0]);

const smallBytes = 64 * 1024 ** 2;

/** A database from before this was asked of it is written anew once, while it is small; else it stays as it is. */
function giveFreePagesBack(database: DatabaseSync): void {
  if (ask(database, 'auto_vacuum') === 2) return;
  if (ask(database, 'page_count') * ask(database, 'page_size') > smallBytes) return;
  try {
    database.exec('PRAGMA auto_vacuum=INCREMENTAL; VACUUM');
  } catch (error) {
    if (!isPassingTrouble(error)) throw error;
  }
}

/** What cannot be written would fail in the middle of the recovery; here nothing has been begun. */
function proveWritable(database: DatabaseSync): void {
  database.exec("INSERT INTO meta (key, value) VALUES ('opened', '') ON CONFLICT (key) DO UPDATE SET value = ''");
}

function refusal(file: string, cause: unknown): Error {
  const disk = diskFailure(cause, `the database ${file} could not be opened`);
  if (disk) return disk;
  if (primaryCode(cause) === 5 || primaryCode(cause) === 6) {
    return fail('busy', `another program holds the database ${file}`, {
      advice: 'End that program (fuser names it); control comes up by itself then. Sites go on being served.',
      cause,
    });
  }
  if (cause instanceof Error && cause.name === 'LockstepError') return cause;
  return fail('bad-database', `the database ${file} is damaged: ${(cause as Error).message}`, {
    advice: wayBack(file),
    cause,
  });
}

/** The sentence for whoever has to bring a database back. */
function wayBack(file: string): string {
  const copy = newestCopy(file);
  const restore = 'bring a backup back into an empty home: lockstep restore FILE';
  if (copy === null) return `Sites go on being served. There is no copy of the database beside it: ${restore}.`;
  return (
    `Sites go on being served. Its newest copy is ${copy}: mv ${file} ${file}.damaged; rm -f ${file}-wal ${file}-shm; ` +
    `cp -p ${copy} ${file}. Control comes up by itself then. Or ${restore}.`
  );
}

/** SQLite's primary result codes of troubles that pass: busy, locked, read-only, an error of the disk, full, cannot be opened. */
const passingTroubles: ReadonlySet<number> = new Set([5, 6, 8, 10, 13, 14]);

/** True for an error of the store that may be gone when it is tried again; the transaction was undone. */
export function isPassingTrouble(error: unknown): boolean {
  return passingTroubles.has(primaryCode(error));
}
