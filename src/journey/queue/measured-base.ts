// What a candidate is measured against. Usually that is main; a commit that an admin let past the checks has no measured state, and
// must not become what the next ones are held to: main as it was before it stays the baseline, until a gate has passed again.
import type { DatabaseSync } from 'node:sqlite';
import type { AppId, CommitId } from '../../domain/ids.ts';

const mostOverrides = 1000;

/** main's newest value that was held to the checks, `main` itself as a rule. null: there is none. */
export function measuredBase(database: DatabaseSync, appId: AppId, main: CommitId | null): CommitId | null {
  const overridden = database.prepare(
    "SELECT base FROM changes WHERE app_id = ? AND candidate = ? AND override IS NOT NULL AND state IN ('landed', 'passed')",
  );
  let at = main;
  for (let left = mostOverrides; at !== null && left > 0; left -= 1) {
    const row = overridden.get(appId, at);
    if (!row) break;
    at = row.base as CommitId | null;
  }
  return at;
}
