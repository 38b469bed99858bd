import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arrivals } from './arrivals.ts';

const signal = new AbortController().signal;

test('a job that comes before its tree waits for it, and so does one that comes meanwhile', async () => {
  const arrivals = new Arrivals();
  const early = arrivals.whenThere('/copy', signal);
  const tree = arrivals.coming('/copy');
  const meanwhile = arrivals.whenThere('/copy', signal);
  tree.arrived();
  await Promise.all([early, meanwhile]);
});

test('a tree that fails fails its jobs with the same words', async () => {
  const arrivals = new Arrivals();
  const waiting = arrivals.whenThere('/copy', signal);
  arrivals.coming('/copy').failed(new Error('The disk is full.'));
  await assert.rejects(waiting, /The disk is full/);
});

test('a job that is cancelled waits no longer', async () => {
  const arrivals = new Arrivals();
  const controller = new AbortController();
  const waiting = arrivals.whenThere('/copy', controller.signal);
  controller.abort(new Error('style is red'));
  await assert.rejects(waiting, /style is red/);
});

test('a tree that nobody writes is not waited for, and one that is being written is, however long', async () => {
  const arrivals = new Arrivals(1);
  const tree = arrivals.coming('/slow');
  const waiting = arrivals.whenThere('/slow', signal);
  await assert.rejects(arrivals.whenThere('/none', signal), { code: 'not-found' });
  await assert.rejects(arrivals.whenThere('/none', signal), { code: 'not-found' });
  tree.arrived();
  await waiting;
});
