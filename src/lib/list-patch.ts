// What has changed between two documents that are mostly one long list (`list-text.ts`): what of the head is another than before,
// and the items that are, by place. So a change of one app among a thousand is sent and kept as one app. A list that has grown,
// shrunk or moved has no patch, and neither has a head that lost something: it is sent and kept whole.
import { textOfHead, textOfItem } from './list-text.ts';

/** A document: its list, and everything beside it. */
export type ListDocument = { head: object; items: readonly object[] };
/** An item and its place in the list. */
export type Placed<T> = readonly [at: number, item: T];
/** `head`: what it does not name is as before. */
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

/** What the head `after` says that `before` does not; null: they have no patch. Their values are never changed. */
export function changedHead(before: object, after: object): object | null {
  const [old, now] = [new Map(Object.entries(before)), Object.entries(after)];
  if (now.some(([name, value]) => value === undefined && old.has(name))) return null;
  if ([...old.keys()].some((name) => !(name in after))) return null;
  return Object.fromEntries(now.filter(([name, value]) => !isSame(old.get(name), value)));
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  return textOfItem(one) === textOfItem(other);
}

/** What changes `before` to `after`; null: it is sent and kept whole. */
export function changeText(before: ListDocument, after: ListDocument): string | null {
  const items = changedItems(before.items, after.items);
  const head = items && changedHead(before.head, after.head);
  return items && head && patchText({ head, items });
}

/** `present` when the other says the same, so that what follows from it need not be found out again. */
export function sameList<T extends string>(present: readonly T[], other: unknown): readonly T[] | null {
  if (other === present) return present;
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
