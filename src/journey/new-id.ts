// Ids of what a change makes: they sort by time, and much is found by that order.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { type Brand, type IdPrefix, makeId, momentOfId } from '../domain/ids.ts';
import { RisingClock } from '../lib/clock.ts';

const idClock = new RisingClock();

/** Ids sort by time, and much is found by that order: what is made now comes after all that the store has. */
export function idsFollow(database: DatabaseSync): void {
  for (const table of ['events', 'releases', 'changes', 'apps']) {
    const newest = database.prepare(`SELECT max(id) AS id FROM ${table}`).get()?.id;
    if (typeof newest === 'string') idClock.raiseTo(momentOfId(newest));
  }
}

export function newId<P extends IdPrefix>(prefix: P): Brand<P> {
  return makeId(prefix, idClock.next(), randomBytes(16));
}
