import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult } from '../../domain/gate.ts';
import { flakyLines } from '../commands/quality.ts';
import type { ChangeDetailView } from '../commands/views.ts';
import { changeLines } from './change.ts';
import { makePaint } from './paint.ts';

const paint = makePaint(false, {});
const nowMs = Date.parse('2026-01-01T00:03:00.000Z');
const check = (over: Partial<CheckResult>): CheckResult => ({
  ...{ kind: 'tests', name: 'tests', outcome: 'passed', summary: '', findings: [], findingCount: 0, metrics: {} },
  ...{ warnings: [], outputTail: [], startedAtMs: 0, durationMs: 2100, ...over },
});
const change = (over: Partial<ChangeDetailView>): ChangeDetailView => ({
  ...{
    id: 'chg_1',
    number: 12,
    how: 'push',
    actor: 'ada',
    base: 'b'.repeat(40),
    head: 'a'.repeat(40),
    state: 'rejected',
  },
  ...{
    reason: 'tests: 1 of 2 tests failed',
    createdAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:02.500Z',
  },
  ...{
    isMemoised: false,
    verdict: null,
    reproduce: null,
    excerpts: null,
    source: null,
    override: null,
    allowsWeaker: false,
    ...over,
  },
});

test('a change shows its checks with their times and figures, and each finding with the lines around it', () => {
  const finding = { file: 'tests/test_a.py', line: 10, rule: 'test_bad', message: 'assert 2 == 3' };
  const lines = changeLines(
    change({
      verdict: {
        checks: [
          check({ kind: 'coverage', name: 'coverage', metrics: { coverageLines: 0.934 }, warnings: ['line 3 too'] }),
          check({
            ...{ outcome: 'failed', summary: '1 of 2 tests failed', findings: [finding], findingCount: 1 },
            metrics: { testsRun: 2, testsFailed: 1 },
          }),
          check({ kind: 'style', name: 'style', durationMs: 200 }),
        ],
      },
      reproduce: 'lockstep gate --only tests',
      excerpts: [{ file: 'tests/test_a.py', line: 10, from: 9, lines: ['def test_bad():', '    assert 2 == 3', ''] }],
    }),
    paint,
    nowMs,
  );
  assert.deepEqual(lines, [
    '#12 rejected  push by ada, 3 min ago (2.5 s)',
    '  commit aaaaaaaa on main bbbbbbbb',
    '  tests: 1 of 2 tests failed',
    '',
    '  style     ok      0.2s',
    '  tests     FAILED  2.1s  1 of 2 tests failed  testsRun 2  testsFailed 1',
    '  coverage  ok      2.1s  coverageLines 93.4 %',
    '',
    'tests',
    '  tests/test_a.py:10 test_bad: assert 2 == 3',
    '       9 | def test_bad():',
    '    > 10 |     assert 2 == 3',
    '      11 |',
    '',
    'warnings',
    '  coverage: line 3 too',
    '',
    'reproduce: lockstep gate --only tests',
  ]);
});

test('a merge request names its branch, and one that was let past the checks says why', () => {
  const lines = changeLines(change({ how: 'merge', source: 'feature/x', override: 'the site is down' }), paint, nowMs);
  assert.match(lines[0]!, /^#12 rejected {2}merge of feature\/x by ada/);
  assert.ok(lines.includes('  let past the checks: the site is down'));
});

test('without a finding the last output is shown, and no text of an app’s drives the terminal', () => {
  const lines = changeLines(
    change({
      verdict: {
        checks: [
          check({
            outcome: 'failed',
            name: 'x\u001b]0;t\u0007',
            summary: 'a\u001b[2Jb',
            outputTail: ['c\u001bcd', 'e\rf'],
          }),
        ],
      },
      endedAt: null,
      reason: null,
      state: 'gating',
    }),
    paint,
    nowMs,
  );
  assert.equal(lines[0], '#12 gating  push by ada, 3 min ago');
  assert.ok(
    lines.every((line) => !/[\u0000-\u001f]/.test(line)),
    JSON.stringify(lines),
  );
  assert.deepEqual(lines.slice(-2), ['  | ccd', '  | ef']);
});

test('a flaky test is listed with how often, and none are not spoken of', () => {
  const flaky = { check: 'tests', test: 'a.py::test_slow', times: 4, gates: 20, lastAt: '2026-01-01T00:00:00.000Z' };
  assert.deepEqual(flakyLines([flaky]), [
    'flaky tests: they failed, and passed when they ran again',
    '  a.py::test_slow  4 of the last 20 gates  tests',
  ]);
  assert.deepEqual(flakyLines([]), []);
});
