import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Uses } from './uses.ts';

test('work waits for the last user, and users that come meanwhile wait for its end', async () => {
  const uses = new Uses();
  const seen: string[] = [];
  const first = await uses.begin();
  const end = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  uses.whenIdle(() => Promise.reject(new Error('replaced: it never runs')));
  uses.whenIdle(async () => {
    seen.push('alone');
    started.resolve();
    await end.promise;
    seen.push('done');
  });
  const second = await uses.begin();
  first.release();
  first.release();
  assert.equal(seen.length, 0);
  second.release();
  await started.promise;
  const third = uses.begin().then((use) => {
    seen.push('third');
    return use;
  });
  await Promise.resolve();
  assert.equal(seen.join(), 'alone');
  end.resolve();
  (await third).release();
  assert.deepEqual(seen, ['alone', 'done', 'third']);
});

test('work that fails keeps nobody out', async () => {
  const uses = new Uses();
  uses.whenIdle(() => Promise.reject(new Error('broken')));
  using _use = await uses.begin();
});
