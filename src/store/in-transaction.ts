import type { DatabaseSync } from 'node:sqlite';
import { enter, isArmed, leave } from '../lib/seam.ts';

/** Runs `work` in one IMMEDIATE transaction: all of it or nothing of it. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    const at = isArmed ? enter('store.commit') : null;
    database.exec('COMMIT');
    if (isArmed) leave(at);
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
