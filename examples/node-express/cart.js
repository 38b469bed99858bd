const items = new Map();

/**
 * Adds so many of a thing to the list.
 * @param {unknown} name letters, digits, blanks
 * @param {unknown} count from 1 to 99
 * @returns {{ name: string, count: number } | null} null: refused
 */
export function add(name, count) {
  if (typeof name !== 'string' || !/^[\w ]{1,40}$/.test(name)) return null;
  if (!Number.isInteger(count) || count < 1 || count > 99) return null;
  const item = { name, count: count + (items.get(name)?.count ?? 0) };
  items.set(name, item);
  return item;
}

/** What is on the list, in the order in which it was added. */
export function list() {
  return [...items.values()];
}

/** How many things there are to buy. */
export function total() {
  return list().reduce((sum, { count }) => sum + count, 0);
}
