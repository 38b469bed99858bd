import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Semaphore } from './semaphore.ts';

test('turns are handed out in order, and no more at once than there are', async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.all(
    [1, 2, 3, 4, 5].map(async (number) => {
      using _turn = await semaphore.take();
      running += 1;
      most = Math.max(most, running);
      order.push(number);
      await Promise.resolve();
      running -= 1;
    }),
  );
  assert.equal(most, 2);
  assert.deepEqual(order, [1, 2, 3, 4, 5]);
  assert.equal(semaphore.isBusy, false);
});

test('who gives up waiting leaves the queue, and a turn is given back once', async () => {
  const lock = new Semaphore(1);
  const first = await lock.take();
  const controller = new AbortController();
  const second = lock.take(controller.signal);
  controller.abort(new Error('gone'));
  await assert.rejects(second, /gone/);
  assert.equal(lock.waiting, 0);
  first.release();
  first.release();
  using _again = await lock.take();
  assert.equal(lock.isBusy, true);
});
