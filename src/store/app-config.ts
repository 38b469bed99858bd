// An app's config: every version is kept whole, and a release names the one that it runs with. Current is the live release's;
// before the first release, the newest.
import type { DatabaseSync } from 'node:sqlite';
import type { AppId, TeamId } from '../domain/ids.ts';

export type ConfigEntries = Readonly<Record<string, string>>;
export type ConfigVersion = { version: number; entries: ConfigEntries };

/** Version 0, with nothing in it, when none was ever set. */
export function currentConfig(database: DatabaseSync, appId: AppId): ConfigVersion {
  const live = database.prepare("SELECT config_version FROM releases WHERE app_id = ? AND state = 'live'").get(appId);
  if (live) return configOf(database, appId, Number(live.config_version));
  const newest = database
    .prepare('SELECT coalesce(max(version), 0) AS version FROM config_versions WHERE app_id = ?')
    .get(appId);
  return configOf(database, appId, Number(newest?.version ?? 0));
}

export function configOf(database: DatabaseSync, appId: AppId, version: number): ConfigVersion {
  const row = database
    .prepare('SELECT entries FROM config_versions WHERE app_id = ? AND version = ?')
    .get(appId, version);
  return { version, entries: row ? (JSON.parse(String(row.entries)) as ConfigEntries) : {} };
}

/** The number of the new version. The caller holds the transaction. */
export function insertConfig(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId },
  entries: ConfigEntries,
  actor: string,
  nowMs: number,
): number {
  const { next } = database
    .prepare('SELECT coalesce(max(version), 0) + 1 AS next FROM config_versions WHERE app_id = ?')
    .get(owner.appId) as { next: number };
  database
    .prepare(
      'INSERT INTO config_versions (team_id, app_id, version, entries, actor, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(owner.teamId, owner.appId, next, JSON.stringify(entries), actor, nowMs);
  return next;
}
