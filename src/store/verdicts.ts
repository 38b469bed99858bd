// The verdict memo: what the gate said of a tree, by a key over everything that went into it. A passing verdict proves its
// tree whatever main it was measured against (invariant I1); a rejection counts again only for the very same question.
import type { DatabaseSync } from 'node:sqlite';
import type { Verdict } from '../domain/gate.ts';
import type { AppId, TeamId, TreeId } from '../domain/ids.ts';

export function keepVerdict(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId },
  kept: { key: string; policyKey: string; treeId: TreeId; verdict: Verdict; nowMs: number },
): void {
  database
    .prepare(
      `INSERT INTO verdicts (team_id, app_id, key, tree_id, policy_key, outcome, verdict, created_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (app_id, key) DO UPDATE
         SET outcome = excluded.outcome, verdict = excluded.verdict, created_at_ms = excluded.created_at_ms`,
    )
    .run(
      owner.teamId,
      owner.appId,
      kept.key,
      kept.treeId,
      kept.policyKey,
      kept.verdict.outcome,
      JSON.stringify(kept.verdict),
      kept.nowMs,
    );
}

/** The verdict for exactly this question; null when it was never asked. */
export function recallVerdict(database: DatabaseSync, appId: AppId, key: string): Verdict | null {
  const row = database.prepare('SELECT verdict FROM verdicts WHERE app_id = ? AND key = ?').get(appId, key);
  return row ? (JSON.parse(String(row.verdict)) as Verdict) : null;
}

/** The newest passing verdict of this tree under one of these policies, against whatever main; null when there is none. */
export function passingVerdict(
  database: DatabaseSync,
  appId: AppId,
  treeId: TreeId,
  policyKeys: readonly string[],
): Verdict | null {
  const row = database
    .prepare(
      `SELECT verdict FROM verdicts WHERE app_id = ? AND tree_id = ? AND outcome = 'passed'
         AND policy_key IN (SELECT value FROM json_each(?)) ORDER BY created_at_ms DESC LIMIT 1`,
    )
    .get(appId, treeId, JSON.stringify(policyKeys));
  return row ? (JSON.parse(String(row.verdict)) as Verdict) : null;
}

/** The newest refusal of this tree under this policy, against whatever main; null when there is none. */
export function refusingVerdict(
  database: DatabaseSync,
  appId: AppId,
  treeId: TreeId,
  policyKey: string,
): Verdict | null {
  const row = database
    .prepare(
      `SELECT verdict FROM verdicts WHERE app_id = ? AND tree_id = ? AND outcome = 'rejected' AND policy_key = ?
       ORDER BY created_at_ms DESC LIMIT 1`,
    )
    .get(appId, treeId, policyKey);
  return row ? (JSON.parse(String(row.verdict)) as Verdict) : null;
}
