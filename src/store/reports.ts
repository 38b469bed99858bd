// Where the reports of changes lie: a row a change whose checks left some, as long as its pack is kept.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { AppId, ChangeId, Digest, TeamId } from '../domain/ids.ts';

/** A folder that a check left: `<check>/<name>/` among the reports. */
export type ReportFolder = { check: string; name: string; digest: Digest; bytes: number; files: number };
export type ReportRow = { changeId: ChangeId; digest: Digest; bytes: number; folders: readonly ReportFolder[] };

export function keepReportRow(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId; changeId: ChangeId },
  kept: Omit<ReportRow, 'changeId'> & { keptAtMs: number },
): void {
  database
    .prepare(
      `INSERT OR REPLACE INTO reports (team_id, app_id, change_id, digest, bytes, folders, kept_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      owner.teamId,
      owner.appId,
      owner.changeId,
      kept.digest,
      kept.bytes,
      JSON.stringify(kept.folders),
      kept.keptAtMs,
    );
}

/** Its own, else those of the newest gate of the same tree: it was checked before, or together with others. */
export function findReports(database: DatabaseSync, appId: AppId, changeId: ChangeId): ReportRow | null {
  const own = database.prepare('SELECT * FROM reports WHERE app_id = ? AND change_id = ?').get(appId, changeId);
  const row =
    own ??
    database
      .prepare(
        `SELECT r.* FROM reports r JOIN changes c ON c.id = r.change_id JOIN changes asked ON asked.id = ?
         WHERE r.app_id = ? AND asked.app_id = r.app_id AND c.tree = asked.tree ORDER BY r.change_id DESC LIMIT 1`,
      )
      .get(changeId, appId);
  return row ? present(row) : null;
}

/** Of how many changes the reports stay, and how many bytes of them, folders included. */
const keptReports = { changes: 50, bytes: 256 * 1024 ** 2 };

/** Forgets the oldest rows beyond the limits. What the others name. */
export function trimReports(database: DatabaseSync, appId: AppId, most = keptReports): Digest[] {
  const rows = database
    .prepare('SELECT * FROM reports WHERE app_id = ? ORDER BY change_id DESC')
    .all(appId)
    .map(present);
  const named = new Map<Digest, number>();
  for (const [at, { changeId, digest, bytes, folders }] of rows.entries()) {
    const theirs = new Map([[digest, bytes], ...folders.map((one) => [one.digest, one.bytes] as const)]);
    const sum = [...new Map([...named, ...theirs]).values()].reduce((total, each) => total + each, 0);
    if (at >= most.changes || (at > 0 && sum > most.bytes)) {
      database.prepare('DELETE FROM reports WHERE app_id = ? AND change_id <= ?').run(appId, changeId);
      break;
    }
    for (const [one, size] of theirs) named.set(one, size);
  }
  return [...named.keys()];
}

function present(row: Record<string, SQLOutputValue>): ReportRow {
  return {
    changeId: row.change_id as ChangeId,
    digest: row.digest as Digest,
    bytes: Number(row.bytes),
    folders: JSON.parse(String(row.folders)) as ReportFolder[],
  };
}
