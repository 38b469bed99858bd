import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GitSlots, slotKindOf } from './slots.ts';

const limits = {
  ofOne: { 'git-upload-pack': 2, 'git-receive-pack': 1, 'advertise-push': 1 },
  together: { 'git-upload-pack': 3, 'git-receive-pack': 2, 'advertise-push': 1 },
  waiting: 2,
  waitMs: 60_000,
};
const signal = new AbortController().signal;
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol();
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
};

test('one repository takes its own number and no more, others go on, and all together have theirs', async () => {
  const slots = new GitSlots(limits);
  const fetch = (repository: string) => slots.take(repository, 'git-upload-pack', signal);
  const first = await fetch('a');
  const second = await fetch('a');
  const third = fetch('a');
  assert.equal(await isSettled(third), false);
  const other = await fetch('b');
  const another = fetch('b');
  assert.equal(await isSettled(another), false, 'all together are three');
  assert.equal(await isSettled(slots.take('a', 'git-receive-pack', signal)), true, 'pushes have places of their own');
  other[Symbol.dispose]();
  assert.equal(await isSettled(another), true);
  assert.equal(await isSettled(third), false, 'a has two');
  first[Symbol.dispose]();
  assert.equal(await isSettled(third), true);
  for (const one of [second, await another, await third]) one[Symbol.dispose]();
});

test('who waits too long, or behind too many, is told to come again; who leaves waits no longer', async () => {
  const slots = new GitSlots({ ...limits, waitMs: 20 });
  const push = (by = signal) => slots.take('a', 'git-receive-pack', by);
  using _first = await push();
  const gone = new AbortController();
  const leaving = push(gone.signal);
  gone.abort(new Error('the client went away'));
  await assert.rejects(leaving, /went away/);
  const waiting = [push(), push()];
  await assert.rejects(push(), { code: 'busy' });
  for (const one of waiting) await assert.rejects(one, { code: 'busy' });
});

test('a place that was given back, or never had, is free again', async () => {
  const slots = new GitSlots(limits);
  for (let round = 0; round < 50; round += 1) {
    using _one = await slots.take('a', 'git-upload-pack', signal);
    using _two = await slots.take('a', 'git-upload-pack', signal);
    const gone = new AbortController();
    const third = slots.take('a', 'git-upload-pack', gone.signal);
    gone.abort();
    await third.catch(() => {});
  }
  using _a = await slots.take('a', 'git-upload-pack', signal);
  using _b = await slots.take('a', 'git-upload-pack', signal);
});

test('a pusher is told the refs while clones and pushes take every place of theirs', async () => {
  const slots = new GitSlots(limits);
  const [clone, push] = (['git-upload-pack', 'git-receive-pack'] as const).map((service) => ({
    service,
    step: 'exchange' as const,
  }));
  using _one = await slots.take('a', slotKindOf(clone!), signal);
  using _two = await slots.take('a', slotKindOf(clone!), signal);
  using _three = await slots.take('a', slotKindOf(push!), signal);
  assert.equal(
    await isSettled(slots.take('a', slotKindOf({ service: 'git-upload-pack', step: 'advertise' }), signal)),
    false,
  );
  const asked = slots.take('a', slotKindOf({ service: 'git-receive-pack', step: 'advertise' }), signal);
  assert.equal(await isSettled(asked), true);
  (await asked)[Symbol.dispose]();
});
