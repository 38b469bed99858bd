// Failed tests run once more, by themselves, and only what ran again proves anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import type { GateFacts } from './check.ts';
import { pythonTests } from './checks/python-tests.ts';
import { deadlineOf } from './deadline.ts';
import { type RunJob, runGate } from './gate.ts';
import { checkLines, summaryLines } from './messages.ts';

const facts: GateFacts = {
  paths: ['services/api/pyproject.toml', 'services/api/a.py'],
  texts: new Map(),
  changed: new Map([['services/api/a.py', new Set([2])]]),
  testEnv: {},
};
type Case = [name: string, isFailed: boolean];
function report(cases: Case[], over: Partial<JobResult> = {}): JobResult {
  const shown = cases.map(
    ([name, isFailed]) =>
      `<testcase name="${name}" file="tests/test_a.py">${isFailed ? '<failure message="no">tests/test_a.py:5: x</failure>' : ''}</testcase>`,
  );
  return {
    ...{ id: 'job' as JobResult['id'], signal: null, endedBy: 'exit', outputTail: [], outputBytes: 0 },
    ...{ exitCode: cases.some(([, isFailed]) => isFailed) ? 1 : 0, startedAtMs: 0, durationMs: 1000 },
    reports: {
      'tests.json': '{"runner":"pytest","notes":[]}',
      'junit.xml': `<testsuites>${shown.join('')}</testsuites>`,
    },
    ...over,
  };
}

async function gate(runs: JobResult[], main: CheckResult[] | null = null) {
  const plans: Parameters<RunJob>[0][] = [];
  const said: string[] = [];
  const { verdict, results } = await runGate({
    facts,
    checks: [pythonTests],
    policy: { hasEverRunTests: true, main },
    runJob: async (plan) => {
      plans.push(plan);
      return runs[plans.length - 1] ?? report([], { endedBy: 'lost' });
    },
    others: [],
    onResult: (result) => said.push(...checkLines(result)),
    signal: new AbortController().signal,
    now: () => 0,
  });
  return { verdict, result: results[0]!, plans, said };
}

test('a test that fails and then passes lands, is named as flaky, and only what failed ran again', async () => {
  const first = report([
    ['test_good', false],
    ['test_slow', true],
  ]);
  const { verdict, result, plans, said } = await gate([first, report([['test_slow', false]])]);
  assert.deepEqual([verdict?.outcome, plans.length], ['passed', 2]);
  assert.deepEqual(result.flaky, ['services/api/tests/test_a.py::test_slow']);
  assert.equal(plans[1]!.files['only.json'], '["test_slow"]');
  assert.deepEqual(plans[1]!.command, {
    argv: [...(plans[0]!.command as { argv: string[] }).argv, '--only', '{job}/only.json'],
  });
  assert.equal(plans[1]!.folder, 'services/api/');
  assert.deepEqual(said, [
    'tests (services/api) ok 2.0s: 2 tests, 1 flaky',
    'tests (services/api) warning: services/api/tests/test_a.py::test_slow failed, and passed when it ran again: flaky',
  ]);
});

test('a test that fails twice has failed, beside one that is flaky', async () => {
  const first = report([
    ['test_slow', true],
    ['test_bad', true],
    ['test_good', false],
  ]);
  const second = report([
    ['test_slow', false],
    ['test_bad', true],
  ]);
  const { verdict, result, plans } = await gate([first, second]);
  assert.deepEqual([verdict?.outcome, plans.length, result.findingCount], ['rejected', 2, 1]);
  assert.deepEqual(result.findings[0]!.rule, 'test_bad');
  assert.deepEqual(result.flaky, ['services/api/tests/test_a.py::test_slow']);
});

test('what did not run again has not passed', async () => {
  const first = report([
    ['test_a', true],
    ['test_b', true],
  ]);
  const ends = [
    report([['test_a', false]]),
    report([], { exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } }),
    report([], { exitCode: 0, reports: {} }),
    report([], { endedBy: 'deadline' }),
  ];
  for (const second of ends) {
    const { verdict, result } = await gate([first, second]);
    assert.deepEqual([verdict?.outcome, result.findingCount, result.flaky], ['rejected', 2, undefined]);
  }
});

test('what fails on main already, or fails by the dozen, is not run again', async () => {
  const many = Array.from({ length: 51 }, (_, at): Case => [`test_${at}`, true]);
  assert.equal((await gate([report(many)])).plans.length, 1);
  const known = await gate([report([['test_bad', true]]), report([['test_bad', true]])]);
  const onMain = { ...known.result, name: 'tests (services/api)' };
  const { verdict, plans } = await gate([report([['test_bad', true]])], [onMain]);
  assert.deepEqual([verdict?.outcome, plans.length], ['passed', 1]);
});

test('a failure of the machinery in the second run is tried again, and never counts for the change', async () => {
  const lost = report([], { endedBy: 'lost', exitCode: null });
  const first = report([['test_slow', true]]);
  const { verdict, plans } = await gate([first, lost, report([['test_slow', false]])]);
  assert.deepEqual([verdict?.outcome, plans.length], ['passed', 3]);
  assert.equal((await gate([first, lost, lost, lost])).verdict?.outcome, 'rejected');
});

test('a check gets four times what it usually takes, at least two minutes, and no more than the gate has left', () => {
  const minute = 60_000;
  const left = 15 * minute;
  assert.equal(deadlineOf([], left), left);
  assert.equal(deadlineOf([1000, 1000], left), left, 'two runs say nothing');
  assert.equal(deadlineOf([1000, 2000, 1500], left), 2 * minute);
  assert.equal(deadlineOf(Array(20).fill(minute), left), 4 * minute);
  assert.equal(deadlineOf([10 * minute, ...Array(19).fill(minute)], left), 4 * minute, 'one of twenty is no rule');
  assert.equal(deadlineOf([...Array(20).fill(minute), ...Array(100).fill(left)], left), 4 * minute);
  assert.equal(deadlineOf(Array(20).fill(10 * minute), left), left);
  assert.equal(deadlineOf(Array(20).fill(minute), 5000), 5000);
  assert.equal(deadlineOf([], -1), 1);
});

test('the gate gives each check the limit that its earlier runs ask for', async () => {
  const limits: number[] = [];
  await runGate({
    facts,
    checks: [pythonTests],
    policy: { hasEverRunTests: false, main: null },
    runJob: async (plan) => {
      limits.push(plan.deadlineMs);
      return report([['test_good', false]]);
    },
    others: [],
    onResult: () => {},
    signal: new AbortController().signal,
    now: () => 0,
    earlier: (name) => (name === 'tests (services/api)' ? [50_000, 50_000, 50_000] : []),
  });
  assert.deepEqual(limits, [200_000]);
});

test('a check of which nothing usual is known ends a moment before the gate, and says itself that it was too slow', async () => {
  const limits: number[] = [];
  for (const limitMs of [600_000, 5000])
    await runGate({
      ...{ facts, checks: [pythonTests], policy: { hasEverRunTests: false, main: null }, limitMs, others: [] },
      runJob: async (plan) => {
        limits.push(plan.deadlineMs);
        return report([['test_good', false]]);
      },
      ...{ onResult: () => {}, signal: new AbortController().signal, now: () => 0 },
    });
  assert.deepEqual(limits, [598_000, 4500]);
});

test('a check that takes too long is named with how long it ran and what it said last, and is not run again', async () => {
  const stuck = report([], { endedBy: 'deadline', durationMs: 120_000, outputTail: ['collected 3', 'test_slow ...'] });
  const { verdict, plans, said } = await gate([stuck]);
  assert.deepEqual([verdict?.outcome, plans.length], ['rejected', 1]);
  assert.equal(said[0], 'tests (services/api) FAILED 120.0s: timed out after 120.0s; last output: test_slow ...');
});

test('the checks stand in a table with their times, in the order of their kinds, and no text of theirs breaks it', () => {
  const one = (over: Partial<CheckResult>): CheckResult => ({
    ...{ kind: 'tests', name: 'tests', outcome: 'passed', summary: '', findings: [], findingCount: 0, metrics: {} },
    ...{ warnings: [], outputTail: [], startedAtMs: 0, durationMs: 1234, ...over },
  });
  assert.deepEqual(
    summaryLines([
      one({ kind: 'boot', name: 'boot', durationMs: 400 }),
      one({ outcome: 'failed', summary: '1 of 24 tests failed', findingCount: 1, flaky: ['a::b'] }),
      one({ kind: 'style', name: 'style (services/api)', durationMs: 61_000 }),
      one({ kind: 'docs', name: 'docs', outcome: 'skipped', summary: 'cancelled\u001b[2J' }),
    ]),
    [
      'checks:',
      '  style (services/api)  ok       61.0s',
      '  tests                 FAILED    1.2s  1 of 24 tests failed, 1 flaky',
      '  docs                  skipped      -  cancelled?[2J',
      '  boot                  ok        0.4s',
    ],
  );
  assert.deepEqual(summaryLines([one({})]), []);
  assert.equal(summaryLines(Array(100).fill(one({}))).length, 32);
});
