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

test('a turn that gives way comes after all others, and is asked for back when somebody waits', async () => {
  const lock = new Semaphore(1);
  const order: string[] = [];
  const first = await lock.take();
  const last = lock.takeLast().then((turn) => {
    order.push('last');
    return turn;
  });
  const second = lock.take().then((turn) => {
    order.push('second');
    return turn;
  });
  first.release();
  (await second).release();
  const giving = await last;
  assert.deepEqual(order, ['second', 'last']);
  assert.deepEqual([giving.wanted.aborted, lock.isBusy, lock.givesWay], [false, true, true]);
  const third = lock.take();
  assert.deepEqual([giving.wanted.aborted, lock.givesWay], [true, false]);
  giving.release();
  (await third).release();
  assert.equal(lock.isBusy, false);
  const stopped = new AbortController();
  using _held = await lock.take();
  const never = lock.takeLast(stopped.signal);
  stopped.abort(new Error('enough'));
  await assert.rejects(never, /enough/);
});

test('with two turns only one of two who give way is asked for each who waits', async () => {
  const slots = new Semaphore(2);
  const [one, other] = [await slots.takeLast(), await slots.takeLast()];
  const waiting = slots.take();
  assert.deepEqual([one.wanted.aborted, other.wanted.aborted], [true, false]);
  one.release();
  (await waiting).release();
  other.release();
  assert.equal(slots.isBusy, false);
});
