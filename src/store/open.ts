// Opens the one database: WAL, synchronous=FULL, foreign keys on, migrations applied in order, each in a transaction.
// Refuses a database that a newer program wrote, and one that fails SQLite's own check; it never repairs by guessing.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fail } from '../domain/errors.ts';

const migrationsFolder = join(import.meta.dirname, 'migrations');

type Migration = { number: number; sql: string };

function readMigrations(): Migration[] {
  const files = globSync('*.sql', { cwd: migrationsFolder }).sort();
  return files.map((file) => ({
    number: Number(basename(file).slice(0, 4)),
    sql: readFileSync(join(migrationsFolder, file), 'utf8'),
  }));
}

/**
 * @param file path of the database, made with mode 0600 by the process's umask when it is not there
 * @throws bad-database
 */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file);
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000; PRAGMA temp_store=MEMORY;',
    );
    const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') throw new Error(check.quick_check);
  } catch (cause) {
    throw fail('bad-database', `the database ${file} cannot be opened`, {
      advice: 'Restore it from the last backup; running sites are not touched.',
      cause,
    });
  }
  migrate(database, readMigrations());
  const synchronous = database.prepare('PRAGMA synchronous').get() as { synchronous: number };
  if (synchronous.synchronous !== 2) throw fail('bad-database', 'the database does not run with synchronous=FULL');
  return database;
}

function migrate(database: DatabaseSync, migrations: Migration[]): void {
  const { user_version: present } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  const newest = migrations.at(-1)?.number ?? 0;
  if (present > newest) {
    throw fail('bad-database', `the database is at version ${present}, this program knows ${newest}`, {
      advice: 'Start the newer program again, or restore a backup.',
    });
  }
  for (const { number, sql } of migrations.filter((migration) => migration.number > present)) {
    inTransaction(database, () => {
      database.exec(sql);
      database.exec(`PRAGMA user_version=${number}`);
    });
  }
}

/** SQLite's primary result codes of troubles that pass: busy, locked, an error of the disk, a disk that is full. */
const passingTroubles: ReadonlySet<number> = new Set([5, 6, 10, 13]);

/** True for an error of the store that may be gone when it is tried again; the transaction was undone. */
export function isPassingTrouble(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && errcode !== undefined && passingTroubles.has(errcode & 0xff);
}

/** Runs `work` in one IMMEDIATE transaction: all of it or nothing of it. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
