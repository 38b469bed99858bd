// SQLite's own check of the database while it is in use.
import type { DatabaseSync } from 'node:sqlite';

/** Above it the check takes too long for a process that answers meanwhile. */
const checkableBytes = 64 * 1024 * 1024;

/** In SQLite's words; null: all is well; `too large`: it was not checked. */
export function checkDatabase(database: DatabaseSync): string | 'too large' | null {
  const number = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
  if (number('page_count') * number('page_size') > checkableBytes) return 'too large';
  const { quick_check: said } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  return said === 'ok' ? null : said;
}
