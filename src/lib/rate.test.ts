import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rate } from './rate.ts';

test('a key may be taken so often at once, and again at its pace; another is its own', () => {
  let nowMs = 0;
  const rate = new Rate({ burst: 3, everyMs: 1000 }, () => nowMs);
  const taken = (key: string, times: number) => Array.from({ length: times }, () => rate.take(key));
  assert.deepEqual(taken('a', 4), [true, true, true, false]);
  assert.deepEqual(taken('b', 1), [true]);
  nowMs = 1500;
  assert.deepEqual(taken('a', 2), [true, false]);
  nowMs = 2000;
  assert.deepEqual(taken('a', 1), [true]);
  nowMs = 60_000;
  assert.deepEqual(taken('a', 4), [true, true, true, false]);
});

test('keys that have rested are forgotten, those that are spent are not', () => {
  let nowMs = 0;
  const rate = new Rate({ burst: 1, everyMs: 1000 }, () => nowMs);
  for (let key = 0; key < 999; key += 1) rate.take(String(key));
  nowMs = 1000;
  rate.take('spent');
  assert.equal(rate.take('spent'), false);
  assert.equal(rate.take('0'), true);
  assert.equal(rate.take('spent'), false);
});
