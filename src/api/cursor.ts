// Where a list goes on: opaque to clients, base64url of a small JSON array that names the list it belongs to, so that
// the cursor of one list is refused by another. It grants nothing: the next question is asked with the token's own eyes.
import { z } from '@hono/zod-openapi';
import { fail } from '../domain/errors.ts';

const cursorSchema = z.tuple([z.string(), z.union([z.string().max(200), z.int().nonnegative()])]);

/** @param list the list's name with what it is about, e.g. `releases/app_01…` */
function makeCursor(list: string, after: string | number): string {
  return Buffer.from(JSON.stringify([list, after])).toString('base64url');
}

/** What to go on after; null from the beginning. @throws bad-request for a cursor that this list did not give */
export function readCursor(list: string, cursor: string | undefined): string | number | null {
  if (cursor === undefined) return null;
  try {
    const parsed = cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    if (parsed[0] === list) return parsed[1];
  } catch {
    // Said below, once for every way of being wrong.
  }
  throw fail('bad-request', 'the cursor is not one of this list', {
    advice: 'Start without a cursor and go on with the "next" of each answer.',
  });
}

/**
 * One page of what a question gave, which was asked for one more than `limit`: `next` is null on the last page.
 * @param keyOf what the next page starts after
 */
export function page<T>(
  list: string,
  found: readonly T[],
  limit: number,
  keyOf: (item: T) => string | number,
  present: (item: T) => unknown,
): { items: unknown[]; next: string | null } {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const next = found.length > limit && last !== undefined ? makeCursor(list, keyOf(last)) : null;
  return { items: shown.map(present), next };
}
