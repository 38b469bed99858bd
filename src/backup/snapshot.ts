// The database as a backup sees it: a copy by SQLite's own backup, taken in one read transaction while control goes on, and the
// few questions that a backup and a restore ask of such a copy, whatever version of ours wrote it.
import { backup, DatabaseSync } from 'node:sqlite';
import { type AppId, type CommitId, parseId, type TreeId } from '../domain/ids.ts';
import { type BranchName, parseBranch } from '../domain/names.ts';
import { firstIdentity, mostApps } from '../store/apps.ts';
import { ownMigrations, versionOf } from '../store/migrate.ts';
import { refused } from './container.ts';

export type KeptApp = {
  id: AppId;
  name: string;
  mainBranch: BranchName | null;
  liveUid: number;
  /** What serves; null: nothing yet. */
  live: { commit: CommitId; tree: TreeId; version: number } | null;
  /** Candidates of changes that main may have moved to, and that are not written down as live. */
  passed: readonly CommitId[];
  releases: number;
};

/** Copies the database of a home, also of one that runs. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { timeout: 10_000 });
  try {
    // Everything in one step: a copy in pieces would begin anew at each commit of control's.
    await backup(source, to, { rate: 2 ** 30 });
  } finally {
    source.close();
  }
  const copy = new DatabaseSync(to);
  try {
    copy.exec('PRAGMA journal_mode=DELETE');
  } finally {
    copy.close();
  }
}

/**
 * Reads a copy, and leaves it as it is.
 * @throws bad-backup when it is damaged, or a newer program wrote it
 */
export function readSnapshot(file: string): { schema: number; apps: KeptApp[] } {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file, { readOnly: true });
    const { quick_check: check } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check !== 'ok') throw refused(`its database is damaged (${check})`);
    const schema = versionOf(database);
    const newest = ownMigrations().at(-1)?.number ?? 0;
    if (schema < 1) throw refused('its database is empty');
    if (schema > newest)
      throw refused(
        `its database is at version ${schema}, this program knows ${newest}`,
        'Use the program that wrote it, or a later one.',
      );
    return { schema, apps: appsOf(database) };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error;
    throw refused(`its database cannot be read (${(error as Error).message})`);
  } finally {
    database?.close();
  }
}

function appsOf(database: DatabaseSync): KeptApp[] {
  const live = database.prepare("SELECT commit_id, tree_id, version FROM releases WHERE app_id = ? AND state = 'live'");
  const passed = database.prepare("SELECT candidate FROM changes WHERE app_id = ? AND state = 'passed'");
  const releases = database.prepare('SELECT count(*) AS n FROM releases WHERE app_id = ? AND version IS NOT NULL');
  return database
    .prepare('SELECT id, name, main_branch, identity FROM apps ORDER BY id')
    .all()
    .map((row) => {
      // These become paths and owners: what is none of ours is not taken.
      const id = parseId('app', String(row.id));
      const identity = Number(row.identity);
      if (id === null || !(identity >= 0 && identity < mostApps))
        throw refused('its database names an app that is none');
      const serving = live.get(id);
      return {
        id,
        name: String(row.name),
        mainBranch: row.main_branch === null ? null : parseBranch(String(row.main_branch)),
        liveUid: firstIdentity + 2 * identity,
        live: serving
          ? {
              commit: serving.commit_id as CommitId,
              tree: serving.tree_id as TreeId,
              version: Number(serving.version),
            }
          : null,
        passed: passed.all(id).map((one) => one.candidate as CommitId),
        releases: Number(releases.get(id)?.n ?? 0),
      };
    });
}

/** The newest receipt of all; null: there is none, or the copy is older than receipts. */
export function lastReceipt(file: string): string | null {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    if (!database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'receipts'").get()) return null;
    const row = database
      .prepare('SELECT body FROM receipts WHERE body IS NOT NULL ORDER BY made_at_ms DESC LIMIT 1')
      .get();
    return row ? String(row.body) : null;
  } finally {
    database.close();
  }
}
