// The one way a state changes: a guarded UPDATE by id and present state, the ledger's event in the same transaction, and
// the word whether this caller won. Persist first, announce after: callers act on `true` only.
import type { DatabaseSync } from 'node:sqlite';
import { changeTransitions } from '../domain/change.ts';
import type { LedgerEvent } from '../domain/ledger.ts';
import { releaseTransitions } from '../domain/release.ts';
import { enter, isArmed, leave } from '../lib/seam.ts';
import { inTransaction } from './open.ts';

const tables = {
  changes: changeTransitions as Readonly<Record<string, readonly string[]>>,
  releases: releaseTransitions as Readonly<Record<string, readonly string[]>>,
} as const;

export type Transition = {
  table: keyof typeof tables;
  id: string;
  from: string;
  to: string;
  /** Further columns to set, by column name; names come from code, values are bound. */
  set?: Readonly<Record<string, string | number | null>>;
  event: LedgerEvent;
};

/** True when the row was in `from` and is now in `to`; false when somebody else moved it first. Throws on a move that no table allows. */
export function transition(database: DatabaseSync, move: Transition): boolean {
  return inTransaction(database, () => moveState(database, move));
}

/** `transition` for a caller that holds the transaction. */
export function moveState(database: DatabaseSync, move: Transition): boolean {
  if (!tables[move.table][move.from]?.includes(move.to)) {
    throw new Error(`${move.table}: no transition from ${move.from} to ${move.to}`);
  }
  const at = isArmed ? enter('store.transition', `${move.table} ${move.from}>${move.to}`) : null;
  const columns = Object.keys(move.set ?? {});
  const assignments = ['state = ?', ...columns.map((column) => `${column} = ?`)].join(', ');
  const update = database.prepare(`UPDATE ${move.table} SET ${assignments} WHERE id = ? AND state = ?`);
  const { changes } = update.run(move.to, ...Object.values(move.set ?? {}), move.id, move.from);
  if (changes !== 1) return false;
  appendEvent(database, move.event);
  if (isArmed) leave(at);
  return true;
}

/** `moveState` where nobody else can have moved it: throws, so that the transaction is undone, when somebody did. */
export function mustMove(database: DatabaseSync, move: Transition): void {
  if (!moveState(database, move)) throw new Error(`${move.table}: ${move.id} was not in ${move.from}`);
}

/** Appends to the ledger; the caller holds the transaction. */
export function appendEvent(database: DatabaseSync, event: LedgerEvent): void {
  database
    .prepare(
      'INSERT INTO events (id, team_id, app_id, change_id, release_id, type, actor, at_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      event.id,
      event.teamId,
      event.appId,
      event.changeId,
      event.releaseId,
      event.type,
      event.actor,
      event.atMs,
      JSON.stringify(event.data),
    );
}
