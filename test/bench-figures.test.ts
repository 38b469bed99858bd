// The bench's own sums: what it calls the stages of a push, and what makes a run void.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barOf, inColumns, spreadOf } from '../bench/journey/report.ts';
import { type Change, missingOf, stagesOf } from '../bench/journey/stages.ts';

const check = (name: string, startedAtMs: number, durationMs: number, metrics: Record<string, number> = {}) => ({
  ...{ kind: name, name, outcome: 'passed', startedAtMs, durationMs, metrics },
});

/** A push that began at 1000 and whose page was seen at 1600. */
function pushed(more: Partial<Change> = {}, moments: Record<string, number> = {}): Change {
  return {
    ...{ id: 'chg_1', head: 'a', state: 'landed', reason: null, isMemoised: false },
    moments: {
      ...{ requested: 1020, received: 1040, gating: 1050, treeRead: 1060, planned: 1062, placed: 1080 },
      ...{ styleEnded: 1200, buildEnded: 1081, bootEnded: 1300, testsEnded: 1550, coverageEnded: 1550 },
      ...{ proved: 1552, stored: 1555, advanced: 1565, switched: 1580, landed: 1582, ...moments },
    },
    verdict: {
      outcome: 'passed',
      checks: [
        check('style', 1085, 100),
        check('tests', 1090, 455, { testsRun: 51 }),
        check('coverage', 1090, 455, { coverageLines: 1 }),
        check('build', 1062, 19),
        check('boot', 1081, 219),
      ],
    },
    ...more,
  };
}

test('the stages of a push add up to what its client saw, and its own share leaves the longest check out', () => {
  const { stages, sumMs, share, ownMs } = stagesOf(pushed(), 1000, 1600);
  assert.deepEqual([sumMs, share, ownMs], [600, 1, 145]);
  assert.deepEqual(
    stages.map(({ ms }) => ms),
    [20, 20, 10, 10, 2, 18, 10, 455, 5, 2, 3, 10, 15, 20],
  );
});

test('the check that ended last is on the path, also when it is the boot', () => {
  const { stages, sumMs } = stagesOf(pushed({}, { bootEnded: 1551 }), 1000, 1600);
  assert.ok(stages.some(({ name }) => name === 'boot'));
  assert.equal(sumMs, 600);
});

test('a page that is seen before control hears of the switch cuts the switch short', () => {
  const { stages, sumMs } = stagesOf(pushed(), 1000, 1575);
  assert.deepEqual(stages.slice(-2), [
    { name: 'switch', ms: 10 },
    { name: 'first byte', ms: 0 },
  ]);
  assert.equal(sumMs, 575);
});

test('moments that contradict one another or are missing make a run void', () => {
  assert.ok(stagesOf(pushed({}, { treeRead: 1150 }), 1000, 1600).share > 1.05);
  assert.throws(
    () => stagesOf({ ...pushed(), moments: { requested: 1 } }, 1000, 1600),
    /no moment "testsEnded"|no moment/,
  );
});

test('a run counts only when the whole gate was executed', () => {
  assert.deepEqual(missingOf(pushed()), []);
  assert.deepEqual(missingOf(pushed({ isMemoised: true })), ['the verdict came from the memo']);
  assert.equal(missingOf(pushed({ state: 'rejected', reason: 'style' }))[0], 'the change ended as rejected: style');
  const checks = pushed().verdict!.checks.filter((one) => one.name !== 'style');
  assert.deepEqual(missingOf(pushed({ verdict: { outcome: 'passed', checks } })), [
    'the check style did not run and pass',
  ]);
  const none = pushed().verdict!.checks.map((one) => ({ ...one, metrics: {} }));
  assert.deepEqual(missingOf(pushed({ verdict: { outcome: 'passed', checks: none } })), [
    'no test was run',
    'no coverage was measured',
  ]);
});

test('percentiles are values that were measured; a bar without a figure fails', () => {
  const values = Array.from({ length: 20 }, (_, at) => 20 - at);
  assert.deepEqual(spreadOf(values), { p50: 10, p95: 19, p99: 20, least: 1, most: 20, count: 20 });
  assert.equal(spreadOf([]), null);
  assert.deepEqual([barOf('a', 5, 5).isMet, barOf('a', 6, 5).isMet, barOf('a', null, 5).isMet], [true, false, false]);
});

test('a table stands in columns', () => {
  assert.equal(inColumns([['a', 'bb'], ['ccc', 'd'], ['e']]), 'a    bb\nccc   d\ne');
});
