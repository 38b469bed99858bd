import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectAtRest } from './collect-at-rest.ts';

test('one collection after each spell of work, and none during it', (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const shares: number[] = [];
  let share = 0;
  let collections = 0;
  using _rest = collectAtRest({ everyMs: 10, busyShare: () => share, collect: () => (collections += 1) });
  for (const next of [0.5, 0.3, 0, 0, 0, 0.02, 0, 0]) {
    share = next;
    context.mock.timers.tick(10);
    shares.push(collections);
  }
  assert.deepEqual(shares, [0, 0, 1, 1, 1, 1, 2, 2]);
});

test('the real meter and collector work', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = process.memoryUsage().heapUsed;
  using _rest = collectAtRest({
    everyMs: 5,
    collect: () => {
      assert.ok(before > 0);
      resolve();
    },
  });
  const keep = setInterval(() => {}, 50);
  await promise;
  clearInterval(keep);
});
