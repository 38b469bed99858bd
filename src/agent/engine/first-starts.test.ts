import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFirstStarts } from './first-starts.ts';

const longMs = 2 ** 31 - 1;

test('what goes first is begun before anything waits, and others begin when it is there, or has failed', async () => {
  const starts = openFirstStarts(longMs);
  await starts.clear();
  const [one, other] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const seen: string[] = [];
  const made = starts.first(() => {
    seen.push('begun');
    return one.promise;
  });
  const failed = starts.first(() => other.promise);
  const waiting = starts.clear().then(() => seen.push('instance'));
  one.resolve('started');
  assert.equal(await made, 'started');
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['begun'], 'another one goes first still');
  other.reject(new Error('no such image'));
  await assert.rejects(failed, /no such image/);
  await waiting;
  assert.deepEqual(seen, ['begun', 'instance']);
  await starts.clear();
});

test('a start that hangs holds nobody for longer than the limit', async () => {
  const starts = openFirstStarts(1);
  void starts.first(() => new Promise(() => {}));
  await starts.clear();
});
