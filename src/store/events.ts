// Reads of the ledger. Writing is `appendEvent`, always inside the transaction of what it speaks of.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Principal } from '../domain/app.ts';
import type { AppId, ChangeId, EventId, ReleaseId, TeamId } from '../domain/ids.ts';
import type { EventType, LedgerEvent } from '../domain/ledger.ts';

export type StoredEvent = LedgerEvent & { seq: number };

/** Oldest first, after `afterSeq`. `appId` null: all of the principal's team that its scope shows. */
export function listEvents(
  database: DatabaseSync,
  principal: Principal,
  appId: AppId | null,
  afterSeq: number,
  limit: number,
): StoredEvent[] {
  const scope = appId !== null ? [appId] : principal.appIds;
  const rows =
    scope === null
      ? database
          .prepare('SELECT * FROM events WHERE team_id = ? AND seq > ? ORDER BY seq LIMIT ?')
          .all(principal.teamId, afterSeq, limit)
      : database
          .prepare(
            'SELECT * FROM events WHERE team_id = ? AND app_id IN (SELECT value FROM json_each(?)) AND seq > ? ORDER BY seq LIMIT ?',
          )
          .all(principal.teamId, JSON.stringify(scope), afterSeq, limit);
  return rows.map(present);
}

/** There was such an app, and somebody has destroyed it (as far back as the ledger goes). */
export function wasDestroyed(database: DatabaseSync, id: AppId): boolean {
  return database.prepare("SELECT 1 FROM events WHERE app_id = ? AND type = 'app.destroyed'").get(id) !== undefined;
}

function present(row: Record<string, SQLOutputValue>): StoredEvent {
  return {
    seq: Number(row.seq),
    id: row.id as EventId,
    teamId: row.team_id as TeamId,
    appId: row.app_id as AppId | null,
    changeId: row.change_id as ChangeId | null,
    releaseId: row.release_id as ReleaseId | null,
    type: row.type as EventType,
    actor: String(row.actor),
    atMs: Number(row.at_ms),
    data: JSON.parse(String(row.data)) as Record<string, unknown>,
  };
}
