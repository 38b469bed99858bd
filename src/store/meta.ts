// Single values about this installation: the node's id, the team that there is.
import type { DatabaseSync } from 'node:sqlite';
import type { TeamId } from '../domain/ids.ts';

export function readMeta(database: DatabaseSync, key: string): string | null {
  const row = database.prepare('SELECT value FROM meta WHERE key = ?').get(key);
  return row ? String(row.value) : null;
}

export function writeMeta(database: DatabaseSync, key: string, value: string): void {
  database
    .prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
    .run(key, value);
}

/** The one team, made on first use. */
export function defaultTeam(database: DatabaseSync, makeId: () => TeamId, nowMs: number): TeamId {
  const row = database.prepare("SELECT id FROM teams WHERE name = 'default'").get();
  if (row) return row.id as TeamId;
  const id = makeId();
  database.prepare("INSERT INTO teams (id, name, created_at_ms) VALUES (?, 'default', ?)").run(id, nowMs);
  return id;
}
