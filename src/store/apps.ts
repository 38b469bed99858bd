// Questions about apps. Every one takes the principal: a foreign app, or one outside the token's scope, is not there.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { App, Principal } from '../domain/app.ts';
import type { AppId, TeamId } from '../domain/ids.ts';
import type { AppName, BranchName, Hostname } from '../domain/names.ts';
import { readMeta, writeMeta } from './meta.ts';
import { inTransaction } from './open.ts';

/** The first numeric identity; each app takes two: live = first + 2n, gate = live + 1, group = live. */
export const firstIdentity = 40_000;
/** Beyond 59,999 Debian and systemd hand out ids of their own. */
export const mostApps = 9_999;

export type NewApp = {
  id: AppId;
  name: AppName;
  mainBranch: BranchName | null;
  hosts: readonly Hostname[];
  createdAtMs: number;
};

/** The app as stored, or null when the name or a host is taken, or no identity is left. */
export function insertApp(database: DatabaseSync, principal: Principal, app: NewApp): App | null {
  return inTransaction(database, () => {
    const taken = database.prepare('SELECT 1 FROM apps WHERE name = ?').get(app.name);
    const hostTaken = app.hosts.some((host) => database.prepare('SELECT 1 FROM hosts WHERE host = ?').get(host));
    if (taken || hostTaken) return null;
    const identity = freeIdentity(database);
    if (identity === null) return null;
    database
      .prepare('INSERT INTO apps (id, team_id, name, main_branch, identity, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)')
      .run(app.id, principal.teamId, app.name, app.mainBranch, identity, app.createdAtMs);
    for (const host of app.hosts)
      database
        .prepare('INSERT INTO hosts (host, team_id, app_id) VALUES (?, ?, ?)')
        .run(host, principal.teamId, app.id);
    return findApp(database, principal, app.name);
  });
}

/**
 * The next identity that no app has ever had: what a destroyed app left (volumes) must not become another's. Only when all
 * have been given once are those of destroyed apps given again.
 */
function freeIdentity(database: DatabaseSync): number | null {
  const mark = Number(readMeta(database, 'identity-mark') ?? 0);
  const taken = database.prepare('SELECT 1 FROM apps WHERE identity = ?');
  for (let step = 0; step < mostApps; step += 1) {
    const identity = (mark + step) % mostApps;
    if (taken.get(identity)) continue;
    writeMeta(database, 'identity-mark', String((identity + 1) % mostApps));
    return identity;
  }
  return null;
}

export function findApp(database: DatabaseSync, principal: Principal, name: AppName): App | null {
  const row = database.prepare('SELECT * FROM apps WHERE team_id = ? AND name = ?').get(principal.teamId, name);
  if (!row || !mayTouch(principal, row.id as AppId)) return null;
  return present(database, row);
}

/** In the order of their names, after `after` when it is given; at most `limit`. */
export function listApps(database: DatabaseSync, principal: Principal, after: string, limit: number): App[] {
  const rows = database
    .prepare('SELECT * FROM apps WHERE team_id = ? AND name > ? ORDER BY name')
    .all(principal.teamId, after);
  const shown = rows.filter((row) => mayTouch(principal, row.id as AppId)).slice(0, limit);
  return presentAll(database, shown);
}

/** By its id, of whatever team: for who is no principal and has proved what they may do otherwise. */
export function appOfId(database: DatabaseSync, id: AppId): App | null {
  const row = database.prepare('SELECT * FROM apps WHERE id = ?').get(id);
  return row ? present(database, row) : null;
}

/** By its name, of whatever team, as `appOfId`. */
export function appNamed(database: DatabaseSync, name: string): App | null {
  const row = database.prepare('SELECT * FROM apps WHERE name = ?').get(name);
  return row ? present(database, row) : null;
}

/** Every app of every team: for the desired state, which is the platform's own and no principal's. */
export function everyApp(database: DatabaseSync): App[] {
  const rows = database.prepare('SELECT * FROM apps ORDER BY id').all();
  return presentAll(database, rows);
}

/** False once it was destroyed: work that waited for its turn has nothing to do. */
export function isThere(database: DatabaseSync, id: AppId): boolean {
  return database.prepare('SELECT 1 FROM apps WHERE id = ?').get(id) !== undefined;
}

/** Facts that only ever become true, and the main branch that the first push decided. */
export function noteApp(
  database: DatabaseSync,
  id: AppId,
  facts: { mainBranch?: BranchName; wasEverHealthy?: true; hasEverRunTests?: true },
): void {
  if (facts.mainBranch) database.prepare('UPDATE apps SET main_branch = ? WHERE id = ?').run(facts.mainBranch, id);
  if (facts.wasEverHealthy) database.prepare('UPDATE apps SET was_ever_healthy = 1 WHERE id = ?').run(id);
  if (facts.hasEverRunTests) database.prepare('UPDATE apps SET has_ever_run_tests = 1 WHERE id = ?').run(id);
}

/** Its badge may be read by anybody: the owner said so. */
export function isBadgePublic(database: DatabaseSync, id: AppId): boolean {
  return database.prepare('SELECT 1 FROM apps WHERE id = ? AND is_badge_public = 1').get(id) !== undefined;
}

/** The caller holds the transaction. */
export function setBadgePublic(database: DatabaseSync, id: AppId, isPublic: boolean): void {
  database.prepare('UPDATE apps SET is_badge_public = ? WHERE id = ?').run(isPublic ? 1 : 0, id);
}

/** The team and id of an app whose badge is public, by its name; null for every other. */
export function publicBadge(database: DatabaseSync, name: string): { teamId: TeamId; id: AppId } | null {
  const row = database.prepare('SELECT team_id, id FROM apps WHERE name = ? AND is_badge_public = 1').get(name);
  return row ? { teamId: row.team_id as TeamId, id: row.id as AppId } : null;
}

/** Removes the app and, by the foreign keys, everything of it; true when it was there. */
export function deleteApp(database: DatabaseSync, principal: Principal, id: AppId): boolean {
  if (!mayTouch(principal, id)) return false;
  return database.prepare('DELETE FROM apps WHERE team_id = ? AND id = ?').run(principal.teamId, id).changes === 1;
}

type Row = Record<string, SQLOutputValue>;

function mayTouch(principal: Principal, id: AppId): boolean {
  return principal.appIds === null || principal.appIds.includes(id);
}

function present(database: DatabaseSync, row: Row): App {
  const hosts = database.prepare('SELECT host FROM hosts WHERE app_id = ? ORDER BY host').all(row.id as string);
  return appOf(
    row,
    hosts.map(({ host }) => host as Hostname),
  );
}

/** Asks for the hosts of all at once: each question would look through all of them. */
function presentAll(database: DatabaseSync, rows: readonly Row[]): App[] {
  const hosts = new Map(rows.map(({ id }) => [id, [] as Hostname[]]));
  for (const { host, app_id } of database.prepare('SELECT host, app_id FROM hosts ORDER BY host').all())
    hosts.get(app_id!)?.push(host as Hostname);
  return rows.map((row) => appOf(row, hosts.get(row.id!)!));
}

function appOf(row: Row, hosts: readonly Hostname[]): App {
  const liveUid = firstIdentity + 2 * Number(row.identity);
  return {
    id: row.id as AppId,
    teamId: row.team_id as TeamId,
    name: row.name as AppName,
    mainBranch: row.main_branch as BranchName | null,
    hosts,
    liveUid,
    gateUid: liveUid + 1,
    gid: liveUid,
    wasEverHealthy: row.was_ever_healthy === 1,
    hasEverRunTests: row.has_ever_run_tests === 1,
    createdAtMs: Number(row.created_at_ms),
  };
}
