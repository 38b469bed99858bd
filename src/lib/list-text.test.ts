import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listText, readList } from './list-text.ts';

type Item = { id: number; text: string };
const item = (id: number, text = `line\n"${id}"`): Item => ({ id, text });
const reader = () => {
  const parsed: number[] = [];
  const read = readList<Item>('items', (value) => {
    const { id } = value as Item;
    parsed.push(id);
    return id < 0 ? null : (value as Item);
  });
  return { read, parsed };
};

test('it is JSON, with and without lines, whatever the items hold', () => {
  const head = { version: 3, note: 'a\nb' };
  for (const items of [[], [item(1)], [item(1), item(2, '\u2028 ä 😀')]])
    for (const between of ['', '\n'] as const)
      assert.deepEqual(JSON.parse(listText(head, 'items', items, between)), { ...head, items });
});

test('what was there before is the same object; only what changed is parsed', () => {
  const { read, parsed } = reader();
  const items = Array.from({ length: 5 }, (_, at) => item(at));
  const first = read(listText({ version: 1 }, 'items', items))!;
  assert.deepEqual(first, { head: { version: 1 }, items });
  assert.deepEqual(parsed.splice(0), [0, 1, 2, 3, 4]);
  const changed = items.with(2, item(2, 'other'));
  const second = read(listText({ version: 2 }, 'items', changed))!;
  assert.deepEqual(second.items, changed);
  assert.deepEqual(parsed.splice(0), [2]);
  assert.equal(second.items[3], first.items[3]);
  const without = [...changed.slice(0, 1), ...changed.slice(2), item(9)];
  assert.deepEqual(read(listText({ version: 3 }, 'items', without))!.items, without);
  assert.deepEqual(parsed, [9]);
});

test('a text of another form, or with an item that is none, is left to whoever reads it whole', () => {
  const good = listText({ version: 1 }, 'items', [item(1), item(2)]);
  for (const text of [
    '',
    '{}',
    JSON.stringify(JSON.parse(good)),
    `${good}\n`,
    good.replace('\n,', '\n'),
    good.replace(',"items"', ',"other"'),
    good.replace('{"version":1', '{"version":1,"items":[]'),
    good.replace('"id":2', '"id":-2'),
    good.replace('"id":2', '"id":'),
    good.replace('}\n]}', '},{"id":3}\n]}'),
  ])
    assert.equal(reader().read(text), null, text);
});
