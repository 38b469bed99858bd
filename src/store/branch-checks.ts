// What is known of each branch that is no main branch: whether it would merge, and pass, as of one head and one main. The newest
// answer of a branch replaces the one before; so many are kept of an app.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Verdict } from '../domain/gate.ts';
import type { AppId, CommitId, TeamId } from '../domain/ids.ts';
import type { BranchName } from '../domain/names.ts';

/** `unknown`: the machinery failed. */
export type BranchOutcome = 'green' | 'red' | 'conflict' | 'unknown';

export type BranchCheck = {
  branch: BranchName;
  head: CommitId;
  /** main's tip that it was merged with. */
  base: CommitId;
  outcome: BranchOutcome;
  /** One line for people; null when it is green. */
  reason: string | null;
  /** Files. */
  conflicts: readonly string[];
  verdict: Verdict | null;
  checkedAtMs: number;
};

const mostOfAnApp = 500;

export function keepBranchCheck(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId },
  check: BranchCheck,
): void {
  const { branch, head, base, outcome, reason, conflicts, verdict, checkedAtMs } = check;
  database
    .prepare('INSERT OR REPLACE INTO branch_checks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(
      ...[owner.teamId, owner.appId, branch, head, base, outcome, reason, JSON.stringify(conflicts)],
      ...[verdict && JSON.stringify(verdict), Math.round(checkedAtMs)],
    );
  database
    .prepare(
      `DELETE FROM branch_checks WHERE app_id = :app AND checked_at_ms < (SELECT checked_at_ms FROM branch_checks
       WHERE app_id = :app ORDER BY checked_at_ms DESC LIMIT 1 OFFSET :most)`,
    )
    .run({ app: owner.appId, most: mostOfAnApp });
}

/** The newest answer about this very commit; null: it was not asked. */
export function branchCheckOf(database: DatabaseSync, appId: AppId, head: CommitId): BranchCheck | null {
  const row = database
    .prepare('SELECT * FROM branch_checks WHERE app_id = ? AND head = ? ORDER BY checked_at_ms DESC LIMIT 1')
    .get(appId, head);
  return row ? present(row) : null;
}

function present(row: Record<string, SQLOutputValue>): BranchCheck {
  return {
    branch: row.branch as BranchName,
    head: row.head as CommitId,
    base: row.base as CommitId,
    outcome: row.outcome as BranchOutcome,
    reason: row.reason as string | null,
    conflicts: JSON.parse(String(row.conflicts)) as string[],
    verdict: row.said === null ? null : (JSON.parse(String(row.said)) as Verdict),
    checkedAtMs: Number(row.checked_at_ms),
  };
}
