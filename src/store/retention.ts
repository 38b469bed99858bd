// What the store does not keep for ever. The rows that say what happened stay for a long time; what makes them large (verdicts)
// goes first. Nothing goes that a rollback, a restart or the memo of a kept release needs.
import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './open.ts';

/** Of each app, the newest so many. */
export const kept = { events: 20_000, changes: 5_000, verdicts: 500, receipts: 5_000 } as const;

/** Drops what is beyond `most`, app by app. */
export function dropOld(
  database: DatabaseSync,
  most: { events: number; changes: number; verdicts: number; receipts: number } = kept,
): void {
  inTransaction(database, () => {
    for (const { id } of database.prepare('SELECT id FROM apps').all()) {
      database
        .prepare(
          'DELETE FROM events WHERE app_id = ? AND seq <= (SELECT seq FROM events WHERE app_id = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)',
        )
        .run(id!, id!, most.events);
      database
        .prepare(
          `DELETE FROM changes WHERE app_id = ? AND ended_at_ms IS NOT NULL
             AND number <= (SELECT max(number) FROM changes WHERE app_id = ?) - ?`,
        )
        .run(id!, id!, most.changes);
      database
        .prepare(
          `UPDATE changes SET verdict = NULL WHERE app_id = ? AND ended_at_ms IS NOT NULL AND verdict IS NOT NULL
             AND number <= (SELECT max(number) FROM changes WHERE app_id = ?) - ?`,
        )
        .run(id!, id!, most.verdicts);
      // The row stays, else the receipt would be made again; the note in the repository has the text.
      database
        .prepare(
          `UPDATE receipts SET body = NULL WHERE app_id = ? AND body IS NOT NULL AND is_noted = 1 AND release_id <=
             (SELECT release_id FROM receipts WHERE app_id = ? ORDER BY release_id DESC LIMIT 1 OFFSET ?)`,
        )
        .run(id!, id!, most.receipts);
      // A passing verdict of a tree that was live is what makes its return instant.
      database
        .prepare(
          `DELETE FROM verdicts WHERE app_id = ? AND key NOT IN
             (SELECT key FROM verdicts WHERE app_id = ? ORDER BY created_at_ms DESC LIMIT ?)
             AND NOT (outcome = 'passed' AND tree_id IN
               (SELECT tree_id FROM releases WHERE app_id = ? AND version IS NOT NULL ORDER BY version DESC LIMIT ?))`,
        )
        .run(id!, id!, most.verdicts, id!, most.verdicts);
    }
    // Of destroyed apps, and of the team itself.
    database
      .prepare(
        `DELETE FROM events WHERE (app_id IS NULL OR app_id NOT IN (SELECT id FROM apps)) AND seq <=
           (SELECT seq FROM events WHERE app_id IS NULL OR app_id NOT IN (SELECT id FROM apps)
            ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
      )
      .run(most.events);
  });
}
