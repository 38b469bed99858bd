import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { inOrder, placeOf, plan, type QueueState, type Request, type Running } from './plan.ts';
import { afterLanding, halves } from './split.ts';

const sha = (n: number) => String(n).padStart(40, '0') as CommitId;
const branch = (n: number) => `b${n}` as BranchName;

function request(number: number, more: Partial<Request> = {}): Request {
  return {
    id: `c${number}` as ChangeId,
    number,
    head: sha(number),
    branch: branch(number),
    priority: 'normal',
    arrivedAtMs: 0,
    verdict: 'green',
    conflicts: null,
    withdrawn: null,
    split: null,
    isOverride: false,
    isAlone: false,
    ...more,
  };
}

function state(queued: readonly Request[], more: Partial<QueueState> = {}): QueueState {
  const heads = [...queued, ...(more.running?.requests ?? [])].map((one) => [one.branch!, one.head] as const);
  return {
    queued,
    running: null,
    tip: sha(0),
    heads: new Map(heads),
    mayStart: true,
    nowMs: 0,
    gateMs: 1000,
    failureRate: 0,
    batch: { min: 1, max: 4 },
    ...more,
  };
}

const running = (requests: readonly Request[], more: Partial<Running> = {}): Running => ({
  requests,
  base: sha(0),
  isPassed: false,
  isStopped: false,
  ...more,
});

function check(given: QueueState, expected: string): void {
  const said = plan(given).map((one) => {
    if (one.do === 'start') return `start ${one.ids.join('+')}`;
    if (one.do === 'stop') return `stop: ${one.reason}`;
    return `${one.state} ${one.id}: ${one.reason}`;
  });
  assert.equal(said.join('; '), expected);
}

const many = (count: number, more: Partial<Request> = {}) =>
  Array.from({ length: count }, (_, at) => request(at + 1, more));

test('the oldest starts, a hotfix before it, an override before both', () => {
  check(state([request(2), request(1)]), 'start c1');
  check(state([request(1), request(2, { priority: 'hotfix' })]), 'start c2');
  check(state([request(1), request(2, { priority: 'hotfix' }), request(3, { isOverride: true })]), 'start c3');
  check(state([request(1)], { mayStart: false }), '');
  check(state([]), '');
});

test('requests share a gate only under backlog, and no more than it takes', () => {
  check(state(many(3)), 'start c1');
  check(state(many(4)), 'start c1+c2');
  check(state(many(9)), 'start c1+c2+c3');
  check(state(many(50)), 'start c1+c2+c3+c4');
  check(state(many(2), { nowMs: 60_000 }), 'start c1+c2');
  check(state(many(50), { batch: { min: 1, max: 1 } }), 'start c1');
  check(state(many(2), { batch: { min: 2, max: 4 } }), 'start c1+c2');
});

test('batches shrink with the failures', () => {
  check(state(many(50), { failureRate: 0.15 }), 'start c1+c2+c3+c4');
  check(state(many(50), { failureRate: 0.16 }), 'start c1+c2');
  check(state(many(50), { failureRate: 0.26 }), 'start c1');
});

test('only what was found green shares a gate, and nobody is passed by', () => {
  const [one, two, three, ...others] = many(50);
  check(state([one!, { ...two!, verdict: 'unknown' }, three!, ...others]), 'start c1');
  check(state([{ ...one!, verdict: 'red' }, two!, three!, ...others]), 'start c1');
  check(state([one!, two!, { ...three!, priority: 'hotfix' }, ...others]), 'start c3');
});

test('a request that is wanted no more ends, and says why', () => {
  const one = request(1);
  check(state([request(1, { withdrawn: 'cancelled by Ada' })]), 'cancelled c1: cancelled by Ada');
  check(state([one], { heads: new Map() }), 'cancelled c1: b1 was deleted');
  check(
    state([one], { heads: new Map([[branch(1), sha(7)]]) }),
    'superseded c1: b1 moved to 0000000: nobody has asked for that to be merged',
  );
  const newer = request(2, { branch: branch(1) });
  check(
    state([one, newer], { heads: new Map([[branch(1), sha(2)]]) }),
    'superseded c1: b1 moved to 0000000: change #2 asks for it; start c2',
  );
  check(
    state([request(1, { conflicts: ['app.py'] })]),
    'conflict c1: conflicts with main in app.py: merge main into the branch, or rebase it, then ask again',
  );
  check(state([request(1, { branch: null })], { heads: new Map() }), 'start c1');
});

test('what runs is stopped for what is more urgent, for a base that moved, and when it is wanted no more', () => {
  const now = running([request(1)]);
  const hotfix = request(2, { priority: 'hotfix' });
  check(state([request(2)], { running: now }), '');
  check(state([hotfix], { running: now }), 'stop: change #2 is more urgent');
  check(state([request(3, { isOverride: true })], { running: now }), 'stop: change #3 is more urgent');
  check(state([hotfix], { running: running([request(1, { priority: 'hotfix' })]) }), '');
  check(state([hotfix], { running: { ...now, isPassed: true } }), '');
  check(state([hotfix], { running: { ...now, isStopped: true } }), '');
  check(state([], { running: now, tip: sha(9) }), 'stop: main moved to 0000000');
  check(state([], { running: running([request(1, { withdrawn: 'cancelled by Ada' })]) }), 'stop: cancelled by Ada');
  check(state([], { running: now, heads: new Map() }), 'stop: b1 was deleted');
});

test('a batch that was refused is halved until the one that breaks stands alone', () => {
  assert.deepEqual(halves(2, 'x'), [
    { group: 'x.1', most: 1, isLast: false },
    { group: 'x.2', most: 1, isLast: true },
  ]);
  const [a, b, c, d] = halves(4, 'x');
  const waiting = [a, b, c, d].map((split, at) => request(at + 1, { split: split! }));
  check(state(waiting), 'start c1+c2');
  check(state(waiting.slice(2)), 'start c3+c4');
  // The first half has landed whole: the second is what failed, and is not tested together again.
  assert.deepEqual(afterLanding(c!, a!, 2), { ...c, most: 1 });
  assert.deepEqual(afterLanding(d!, a!, 2), { ...d, most: 1 });
  assert.equal(afterLanding(d!, a!, 1), null);
  assert.equal(afterLanding(null, a!, 2), null);
  assert.equal(afterLanding(b!, a!, 2), null);
  assert.equal(d!.isLast, true);
});

test('a place in the queue is said with the time that it may take', () => {
  const given = state(many(3), { running: running([request(9)]) });
  assert.deepEqual(placeOf('c2' as ChangeId, given), { position: 3, waitMs: 2000 });
});

const requests = fc.uniqueArray(
  fc.record({
    number: fc.integer({ min: 1, max: 40 }),
    priority: fc.constantFrom('normal' as const, 'hotfix' as const),
    verdict: fc.constantFrom('green' as const, 'red' as const, 'unknown' as const, 'conflict' as const),
    conflicts: fc.option(fc.constant(['a.py'] as const), { freq: 8 }),
    withdrawn: fc.option(fc.constant('cancelled'), { freq: 8 }),
    isOverride: fc.boolean(),
    split: fc.option(
      fc.record({ group: fc.constantFrom('x.1', 'x.2'), most: fc.integer({ min: 1, max: 2 }), isLast: fc.boolean() }),
    ),
    arrivedAtMs: fc.integer({ min: 0, max: 5000 }),
  }),
  { selector: (one) => one.number, maxLength: 20 },
);
const states = fc
  .record({
    requests,
    isRunning: fc.boolean(),
    isPassed: fc.boolean(),
    isStopped: fc.boolean(),
    mayStart: fc.boolean(),
    tip: fc.constantFrom(sha(0), sha(99)),
    gone: fc.array(fc.integer({ min: 1, max: 40 })),
    moved: fc.array(fc.integer({ min: 1, max: 40 })),
    nowMs: fc.integer({ min: 0, max: 60_000 }),
    gateMs: fc.integer({ min: 1, max: 60_000 }),
    failureRate: fc.double({ min: 0, max: 1, noNaN: true }),
    max: fc.integer({ min: 1, max: 6 }),
  })
  .map(({ requests: all, isRunning, isPassed, isStopped, gone, moved, max, ...rest }): QueueState => {
    const made = all.map((one) => request(one.number, one));
    const heads = new Map(made.map((one) => [one.branch!, moved.includes(one.number) ? sha(77) : one.head]));
    for (const number of gone) heads.delete(branch(number));
    const taken = isRunning ? made.slice(0, 1) : [];
    return {
      ...rest,
      queued: made.slice(taken.length),
      running: taken.length > 0 ? running(taken, { isPassed, isStopped }) : null,
      heads,
      batch: { min: 1, max },
    };
  });

test('whatever the state: what the plan does is sound', () => {
  fc.assert(
    fc.property(states, (given) => {
      const actions = plan(given);
      const ends = actions.flatMap((one) => (one.do === 'end' ? [one] : []));
      const starts = actions.flatMap((one) => (one.do === 'start' ? [one] : []));
      const stops = actions.filter((one) => one.do === 'stop');
      const byId = new Map(given.queued.map((one) => [one.id, one]));
      // Every end says why, once, and only of what waits.
      assert.equal(new Set(ends.map(({ id }) => id)).size, ends.length);
      for (const { id, reason } of ends) assert.ok(byId.has(id) && reason.length > 0);
      // One gate at a time; nothing starts without a turn, and something does when there is one.
      assert.ok(starts.length <= (given.mayStart && !given.running ? 1 : 0));
      const left = given.queued.filter(({ id }) => !ends.some((end) => end.id === id));
      if (given.mayStart && !given.running) assert.equal(starts.length, left.length > 0 ? 1 : 0);
      // What has passed is past stopping.
      if (!given.running || given.running.isPassed || given.running.isStopped) assert.equal(stops.length, 0);
      for (const { ids } of starts) {
        const batch = ids.map((id) => byId.get(id)!);
        assert.deepEqual(batch, inOrder(left).slice(0, batch.length));
        for (const one of batch) {
          assert.equal(one.withdrawn, null);
          assert.equal(given.heads.get(one.branch!), one.head);
        }
        if (batch.length === 1) continue;
        assert.ok(batch.length <= given.batch.max);
        assert.ok(batch.every((one) => one.verdict === 'green' && !one.isOverride));
        assert.equal(new Set(batch.map((one) => one.split?.group)).size, 1);
        assert.ok(batch.length <= (batch[0]!.split?.most ?? given.batch.max));
        if (given.failureRate > 0.25) assert.fail('no batches at such a rate');
        if (given.failureRate > 0.15) assert.ok(batch.length <= 2);
      }
    }),
    { numRuns: 3000 },
  );
});

test('the same state gives the same plan, whatever the order in which it is told', () => {
  fc.assert(
    fc.property(states, fc.integer({ min: 1, max: 1000 }), (given, seed) => {
      const shuffled = given.queued.map((one, at) => [(at * seed) % 7919, one] as const).sort(([a], [b]) => a - b);
      const starts = (one: QueueState) => plan(one).filter((action) => action.do !== 'end');
      assert.deepEqual(starts({ ...given, queued: shuffled.map(([, one]) => one) }), starts(given));
    }),
  );
});
