// Who a team is to registries. A password is read here for the engine alone, and kept as config values are.
import type { DatabaseSync } from 'node:sqlite';
import type { Principal } from '../domain/app.ts';
import { type KnownRegistry, mostRegistries, type RegistryLogin } from '../domain/hook.ts';
import type { TeamId } from '../domain/ids.ts';

export function listRegistries(database: DatabaseSync, { teamId }: Pick<Principal, 'teamId'>): KnownRegistry[] {
  return database
    .prepare('SELECT host, username, actor, created_at_ms FROM registries WHERE team_id = ? ORDER BY host')
    .all(teamId)
    .map(({ host, username, actor, created_at_ms }) => ({
      host: String(host),
      username: String(username),
      actor: String(actor),
      createdAtMs: Number(created_at_ms),
    }));
}

/** Replaces what was known of the host. False: there are as many as there may be. The caller holds the transaction. */
export function keepRegistry(
  database: DatabaseSync,
  { teamId }: Pick<Principal, 'teamId'>,
  login: RegistryLogin,
  by: { actor: string; nowMs: number },
): boolean {
  const known = listRegistries(database, { teamId });
  if (known.length >= mostRegistries && !known.some(({ host }) => host === login.host)) return false;
  database
    .prepare(
      `INSERT INTO registries (team_id, host, username, password, actor, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (team_id, host) DO UPDATE SET username = excluded.username, password = excluded.password,
         actor = excluded.actor, created_at_ms = excluded.created_at_ms`,
    )
    .run(teamId, login.host, login.username, login.password, by.actor, by.nowMs);
  return true;
}

export function dropRegistry(database: DatabaseSync, { teamId }: Pick<Principal, 'teamId'>, host: string): boolean {
  return database.prepare('DELETE FROM registries WHERE team_id = ? AND host = ?').run(teamId, host).changes === 1;
}

/** null: the registry is asked without a name. */
export function loginAt(database: DatabaseSync, teamId: TeamId, host: string): RegistryLogin | null {
  const row = database
    .prepare('SELECT username, password FROM registries WHERE team_id = ? AND host = ?')
    .get(teamId, host);
  return row ? { host, username: String(row.username), password: String(row.password) } : null;
}
