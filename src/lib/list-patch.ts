// What has changed between two documents that are mostly one long list (`list-text.ts`): the head whole, and the items that are
// others than before, by place. So a change of one app among a thousand is sent and kept as one app. A list that has grown,
// shrunk or moved has no patch: it is sent and kept whole.
import { textOfHead, textOfItem } from './list-text.ts';

/** An item and its place in the list. */
export type Placed<T> = readonly [at: number, item: T];
export type ListPatch<T> = { head: object; items: readonly Placed<T>[] };

/** More changed items than this are better sent whole. */
const mostItems = 32;

/** The items of `after` that are not those of `before`; null: they have no patch. */
export function changedItems<T extends object>(before: readonly T[], after: readonly T[]): Placed<T>[] | null {
  if (before.length !== after.length) return null;
  const changed: Placed<T>[] = [];
  for (let at = 0; at < after.length; at += 1) {
    const item = after[at]!;
    if (item === before[at] || textOfItem(item) === textOfItem(before[at]!)) continue;
    changed.push([at, item]);
    if (changed.length > mostItems) return null;
  }
  return changed;
}

/** `present` when the other says the same, so that what follows from it need not be found out again. */
export function sameList<T extends string>(present: readonly T[], other: unknown): readonly T[] | null {
  const isSame =
    Array.isArray(other) && other.length === present.length && present.every((text, at) => text === other[at]);
  return isSame ? present : null;
}

export function patchText({ head, items }: ListPatch<object>): string {
  return `{"head":${textOfHead(head)},"items":[${items.map(([at, item]) => `[${at},${textOfItem(item)}]`).join()}]}`;
}

/** What `patchText` wrote, and nothing else; null: it is none. Head and items are not looked into. */
export function readPatch(text: string): ListPatch<unknown> | null {
  try {
    const value = JSON.parse(text) as { head?: unknown; items?: unknown } | null;
    const { head, items } = Object(value) as { head?: unknown; items?: unknown };
    if (typeof head !== 'object' || head === null || !Array.isArray(items) || !items.every(isPlaced)) return null;
    return { head, items };
  } catch {
    return null;
  }
}

/** The list with these items in their places; null when one has no place in it. */
export function patched<T>(items: readonly T[], changed: readonly Placed<T>[]): T[] | null {
  if (!changed.every(([at]) => at < items.length)) return null;
  const after = [...items];
  for (const [at, item] of changed) after[at] = item;
  return after;
}

function isPlaced(value: unknown): value is Placed<unknown> {
  return Array.isArray(value) && value.length === 2 && Number.isSafeInteger(value[0]) && value[0] >= 0;
}
