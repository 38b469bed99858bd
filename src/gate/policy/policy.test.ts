import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckKind, CheckResult } from '../../domain/gate.ts';
import type { JobResult } from '../../domain/job.ts';
import { coverageResult } from '../coverage.ts';
import { docstringResult } from '../docstrings.ts';
import { parseLcov } from '../reports/lcov.ts';
import { applyPolicy, type PolicyFacts } from './policy.ts';

const job = { outputTail: [], startedAtMs: 0, durationMs: 1 } as unknown as JobResult;
const lines = (from: number, to: number) => new Set(Array.from({ length: to - from + 1 }, (_, index) => from + index));
const facts = (over: Partial<PolicyFacts> = {}): PolicyFacts => ({
  changed: new Map([['a.py', lines(1, 40)]]),
  hasEverRunTests: true,
  main: null,
  ...over,
});
/** A file of `found` executable lines of which the first `hit` are run. */
const lcov = (found: number, hit: number) =>
  parseLcov(
    `SF:a.py\n${Array.from({ length: found }, (_, at) => `DA:${at + 1},${at < hit ? 1 : 0}`).join('\n')}\nend_of_record\n`,
  )!;
const covered = (found: number, hit: number, changed: PolicyFacts['changed'] = facts().changed) =>
  coverageResult(lcov(found, hit), changed, job)!;
const of = (kind: CheckKind, over: Partial<CheckResult>): CheckResult => ({
  ...{ kind, name: kind, outcome: 'passed', summary: '', findings: [], findingCount: 0, metrics: {}, warnings: [] },
  ...{ outputTail: [], startedAtMs: 0, durationMs: 0 },
  ...over,
});

test('new lines that no test runs are refused from twenty on, by file and line', () => {
  const red = applyPolicy(covered(40, 30), facts());
  assert.equal(red.outcome, 'failed');
  assert.equal(red.summary, 'patch 75% < 80% (10 of 40 new lines are not run)');
  assert.deepEqual(
    red.findings.map(({ file, line, message }) => [file, line, message]),
    [['a.py', 31, 'no test runs lines 31-40']],
  );
  assert.equal(applyPolicy(covered(40, 32), facts()).outcome, 'passed');
  assert.equal(applyPolicy(covered(19, 0), facts()).outcome, 'passed', 'nineteen lines are not weighed');
  assert.equal(applyPolicy(covered(20, 0), facts()).outcome, 'failed');
});

test("coverage may fall below main's by half a point and no more, and a floor of the app's own holds", () => {
  const old = new Map([['b.py', lines(1, 3)]]);
  const main = [of('coverage', { metrics: { coverageLines: 0.5, linesFound: 1000 } })];
  assert.equal(applyPolicy(covered(1000, 495, old), facts({ main })).outcome, 'passed');
  const less = applyPolicy(covered(1000, 494, old), facts({ main }));
  assert.deepEqual([less.outcome, less.summary], ['failed', '49.4% of the lines, and main has 50%']);
  assert.equal(applyPolicy(covered(1000, 400, null), facts({ changed: null })).outcome, 'passed');
  // Small numbers: three lines more without a test are no reason, nor are tested lines that went.
  const small = [of('coverage', { metrics: { coverageLines: 0.5, linesFound: 8 } })];
  assert.equal(applyPolicy(covered(12, 4, old), facts({ main: small })).outcome, 'passed');
  assert.equal(applyPolicy(covered(13, 4, old), facts({ main: small })).outcome, 'failed');
  assert.equal(applyPolicy(covered(700, 200, old), facts({ main })).outcome, 'passed');
});

test('new public definitions need a docstring, older ones do not', () => {
  const definition = (line: number, isDocumented: boolean) =>
    ({ file: 'a.py', line, name: `f${line}`, kind: 'function', isDocumented }) as const;
  const changed = new Map([['a.py', lines(10, 20)]]);
  const judge = (...definitions: ReturnType<typeof definition>[]) =>
    applyPolicy(docstringResult(definitions, changed, job), facts({ changed }));
  assert.equal(judge(definition(1, false), definition(12, true)).outcome, 'passed');
  const red = judge(definition(1, true), definition(12, false));
  assert.equal(red.outcome, 'failed');
  assert.deepEqual(red.findings[0], {
    file: 'a.py',
    line: 12,
    rule: 'no docstring',
    message: 'function f12 is public and new, and says nothing of itself',
  });
});

test('tests may not go: a fifth fewer than main runs is refused', () => {
  const main = [of('tests', { metrics: { testsRun: 10 } })];
  const ran = (testsRun: number) => applyPolicy(of('tests', { metrics: { testsRun } }), facts({ main }));
  assert.equal(ran(8).outcome, 'passed');
  assert.deepEqual([ran(7).outcome, ran(7).summary], ['failed', '7 tests ran, and main runs 10: at least 8 must']);
});

test('findings of a tool that looks at everything count on changed lines alone', () => {
  const finding = (line: number | null, file: string | null = 'a.py') => ({ file, line, rule: 'r', message: 'm' });
  const judge = (...findings: ReturnType<typeof finding>[]) =>
    applyPolicy(of('types', { outcome: 'failed', findings, findingCount: findings.length }), facts()).outcome;
  assert.equal(judge(finding(41)), 'passed');
  assert.equal(judge(finding(40)), 'failed');
  assert.equal(judge(finding(null)), 'failed');
  assert.equal(judge(finding(null, 'b.py')), 'passed');
  assert.equal(judge(finding(null, null)), 'failed');
});

test('a first push is the baseline, whatever is found', () => {
  const red = of('docs', { outcome: 'failed', summary: '3 warnings' });
  const first = applyPolicy(red, facts({ changed: null }));
  assert.equal(first.outcome, 'passed');
  assert.match(first.warnings[0]!, /^3 warnings: recorded as the baseline/);
  assert.equal(applyPolicy(of('boot', { outcome: 'failed' }), facts({ changed: null })).outcome, 'failed');
});

test('a link that main has broken already blocks nobody, and one that another page broke does', () => {
  const finding = (file: string, line: number, message: string) => ({ file, line, rule: 'broken link', message });
  const old = finding('a.html', 7, '/gone is not there');
  const links = (findings: CheckResult['findings'], findingCount = findings.length) =>
    of('links', { outcome: 'failed', summary: 'broken', findings, findingCount });
  const changed = new Map([['b.html', new Set([1])]]);
  const first = applyPolicy(links([old]), facts({ changed: null }));
  assert.equal(first.outcome, 'passed');
  const main = [first];
  const moved = applyPolicy(links([{ ...old, line: 9 }]), facts({ changed, main }));
  assert.deepEqual([moved.outcome, moved.findings.length], ['passed', 1], 'it is kept for the next change');
  const twice = applyPolicy(links([old, { ...old, line: 9 }]), facts({ changed, main }));
  assert.equal(twice.outcome, 'failed', 'the same link once more is a new one');
  const other = applyPolicy(links([old, finding('c.html', 3, '/b.html is not there')]), facts({ changed, main }));
  assert.deepEqual(
    [other.outcome, other.findings.map(({ file }) => file), other.summary],
    ['failed', ['c.html'], '1 broken link that main does not have'],
  );
  const cut = [links([old], 900)];
  const unknown = [finding('c.html', 3, 'x is not there'), finding('b.html', 1, 'y is not there')];
  const judged = applyPolicy(links(unknown), facts({ changed, main: cut }));
  assert.deepEqual(
    judged.findings.map(({ file }) => file),
    ['b.html'],
    'where not all of main are known, new lines count',
  );
});

test('a check that could not do its work on main blocks nobody by that, and one that could does', () => {
  const silent = (kind: CheckKind) =>
    of(kind, { outcome: 'failed', summary: 'ended with exit 1 and no usable report' });
  for (const kind of ['tests', 'style', 'types', 'docs', 'custom'] as const) {
    const baseline = applyPolicy(silent(kind), facts({ changed: null, hasEverRunTests: false }));
    assert.deepEqual([kind, baseline.outcome, baseline.metrics.broken], [kind, 'passed', 1]);
    const next = applyPolicy(silent(kind), facts({ main: [baseline], hasEverRunTests: false }));
    assert.deepEqual([kind, next.outcome], [kind, 'passed']);
    assert.match(next.warnings.at(-1)!, /no usable report, as on main already$/);
    assert.equal(next.metrics.broken, 1, 'and so it stays with the next one');
    const worked = of(kind, { metrics: kind === 'tests' ? { testsRun: 3 } : {} });
    assert.deepEqual([kind, applyPolicy(silent(kind), facts({ main: [worked] })).outcome], [kind, 'failed']);
    assert.deepEqual([kind, applyPolicy(silent(kind), facts()).outcome], [kind, 'failed']);
  }
});

test('a package without tests beside one that has some is no package that lost its own', () => {
  const tests = (name: string, testsRun: number) => of('tests', { name, metrics: { testsRun } });
  const main = [tests('tests (api)', 12), tests('tests (web)', 0)];
  const none = applyPolicy(tests('tests (web)', 0), facts({ main }));
  assert.equal(none.outcome, 'passed');
  assert.match(none.warnings[0]!, /no tests were found/);
  assert.equal(applyPolicy(tests('tests (api)', 0), facts({ main })).outcome, 'failed');
  // Without another that has some, none on main is what an admin let through once, and not what is held to.
  assert.equal(applyPolicy(tests('tests', 0), facts({ main: [tests('tests', 0)] })).outcome, 'failed');
});
