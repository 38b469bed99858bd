// Destroyed apps whose files are still to be removed: the row of the app is gone at once, its files when nothing runs any
// more, also when control ends in between.
import type { DatabaseSync } from 'node:sqlite';
import type { AppRef } from '../domain/agent.ts';
import type { AppId } from '../domain/ids.ts';

export type Removal = { ref: AppRef; volumes: boolean };

const prefix = 'removal:';

/** The caller holds the transaction. */
export function keepRemoval(database: DatabaseSync, removal: Removal): void {
  database
    .prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
    .run(`${prefix}${removal.ref.id}`, JSON.stringify(removal));
}

export function listRemovals(database: DatabaseSync): Removal[] {
  const rows = database.prepare("SELECT value FROM meta WHERE key LIKE 'removal:%' ORDER BY key").all();
  return rows.map((row) => JSON.parse(String(row.value)) as Removal);
}

export function endRemoval(database: DatabaseSync, id: AppId): void {
  database.prepare('DELETE FROM meta WHERE key = ?').run(`${prefix}${id}`);
}
