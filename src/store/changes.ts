// Questions about changes. State moves through `transition` only; here are births, facts beside the state, and reads.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Change, ChangeHow, ChangeState, Moments, Priority, Split } from '../domain/change.ts';
import type { Verdict } from '../domain/gate.ts';
import type { AppId, ChangeId, CommitId, InstanceSetId, ReleaseId, TeamId, TokenId, TreeId } from '../domain/ids.ts';
import type { BranchName } from '../domain/names.ts';

export type NewChange = Pick<
  Change,
  'id' | 'teamId' | 'appId' | 'how' | 'actor' | 'branch' | 'base' | 'head' | 'moments' | 'createdAtMs'
> &
  Partial<Pick<Change, 'source' | 'priority' | 'override' | 'allowsWeaker' | 'askedBy'>>;

/** The change as stored, with the next number of its app. The caller holds the transaction. */
export function insertChange(database: DatabaseSync, change: NewChange): Change {
  const { next } = database
    .prepare('SELECT coalesce(max(number), 0) + 1 AS next FROM changes WHERE app_id = ?')
    .get(change.appId) as { next: number };
  database
    .prepare(
      `INSERT INTO changes (id, team_id, app_id, number, how, actor, branch, base, head, state, moments, created_at_ms,
         source, priority, override, allows_weaker, asked_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'received', ?, ?, ?, ?, ?, ?, ?)`,
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
      change.source ?? null,
      change.priority ?? 'normal',
      change.override ?? null,
      change.allowsWeaker ? 1 : 0,
      change.askedBy ? JSON.stringify(change.askedBy) : null,
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

/** The change of this number of the app. */
export function changeOfNumber(database: DatabaseSync, appId: AppId, number: number): Change | null {
  const row = database.prepare('SELECT * FROM changes WHERE app_id = ? AND number = ?').get(appId, number);
  return row ? present(row) : null;
}

/** Of which changes a list is: all (null), those of one state, or those that have not ended. */
export type ChangeFilter = ChangeState | 'running' | null;

/** Newest first, numbered below `before` (null: from the newest). */
export function listChanges(
  database: DatabaseSync,
  appId: AppId,
  before: number | null,
  limit: number,
  filter: ChangeFilter = null,
): Change[] {
  const [only, values] =
    filter === null ? ['', []] : filter === 'running' ? ['AND ended_at_ms IS NULL', []] : ['AND state = ?', [filter]];
  return database
    .prepare(`SELECT * FROM changes WHERE app_id = ? AND number < ? ${only} ORDER BY number DESC LIMIT ?`)
    .all(appId, before ?? Number.MAX_SAFE_INTEGER, ...values, limit)
    .map(present);
}

/** Every change that has not ended, oldest first: what a restart must decide about. */
export function runningChanges(database: DatabaseSync): Change[] {
  return database.prepare('SELECT * FROM changes WHERE ended_at_ms IS NULL ORDER BY id').all().map(present);
}

/** Tokens that are remembered of one request. */
const mostAskers = 20;

/** The merge requests of an app that wait, in no order that counts. */
export function queuedChanges(database: DatabaseSync, appId: AppId): Change[] {
  return database
    .prepare("SELECT * FROM changes WHERE app_id = ? AND ended_at_ms IS NULL AND state = 'received' AND how = 'merge'")
    .all(appId)
    .map(present);
}

/** The newest merge request of this commit that has not ended; null: there is none. */
export function requestOfHead(database: DatabaseSync, appId: AppId, head: CommitId): Change | null {
  const row = database
    .prepare(
      "SELECT * FROM changes WHERE app_id = ? AND ended_at_ms IS NULL AND how = 'merge' AND head = ? ORDER BY number DESC",
    )
    .get(appId, head);
  return row ? present(row) : null;
}

/** From here on it skips the queue. */
export function raisePriority(database: DatabaseSync, id: ChangeId): void {
  database.prepare("UPDATE changes SET priority = 'hotfix' WHERE id = ? AND ended_at_ms IS NULL").run(id);
}

/** Somebody else asks for the same. */
export function joinRequest(
  database: DatabaseSync,
  { id, askedBy }: Pick<Change, 'id' | 'askedBy'>,
  by: TokenId,
): void {
  if (askedBy.length === 0 || askedBy.includes(by) || askedBy.length >= mostAskers) return;
  database.prepare('UPDATE changes SET asked_by = ? WHERE id = ?').run(JSON.stringify([...askedBy, by]), id);
}

/** Notes that a request is wanted no more; false when it has ended, or main is about to move to it. */
export function withdraw(database: DatabaseSync, id: ChangeId, why: string): boolean {
  const sql = "UPDATE changes SET withdrawn = coalesce(withdrawn, ?) WHERE id = ? AND state IN ('received', 'gating')";
  return database.prepare(sql).run(why, id).changes === 1;
}

/** Of the newest `most` changes that were judged: the share that was rejected, 0..1, and how long a gate took (null: none has). */
export function recentGates(
  database: DatabaseSync,
  appId: AppId,
  most: number,
): { failureRate: number; gateMs: number | null } {
  const rows = database
    .prepare(
      `SELECT state, is_memoised, json_extract(moments, '$.gating') AS began, ended_at_ms FROM changes
       WHERE app_id = ? AND state IN ('landed', 'rejected') ORDER BY number DESC LIMIT ?`,
    )
    .all(appId, most);
  if (rows.length === 0) return { failureRate: 0, gateMs: null };
  const times = rows
    .filter((row) => row.is_memoised === 0 && row.began !== null)
    .map((row) => Number(row.ended_at_ms) - Number(row.began))
    .sort((a, b) => a - b);
  return {
    failureRate: rows.filter((row) => row.state === 'rejected').length / rows.length,
    gateMs: times[Math.floor(times.length / 2)] ?? null,
  };
}

/** Why this commit was let past the checks when it landed; null: it was held to them. */
export function overrideOf(database: DatabaseSync, appId: AppId, candidate: CommitId): string | null {
  const row = database
    .prepare(
      "SELECT override FROM changes WHERE app_id = ? AND candidate = ? AND state = 'landed' AND override IS NOT NULL",
    )
    .get(appId, candidate);
  return row ? String(row.override) : null;
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
    .run(JSON.stringify(facts.moments), facts.verdict === null ? null : verdictText(facts.verdict), id);
}

/** What only the next comparison needs stays with the memo of verdicts. */
function verdictText(verdict: Verdict): string {
  return JSON.stringify(verdict, (key, value: unknown) => (key === 'identities' ? undefined : value));
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
    source: row.source as BranchName | null,
    priority: row.priority as Priority,
    override: row.override as string | null,
    allowsWeaker: row.allows_weaker === 1,
    askedBy: row.asked_by === null ? [] : (JSON.parse(String(row.asked_by)) as TokenId[]),
    withdrawn: row.withdrawn as string | null,
    split: row.split === null ? null : (JSON.parse(String(row.split)) as Split),
    tries: Number(row.tries),
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
