// Brings a database to the version that this program knows. What is there already is copied first, whole and synced; then all
// migrations that are missing run in one transaction, so that whoever is killed on the way leaves the old version, which
// the old program opens too. The copy goes at the next start that finds nothing to migrate: then the new version has held.
// A database newer than the program is refused as it is.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { fail } from '../domain/errors.ts';
import { copyBefore, dropCopiesBefore } from './copies.ts';
import { inTransaction } from './in-transaction.ts';

const migrationsFolder = join(import.meta.dirname, 'migrations');

/** `number`: the version that the database has after it. */
export type Migration = { number: number; sql: string };

/** Those of this program, in order. */
export function ownMigrations(): Migration[] {
  const files = globSync('*.sql', { cwd: migrationsFolder }).sort();
  return files.map((file) => ({
    number: Number(basename(file).slice(0, 4)),
    sql: readFileSync(join(migrationsFolder, file), 'utf8'),
  }));
}

/** 0: nothing has been made in it yet. */
export const versionOf = (database: DatabaseSync): number =>
  (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;

/** @throws bad-database for one that is newer; what SQLite throws otherwise, with nothing changed */
export function migrate(database: DatabaseSync, file: string, migrations: readonly Migration[]): void {
  const present = versionOf(database);
  const newest = migrations.at(-1)?.number ?? 0;
  if (present > newest) {
    throw fail(
      'bad-database',
      `the database is at version ${present}, and this program knows only up to ${newest}: a newer Lockstep wrote it`,
      {
        advice:
          'Start that newer Lockstep (or one after it) again; nothing was changed, and sites go on being served. To stay with ' +
          'this program, restore a backup that it made: lockstep restore FILE.',
      },
    );
  }
  const missing = migrations.filter((migration) => migration.number > present);
  if (missing.length === 0) {
    dropCopiesBefore(file);
    return;
  }
  if (present > 0) copyBefore(database, file, present);
  inTransaction(database, () => {
    for (const { sql } of missing) database.exec(sql);
    database.exec(`PRAGMA user_version=${newest}`);
  });
}
