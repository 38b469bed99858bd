// The build secrets of an app. Values are read here for the builder alone, and kept as config values are.
import type { DatabaseSync } from 'node:sqlite';
import type { App } from '../domain/app.ts';
import type { KnownBuildSecret } from '../domain/build-inputs.ts';
import type { AppId } from '../domain/ids.ts';

export function listBuildSecrets(database: DatabaseSync, appId: AppId): KnownBuildSecret[] {
  return database
    .prepare('SELECT name, actor, created_at_ms FROM build_secrets WHERE app_id = ? ORDER BY name')
    .all(appId)
    .map(({ name, actor, created_at_ms }) => ({
      name: String(name),
      actor: String(actor),
      createdAtMs: Number(created_at_ms),
    }));
}

export function buildSecretsOf(database: DatabaseSync, appId: AppId): Record<string, string> {
  const rows = database.prepare('SELECT name, value FROM build_secrets WHERE app_id = ?').all(appId);
  return Object.fromEntries(rows.map(({ name, value }) => [String(name), String(value)]));
}

/** Replaces what was there under that name. The caller holds the transaction. */
export function keepBuildSecret(
  database: DatabaseSync,
  app: Pick<App, 'id' | 'teamId'>,
  secret: { name: string; value: string },
  by: { actor: string; nowMs: number },
): void {
  database
    .prepare(
      `INSERT INTO build_secrets (app_id, team_id, name, value, actor, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (app_id, name) DO UPDATE SET value = excluded.value, actor = excluded.actor,
         created_at_ms = excluded.created_at_ms`,
    )
    .run(app.id, app.teamId, secret.name, secret.value, by.actor, by.nowMs);
}

/** False: there was none. */
export function dropBuildSecret(database: DatabaseSync, appId: AppId, name: string): boolean {
  return database.prepare('DELETE FROM build_secrets WHERE app_id = ? AND name = ?').run(appId, name).changes === 1;
}
