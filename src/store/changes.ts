// Questions about changes. State moves through `transition` only; here are births, facts beside the state, and reads.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Change, ChangeHow, ChangeState, Moments } from '../domain/change.ts';
import type { Verdict } from '../domain/gate.ts';
import type { AppId, ChangeId, CommitId, InstanceSetId, ReleaseId, TeamId, TreeId } from '../domain/ids.ts';
import type { BranchName } from '../domain/names.ts';

export type NewChange = Pick<
  Change,
  'id' | 'teamId' | 'appId' | 'how' | 'actor' | 'branch' | 'base' | 'head' | 'moments' | 'createdAtMs'
>;

/** The change as stored, with the next number of its app. The caller holds the transaction. */
export function insertChange(database: DatabaseSync, change: NewChange): Change {
  const { next } = database
    .prepare('SELECT coalesce(max(number), 0) + 1 AS next FROM changes WHERE app_id = ?')
    .get(change.appId) as { next: number };
  database
    .prepare(
      `INSERT INTO changes (id, team_id, app_id, number, how, actor, branch, base, head, state, moments, created_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'received', ?, ?)`,
    )
    .run(
      change.id,
      change.teamId,
      change.appId,
      next,
      change.how,
      change.actor,
      change.branch,
      change.base,
      change.head,
      JSON.stringify(change.moments),
      change.createdAtMs,
    );
  return findChange(database, change.appId, change.id)!;
}

export function findChange(database: DatabaseSync, appId: AppId, id: ChangeId): Change | null {
  const row = database.prepare('SELECT * FROM changes WHERE id = ? AND app_id = ?').get(id, appId);
  return row ? present(row) : null;
}

/** What the gate said, check by check; null when it has not spoken. */
export function verdictOfChange(database: DatabaseSync, appId: AppId, id: ChangeId): Verdict | null {
  const row = database.prepare('SELECT verdict FROM changes WHERE id = ? AND app_id = ?').get(id, appId);
  return row?.verdict ? (JSON.parse(String(row.verdict)) as Verdict) : null;
}

/** Newest first, numbered below `before` (null: from the newest). */
export function listChanges(database: DatabaseSync, appId: AppId, before: number | null, limit: number): Change[] {
  return database
    .prepare('SELECT * FROM changes WHERE app_id = ? AND number < ? ORDER BY number DESC LIMIT ?')
    .all(appId, before ?? Number.MAX_SAFE_INTEGER, limit)
    .map(present);
}

/** Every change that has not ended, oldest first: what a restart must decide about. */
export function runningChanges(database: DatabaseSync): Change[] {
  return database.prepare('SELECT * FROM changes WHERE ended_at_ms IS NULL ORDER BY id').all().map(present);
}

/** How the newest change to this candidate ended, or stands; null: no change was ever made of it. */
export function stateOfCandidate(database: DatabaseSync, appId: AppId, candidate: CommitId): ChangeState | null {
  const row = database
    .prepare('SELECT state FROM changes WHERE app_id = ? AND candidate = ? ORDER BY number DESC LIMIT 1')
    .get(appId, candidate);
  return row ? (row.state as ChangeState) : null;
}

/** Facts that are no state: moments and the verdict's own words. */
export function noteChange(
  database: DatabaseSync,
  id: ChangeId,
  facts: { moments: Moments; verdict?: Verdict | null },
): void {
  if (facts.verdict === undefined) {
    database.prepare('UPDATE changes SET moments = ? WHERE id = ?').run(JSON.stringify(facts.moments), id);
    return;
  }
  database
    .prepare('UPDATE changes SET moments = ?, verdict = ? WHERE id = ?')
    .run(JSON.stringify(facts.moments), facts.verdict === null ? null : JSON.stringify(facts.verdict), id);
}

function present(row: Record<string, SQLOutputValue>): Change {
  return {
    id: row.id as ChangeId,
    teamId: row.team_id as TeamId,
    appId: row.app_id as AppId,
    number: Number(row.number),
    how: row.how as ChangeHow,
    actor: String(row.actor),
    branch: row.branch as BranchName,
    base: row.base as CommitId | null,
    head: row.head as CommitId,
    candidate: row.candidate as CommitId | null,
    tree: row.tree as TreeId | null,
    state: row.state as ChangeState,
    reason: row.reason as string | null,
    releaseId: row.release_id as ReleaseId | null,
    setId: row.set_id as InstanceSetId | null,
    isMemoised: row.is_memoised === 1,
    moments: JSON.parse(String(row.moments)) as Moments,
    createdAtMs: Number(row.created_at_ms),
    endedAtMs: row.ended_at_ms === null ? null : Number(row.ended_at_ms),
  };
}
