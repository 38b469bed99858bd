// What the newest gates of an app measured. Older ones go with each that comes.
import type { DatabaseSync } from 'node:sqlite';
import { type GateRun, keptGateRuns } from '../domain/gate-run.ts';
import type { AppId, ChangeId, TeamId } from '../domain/ids.ts';
import { inTransaction } from './in-transaction.ts';

export function keepGateRun(database: DatabaseSync, owner: { teamId: TeamId; appId: AppId }, run: GateRun): void {
  inTransaction(database, () => {
    // An app that was destroyed meanwhile has nothing to remember.
    const kept = database
      .prepare(
        `INSERT INTO gate_runs (team_id, app_id, change_id, checks, at_ms)
         SELECT team_id, id, ?, ?, ? FROM apps WHERE team_id = ? AND id = ?`,
      )
      .run(run.changeId, JSON.stringify(run.checks), Math.round(run.atMs), owner.teamId, owner.appId);
    if (kept.changes === 0) return;
    database
      .prepare(
        `DELETE FROM gate_runs WHERE app_id = ? AND seq <=
           (SELECT seq FROM gate_runs WHERE app_id = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
      )
      .run(owner.appId, owner.appId, keptGateRuns);
  });
}

/** Newest first. */
export function recentGateRuns(database: DatabaseSync, appId: AppId): GateRun[] {
  return database
    .prepare('SELECT change_id, checks, at_ms FROM gate_runs WHERE app_id = ? ORDER BY seq DESC LIMIT ?')
    .all(appId, keptGateRuns)
    .map((row) => ({
      changeId: row.change_id as ChangeId | null,
      checks: JSON.parse(String(row.checks)) as GateRun['checks'],
      atMs: Number(row.at_ms),
    }));
}
