// Answers kept by Idempotency-Key for a day, so that a request that is repeated is answered and not done again.
import type { DatabaseSync } from 'node:sqlite';
import { fail } from '../domain/errors.ts';
import type { TeamId } from '../domain/ids.ts';

const keptMs = 24 * 3600 * 1000;
const mostKeys = 10_000;

/**
 * @param fingerprint hash of method, path and body
 * @throws idempotency-mismatch when the key was used for another request
 */
export function recallAnswer(
  database: DatabaseSync,
  teamId: TeamId,
  key: string,
  fingerprint: string,
): { status: number; body: string } | null {
  const row = database
    .prepare('SELECT fingerprint, status, body FROM idempotency_keys WHERE team_id = ? AND key = ?')
    .get(teamId, key);
  if (!row) return null;
  if (row.fingerprint !== fingerprint) {
    throw fail('idempotency-mismatch', 'this Idempotency-Key was used for another request', {
      advice: 'Make a new key for each new request.',
    });
  }
  return { status: Number(row.status), body: String(row.body) };
}

/** Keeps an answer, and drops those older than `keptMs` and what is beyond the newest `mostKeys`. */
export function keepAnswer(
  database: DatabaseSync,
  teamId: TeamId,
  key: string,
  fingerprint: string,
  answer: { status: number; body: string },
  nowMs: number,
): void {
  database
    .prepare(
      'DELETE FROM idempotency_keys WHERE created_at_ms < ? OR rowid <= (SELECT max(rowid) FROM idempotency_keys) - ?',
    )
    .run(nowMs - keptMs, mostKeys);
  database
    .prepare(
      'INSERT OR IGNORE INTO idempotency_keys (team_id, key, fingerprint, status, body, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(teamId, key, fingerprint, answer.status, answer.body, nowMs);
}
