// Questions about receipts. A release is due for one as soon as it was live (or its change has landed) and has none: nothing
// has to be written down at the landing, so a crash there loses none.
import type { DatabaseSync } from 'node:sqlite';
import type { AppId, CommitId, ReleaseId, TeamId } from '../domain/ids.ts';

export type KeptReceipt = {
  teamId: TeamId;
  appId: AppId;
  releaseId: ReleaseId;
  version: number | null;
  commit: CommitId;
  body: string;
  isNoted: boolean;
  madeAtMs: number;
};

/** Releases of the app that have no receipt yet, oldest first. */
export function releasesDue(database: DatabaseSync, appId: AppId): ReleaseId[] {
  return database
    .prepare(
      `SELECT r.id FROM releases r LEFT JOIN changes c ON c.id = r.change_id
       WHERE r.app_id = ? AND (r.version IS NOT NULL OR c.state = 'landed')
         AND NOT EXISTS (SELECT 1 FROM receipts k WHERE k.app_id = r.app_id AND k.release_id = r.id) ORDER BY r.id`,
    )
    .all(appId)
    .map(({ id }) => id as ReleaseId);
}

/** One that is there already is left as it is. */
export function keepReceipt(database: DatabaseSync, receipt: KeptReceipt): void {
  database
    .prepare(
      `INSERT INTO receipts (team_id, app_id, release_id, version, commit_id, body, is_noted, made_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (app_id, release_id) DO NOTHING`,
    )
    .run(
      receipt.teamId,
      receipt.appId,
      receipt.releaseId,
      receipt.version,
      receipt.commit,
      receipt.body,
      receipt.isNoted ? 1 : 0,
      receipt.madeAtMs,
    );
}

/** The file; `body` null: it is not kept here any more. null: there is none. */
export function findReceipt(database: DatabaseSync, appId: AppId, id: ReleaseId): { body: string | null } | null {
  const row = database.prepare('SELECT body FROM receipts WHERE app_id = ? AND release_id = ?').get(appId, id);
  return row ? { body: row.body as string | null } : null;
}

/** Receipts that the repository's notes lack, oldest first. */
export function receiptsToNote(
  database: DatabaseSync,
  appId: AppId,
): { releaseId: ReleaseId; commit: CommitId; body: string }[] {
  return database
    .prepare('SELECT release_id, commit_id, body FROM receipts WHERE app_id = ? AND is_noted = 0 ORDER BY release_id')
    .all(appId)
    .map((row) => ({
      releaseId: row.release_id as ReleaseId,
      commit: row.commit_id as CommitId,
      body: String(row.body),
    }));
}

export function markNoted(database: DatabaseSync, appId: AppId, id: ReleaseId): void {
  database.prepare('UPDATE receipts SET is_noted = 1 WHERE app_id = ? AND release_id = ?').run(appId, id);
}
