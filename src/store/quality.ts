// The figures of what landed: a row a release, since what was measured is its tree. It names the changes that the release became of:
// those of a batch were measured together, once. The rows outlive the changes' verdicts.
import type { DatabaseSync } from 'node:sqlite';
import type { AppId, ChangeId, CommitId, TeamId, TreeId } from '../domain/ids.ts';
import type { Quality, QualityFigures, StyleByFile } from '../domain/quality.ts';

/** Releases whose findings are known file by file. */
const keptStyles = 20;

/** The caller holds the transaction. */
export function keepQuality(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId; changeId: ChangeId },
  kept: Quality & { commit: CommitId; style: StyleByFile },
): void {
  database
    .prepare(
      `INSERT OR REPLACE INTO quality (team_id, app_id, change_id, version, commit_id, figures, style, changes, landed_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      owner.teamId,
      owner.appId,
      owner.changeId,
      kept.version,
      kept.commit,
      JSON.stringify(kept.figures),
      JSON.stringify(kept.style),
      JSON.stringify(kept.changes.toSorted((a, b) => a - b)),
      kept.landedAtMs,
    );
  // What was in each file is long; it is gone on from, and gone back to, for as many releases as can be rolled back to.
  database
    .prepare("UPDATE quality SET style = '' WHERE app_id = ? AND version <= ? AND style != ''")
    .run(owner.appId, kept.version - keptStyles);
}

/** The newest `count`, the oldest of them first. */
export function listQuality(database: DatabaseSync, appId: AppId, count: number): Quality[] {
  return database
    .prepare(
      `SELECT version, commit_id, changes, figures, landed_at_ms FROM quality WHERE app_id = ? ORDER BY version DESC LIMIT ?`,
    )
    .all(appId, count)
    .map((row) => ({
      version: Number(row.version),
      commit: String(row.commit_id),
      changes: JSON.parse(String(row.changes)) as number[],
      landedAtMs: Number(row.landed_at_ms),
      figures: JSON.parse(String(row.figures)) as QualityFigures,
    }))
    .reverse();
}

/** What the style findings of main were: of an earlier release of the very tree, else of the newest release. */
export function styleBefore(
  database: DatabaseSync,
  appId: AppId,
  tree: TreeId | null,
): { style: StyleByFile; isSame: boolean } {
  const same =
    tree === null
      ? undefined
      : database
          .prepare(
            `SELECT q.style FROM quality q JOIN releases r ON r.app_id = q.app_id AND r.version = q.version
             WHERE q.app_id = ? AND r.tree_id = ? AND q.style != '' ORDER BY q.version DESC LIMIT 1`,
          )
          .get(appId, tree);
  const row =
    same ??
    database
      .prepare("SELECT style FROM quality WHERE app_id = ? AND style != '' ORDER BY version DESC LIMIT 1")
      .get(appId);
  return { style: row ? (JSON.parse(String(row.style)) as StyleByFile) : {}, isSame: same !== undefined };
}
