// A document that is mostly one long list, as JSON with an item on each line, so that whoever reads it again and again parses
// only the items that have changed. It is JSON like any other: whoever does not know the form reads it with `JSON.parse`, and
// a text of another form is read that way here too.

const texts = new WeakMap<object, string>();

/** The JSON of an item that is never changed, made once for as long as the item lives. */
export function textOfItem(item: object): string {
  let text = texts.get(item);
  if (text === undefined) {
    text = JSON.stringify(item);
    texts.set(item, text);
  }
  return text;
}

/** The JSON of a head. What it holds is never changed: a long list in it that is the same as before has its text already. */
export function textOfHead(head: object): string {
  const parts = Object.entries(head).flatMap(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? textOfItem(value) : JSON.stringify(value);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${parts.join()}}`;
}

/**
 * `{...head, [key]: items}` as JSON, the list last.
 * @param head holds at least one thing, and not `key`
 * @param between what stands between items besides the comma: '\n' for `readList`
 */
export function listText(head: object, key: string, items: readonly object[], between: '' | '\n' = '\n'): string {
  const begin = `${textOfHead(head).slice(0, -1)},${JSON.stringify(key)}:[`;
  if (items.length === 0) return `${begin}]}`;
  return `${begin}${between}${items.map(textOfItem).join(`${between},`)}${between}]}`;
}

export type ReadList<T> = (text: string) => { head: unknown; items: T[] } | null;

/**
 * Reads what `listText` wrote. Items whose text stood in the last document (in about the same order) are the same objects.
 * @param parse an item, or null when it is none
 * @returns null when the text has another form or an item is none: read it whole, and say what is wrong
 */
export function readList<T extends object>(key: string, parse: (value: unknown) => T | null): ReadList<T> {
  let known: { text: string; item: T }[] = [];
  const end = `,${JSON.stringify(key)}:[`;
  return (text) => {
    const lines = text.split('\n');
    const [begin = '', ...rest] = lines;
    if (rest.pop() !== ']}' || !begin.endsWith(end)) return null;
    const fresh: typeof known = [];
    try {
      const head: unknown = JSON.parse(`${begin.slice(0, -end.length)}}`);
      if (typeof head !== 'object' || head === null || key in head) return null;
      for (let at = 0, old = 0; at < rest.length; at += 1, old += 1) {
        if (at > 0 && !rest[at]!.startsWith(',')) return null;
        const line = at === 0 ? rest[at]! : rest[at]!.slice(1);
        // One that is no longer there moves those after it forward.
        if (known[old]?.text !== line && known[old + 1]?.text === line) old += 1;
        const same = known[old];
        if (same?.text === line) {
          fresh.push(same);
          continue;
        }
        const item = parse(JSON.parse(line));
        if (item === null) return null;
        // A text of its own: a piece of the document's would keep all of it.
        fresh.push({ text: Buffer.from(line).toString(), item });
      }
      known = fresh;
      return { head, items: fresh.map(({ item }) => item) };
    } catch {
      return null;
    }
  };
}
