// A patch is the difference of two lists and nothing else: put upon the one it gives the other, or it is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changedHead, changedItems, changeText, patched, patchText, readPatch } from './list-patch.ts';

const item = fc.record({ name: fc.string({ maxLength: 6 }), at: fc.nat(3) }, { noNullPrototype: true });

test('upon the list before it gives the list after, also as text; lists of other lengths have none', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), fc.array(item, { maxLength: 8 }), (before, after) => {
      const items = changedItems(before, after);
      if (items === null) return assert.notEqual(before.length, after.length);
      const read = readPatch(patchText({ head: { version: 2 }, items }))!;
      assert.deepEqual(read.head, { version: 2 });
      assert.deepEqual(patched(before as unknown[], read.items), after);
      return undefined;
    }),
    { seed: 4, numRuns: 1000 },
  );
});

test('of the head only what is another than before is said; a head that has lost something has no patch', () => {
  const value = fc.oneof(fc.nat(2), fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }), fc.constant(null));
  const anyHead = fc.dictionary(fc.constantFrom('x', 'y', 'z'), value, { noNullPrototype: true });
  fc.assert(
    fc.property(anyHead, anyHead, (before, after) => {
      const text = changeText({ head: before, items: [] }, { head: after, items: [] });
      if (text === null) return assert.ok(Object.keys(before).some((name) => !(name in after)));
      assert.deepEqual({ ...before, ...readPatch(text)!.head }, after);
      return undefined;
    }),
    { seed: 4, numRuns: 1000 },
  );
  const hosts = ['a.test'];
  assert.deepEqual(changedHead({ version: 1, hosts }, { version: 2, hosts: ['a.test'] }), { version: 2 });
  assert.equal(changedHead({ version: 1 }, { version: undefined }), null);
});

test('much that has changed is no patch', () => {
  const list = (at: number) => Array.from({ length: 100 }, () => ({ at }));
  assert.equal(changedItems(list(1), list(2)), null);
  assert.deepEqual(changedItems(list(1), list(1)), []);
});

test('what is no patch is none, and an item without a place is not put anywhere', () => {
  for (const text of [
    '',
    '[]',
    'null',
    '{"head":1,"items":[]}',
    '{"head":{},"items":[1]}',
    '{"head":{},"items":[[-1,1]]}',
  ])
    assert.equal(readPatch(text), null, text);
  assert.equal(readPatch('{"head":{},"items":[[0.5,1]]}'), null);
  assert.equal(patched([1], [[1, 2]]), null);
  assert.deepEqual(patched([1], [[0, 2]]), [2]);
});
