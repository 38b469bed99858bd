// Questions about hooks: found by the name of their app, since whoever sends a notice has no principal; and what was delivered already.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { App } from '../domain/app.ts';
import { type Hook, mostHooks } from '../domain/hook.ts';
import type { AppId, HookId, TeamId } from '../domain/ids.ts';

type Owner = Pick<App, 'id' | 'teamId'>;

export function listHooks(database: DatabaseSync, appId: AppId): Hook[] {
  return database.prepare('SELECT * FROM hooks WHERE app_id = ? ORDER BY name').all(appId).map(present);
}

/** False when the app has one of this name, or as many as it may. The caller holds the transaction. */
export function insertHook(
  database: DatabaseSync,
  app: Owner,
  hook: { id: HookId; name: string; hash: string; createdAtMs: number },
): boolean {
  const hooks = listHooks(database, app.id);
  if (hooks.length >= mostHooks || hooks.some(({ name }) => name === hook.name)) return false;
  database
    .prepare('INSERT INTO hooks (id, team_id, app_id, name, hash, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)')
    .run(hook.id, app.teamId, app.id, hook.name, hook.hash, hook.createdAtMs);
  return true;
}

/** From now on the old secret opens nothing. False: there is none. */
export function rotateHook(database: DatabaseSync, appId: AppId, id: HookId, hash: string, nowMs: number): boolean {
  return (
    database
      .prepare('UPDATE hooks SET hash = ?, rotated_at_ms = ? WHERE id = ? AND app_id = ?')
      .run(hash, nowMs, id, appId).changes === 1
  );
}

export function deleteHook(database: DatabaseSync, appId: AppId, id: HookId): boolean {
  return database.prepare('DELETE FROM hooks WHERE id = ? AND app_id = ?').run(id, appId).changes === 1;
}

/** For who sends a notice: the hook of the app of this name by its id or by the hash of its secret, with that hash; null: there is none. */
export function hookAt(
  database: DatabaseSync,
  appName: string,
  by: { id: string } | { hash: string },
): { hook: Hook; hash: string; teamId: TeamId } | null {
  const [column, value] = 'id' in by ? ['id', by.id] : ['hash', by.hash];
  const row = database
    .prepare(`SELECT h.* FROM hooks h JOIN apps a ON a.id = h.app_id WHERE a.name = ? AND h.${column} = ?`)
    .get(appName, value!);
  return row ? { hook: present(row), hash: String(row.hash), teamId: row.team_id as TeamId } : null;
}

/** The caller holds the transaction. */
export function noteHeard(database: DatabaseSync, id: HookId, heard: string, nowMs: number): void {
  database.prepare('UPDATE hooks SET heard_at_ms = ?, heard = ? WHERE id = ?').run(nowMs, heard, id);
}

/** False when it came before. The caller holds the transaction. */
export function keepDelivery(database: DatabaseSync, app: Owner, delivery: string, nowMs: number): boolean {
  return (
    database
      .prepare(
        'INSERT INTO deliveries (app_id, team_id, delivery, heard_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      .run(app.id, app.teamId, delivery, nowMs).changes === 1
  );
}

const numberOrNull = (value: SQLOutputValue | undefined): number | null => (value == null ? null : Number(value));

function present(row: Record<string, SQLOutputValue>): Hook {
  return {
    id: row.id as HookId,
    appId: row.app_id as AppId,
    name: String(row.name),
    createdAtMs: Number(row.created_at_ms),
    rotatedAtMs: numberOrNull(row.rotated_at_ms),
    heardAtMs: numberOrNull(row.heard_at_ms),
    heard: row.heard === null ? null : String(row.heard),
  };
}
