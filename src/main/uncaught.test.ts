import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goOnUntilTooMany } from './uncaught.ts';

test('the router goes on after an error that nobody caught, and ends when they do not stop', () => {
  const said: string[] = [];
  let nowMs = 0;
  let ends = 0;
  const tell = goOnUntilTooMany((stack) => said.push(stack), {
    most: 3,
    withinMs: 1000,
    now: () => nowMs,
    end: () => {
      ends += 1;
      return undefined as never;
    },
  });
  for (let at = 0; at < 10; at += 1) {
    nowMs += 400;
    tell(new Error(`number ${at}`));
  }
  assert.deepEqual([said.length, ends], [10, 0]);
  tell(new Error('again'));
  assert.equal(ends, 1);
});
