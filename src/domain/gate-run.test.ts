import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckRun, flakyTests, type GateRun, usualDurations } from './gate-run.ts';

const check = (over: Partial<CheckRun>): CheckRun => ({
  ...{ kind: 'tests', name: 'tests', outcome: 'passed', durationMs: 1000, isUsual: true, flaky: [] },
  ...over,
});
const runs = (each: Partial<CheckRun>[]): GateRun[] =>
  each.map((over, at) => ({ changeId: null, checks: [check(over)], atMs: 1000 - at }));

test('a test is called flaky when it was so three times in the last twenty gates', () => {
  const flaky = { flaky: ['a.py::test_slow'] };
  assert.deepEqual(flakyTests(runs([flaky, {}, flaky])), []);
  const twice = { flaky: ['a.py::test_slow', 'a.py::test_slow'] };
  assert.deepEqual(flakyTests(runs([twice, twice])), [], 'two cases of one gate are one');
  assert.deepEqual(flakyTests(runs([{}, flaky, {}, flaky, flaky])), [
    { check: 'tests', test: 'a.py::test_slow', times: 3, gates: 5, lastAtMs: 999 },
  ]);
  const long = [...Array(18).fill({}), flaky, flaky, flaky, flaky];
  assert.deepEqual(flakyTests(runs(long)), [], 'older ones are forgotten');
  const elsewhere = { ...flaky, name: 'tests (api)' };
  assert.deepEqual(flakyTests(runs([flaky, flaky, elsewhere])), [], 'of another check it is another test');
});

test('what a check takes is told by the runs that ended by themselves', () => {
  const seen = runs([{ durationMs: 5 }, { isUsual: false, durationMs: 900_000 }, { name: 'style' }, { durationMs: 7 }]);
  assert.deepEqual(usualDurations(seen, 'tests'), [5, 7]);
});
