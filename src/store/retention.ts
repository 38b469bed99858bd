// What the store does not keep for ever: a list of what goes, each a question with its limit. The rows that say what happened stay
// for a long time; what makes them large (verdicts, receipts' texts) goes first. Nothing goes that a rollback to a kept
// release, a restart or the memo of a kept release needs. What is freed goes back to the disk.
import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './in-transaction.ts';

/** Of each app, the newest so many; `releases` counts those that were live and those that failed apart. */
export const defaultLimits = {
  events: 20_000,
  changes: 5000,
  verdicts: 500,
  receipts: 5000,
  releases: 2000,
  configVersions: 100,
} as const;
export type RetentionLimits = { readonly [K in keyof typeof defaultLimits]: number };

const tokenMs = 90 * 24 * 3_600_000;

type Rule = {
  sql: string /** Which limits fill the question marks that do not stand for the app. */;
  limits: (keyof RetentionLimits)[];
};

/** Of one app; `:app` is its id. */
const ofApp: readonly Rule[] = [
  {
    sql: `DELETE FROM events WHERE app_id = :app AND seq <=
            (SELECT seq FROM events WHERE app_id = :app ORDER BY seq DESC LIMIT 1 OFFSET :events)`,
    limits: ['events'],
  },
  {
    sql: `DELETE FROM changes WHERE app_id = :app AND ended_at_ms IS NOT NULL
            AND number <= (SELECT max(number) FROM changes WHERE app_id = :app) - :changes`,
    limits: ['changes'],
  },
  {
    sql: `UPDATE changes SET verdict = NULL WHERE app_id = :app AND ended_at_ms IS NOT NULL AND verdict IS NOT NULL
            AND number <= (SELECT max(number) FROM changes WHERE app_id = :app) - :verdicts`,
    limits: ['verdicts'],
  },
  // The row stays, else the receipt would be made again; the note in the repository has the text.
  {
    sql: `UPDATE receipts SET body = NULL WHERE app_id = :app AND body IS NOT NULL AND is_noted = 1 AND release_id <=
            (SELECT release_id FROM receipts WHERE app_id = :app ORDER BY release_id DESC LIMIT 1 OFFSET :receipts)`,
    limits: ['receipts'],
  },
  {
    sql: `DELETE FROM releases WHERE app_id = :app AND state = 'retired' AND version <=
            (SELECT version FROM releases WHERE app_id = :app AND version IS NOT NULL ORDER BY version DESC LIMIT 1 OFFSET :releases)`,
    limits: ['releases'],
  },
  {
    sql: `DELETE FROM releases WHERE app_id = :app AND state = 'failed' AND id <=
            (SELECT id FROM releases WHERE app_id = :app AND state = 'failed' ORDER BY id DESC LIMIT 1 OFFSET :releases)`,
    limits: ['releases'],
  },
  {
    sql: `DELETE FROM receipts WHERE app_id = :app AND is_noted = 1
            AND release_id NOT IN (SELECT id FROM releases WHERE app_id = :app) AND release_id <=
            (SELECT release_id FROM receipts WHERE app_id = :app ORDER BY release_id DESC LIMIT 1 OFFSET :releases)`,
    limits: ['releases'],
  },
  {
    sql: `DELETE FROM quality WHERE app_id = :app AND version <=
            (SELECT version FROM quality WHERE app_id = :app ORDER BY version DESC LIMIT 1 OFFSET :releases)`,
    limits: ['releases'],
  },
  {
    sql: `DELETE FROM artifacts WHERE app_id = :app
            AND digest NOT IN (SELECT artifact_digest FROM releases WHERE app_id = :app)`,
    limits: [],
  },
  {
    sql: `DELETE FROM config_versions WHERE app_id = :app
            AND version <= (SELECT max(version) FROM config_versions WHERE app_id = :app) - :configVersions
            AND version NOT IN (SELECT config_version FROM releases WHERE app_id = :app)`,
    limits: ['configVersions'],
  },
  // A delivery that comes again after so many others looks once more, and finds what is live.
  {
    sql: `DELETE FROM deliveries WHERE app_id = :app AND heard_at_ms <=
            (SELECT heard_at_ms FROM deliveries WHERE app_id = :app ORDER BY heard_at_ms DESC LIMIT 1 OFFSET 1000)`,
    limits: [],
  },
  // A passing verdict of a tree that was live is what makes its return instant.
  {
    sql: `DELETE FROM verdicts WHERE app_id = :app AND key NOT IN
            (SELECT key FROM verdicts WHERE app_id = :app ORDER BY created_at_ms DESC LIMIT :verdicts)
            AND NOT (outcome = 'passed' AND tree_id IN
              (SELECT tree_id FROM releases WHERE app_id = :app AND version IS NOT NULL ORDER BY version DESC LIMIT :verdicts))`,
    limits: ['verdicts'],
  },
];

/** Drops what is beyond `limits`, app by app. */
export function dropOld(database: DatabaseSync, limits: RetentionLimits = defaultLimits, nowMs = Date.now()): void {
  inTransaction(database, () => {
    for (const { id } of database.prepare('SELECT id FROM apps').all())
      for (const { sql, limits: named } of ofApp)
        database.prepare(sql).run({ app: id!, ...Object.fromEntries(named.map((name) => [name, limits[name]])) });
    // Of destroyed apps, and of the team itself.
    database
      .prepare(
        `DELETE FROM events WHERE (app_id IS NULL OR app_id NOT IN (SELECT id FROM apps)) AND seq <=
           (SELECT seq FROM events WHERE app_id IS NULL OR app_id NOT IN (SELECT id FROM apps)
            ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
      )
      .run(limits.events);
    database
      .prepare('DELETE FROM tokens WHERE min(ifnull(revoked_at_ms, ?1), ifnull(expires_at_ms, ?1)) < ?2')
      .run(nowMs, nowMs - tokenMs);
  });
  database.exec('PRAGMA incremental_vacuum');
}
