// What is kept of the apps' repositories in our own registry, and the destroyed apps whose images are still to be removed from it.
import type { DatabaseSync } from 'node:sqlite';
import type { App } from '../domain/app.ts';
import type { AppId } from '../domain/ids.ts';
import { appOfRepository, usualQuotaBytes } from '../domain/own-image.ts';
import { appOfId } from './apps.ts';

/** The app that a public repository is of; null: it is not public. */
export function publicRepository(database: DatabaseSync, name: string): App | null {
  const row = database.prepare('SELECT app_id FROM public_repositories WHERE name = ?').get(name);
  const app = row ? appOfId(database, row.app_id as AppId) : null;
  return app?.name === appOfRepository(name) ? app : null;
}

export function listPublic(database: DatabaseSync, appId: AppId): string[] {
  const rows = database.prepare('SELECT name FROM public_repositories WHERE app_id = ? ORDER BY name').all(appId);
  return rows.map(({ name }) => String(name));
}

/** True when it was not so before. The caller holds the transaction. */
export function setPublic(
  database: DatabaseSync,
  app: Pick<App, 'id' | 'teamId'>,
  name: string,
  isPublic: boolean,
): boolean {
  const changed = isPublic
    ? database
        .prepare('INSERT OR IGNORE INTO public_repositories (name, team_id, app_id) VALUES (?, ?, ?)')
        .run(name, app.teamId, app.id)
    : database.prepare('DELETE FROM public_repositories WHERE name = ? AND app_id = ?').run(name, app.id);
  return changed.changes === 1;
}

export function quotaOf(database: DatabaseSync, appId: AppId): number {
  const row = database.prepare('SELECT most_bytes FROM repository_quotas WHERE app_id = ?').get(appId);
  return row ? Number(row.most_bytes) : usualQuotaBytes;
}

/** @param mostBytes null: the usual. The caller holds the transaction. */
export function setQuota(database: DatabaseSync, app: Pick<App, 'id' | 'teamId'>, mostBytes: number | null): void {
  database.prepare('DELETE FROM repository_quotas WHERE app_id = ?').run(app.id);
  if (mostBytes === null) return;
  database
    .prepare('INSERT INTO repository_quotas (app_id, team_id, most_bytes) VALUES (?, ?, ?)')
    .run(app.id, app.teamId, mostBytes);
}

const gone = 'images:';

/** The images of a destroyed app go before anybody uses its name again. The caller holds the transaction. */
export function keepImagesRemoval(database: DatabaseSync, name: string): void {
  database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '')").run(`${gone}${name}`);
}

export function imagesRemovals(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT key FROM meta WHERE key LIKE 'images:%' ORDER BY key").all();
  return rows.map(({ key }) => String(key).slice(gone.length));
}

export const isBeingRemoved = (database: DatabaseSync, name: string): boolean =>
  database.prepare('SELECT 1 FROM meta WHERE key = ?').get(`${gone}${name}`) !== undefined;

export function endImagesRemoval(database: DatabaseSync, name: string): void {
  database.prepare('DELETE FROM meta WHERE key = ?').run(`${gone}${name}`);
}
