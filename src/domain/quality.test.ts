import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult } from './gate.ts';
import { countByFile, figuresOf, styleNow } from './quality.ts';

const check = (
  kind: CheckResult['kind'],
  metrics: Record<string, number>,
  more: Partial<CheckResult> = {},
): CheckResult => ({
  ...{ kind, name: kind, outcome: 'passed', summary: '', findings: [], findingCount: 0, metrics, warnings: [] },
  ...{ outputTail: [], startedAtMs: 100, durationMs: 50 },
  ...more,
});

test('the figures of parts are weighed by what each of them holds', () => {
  const figures = figuresOf(
    [
      check('coverage', { coverageLines: 1, linesFound: 300 }),
      check('coverage', { coverageLines: 0, linesFound: 100 }),
      check('docstrings', { docstrings: 0.5, definitions: 10 }),
      check('tests', { testsRun: 4, testsFailed: 1, testsSkipped: 2 }, { startedAtMs: 120, durationMs: 400 }),
      check('tests', { testsRun: 6 }, { flaky: ['test_a'] }),
      check('types', { typeFindings: 3 }),
      check('boot', {}, { startedAtMs: 0, durationMs: 9000 }),
    ],
    { 'a.py': 2 },
  );
  assert.deepEqual(figures, {
    ...{ coverage: 0.75, docstrings: 0.5, findings: 5, tests: 10, testsFailed: 1, testsSkipped: 2, flaky: 1 },
    gateMs: 420,
  });
});

test('what was not measured is null and not nothing', () => {
  const { coverage, docstrings, findings, tests, gateMs } = figuresOf([check('build', {})], {});
  assert.deepEqual([coverage, docstrings, findings, tests, gateMs], [null, null, null, null, null]);
  assert.equal(figuresOf([check('docstrings', { definitions: 0 })], {}).docstrings, null);
});

test('a legacy app comes to fewer findings file by file, and only by what was looked at', () => {
  const style = (byFile: Record<string, number>) => [{ kind: 'style' as const, byFile }];
  const check = (
    before: Record<string, number>,
    byFile: Record<string, number>,
    changed: string[] | null,
    paths: string[],
    expected: object,
  ) => assert.deepEqual(styleNow(before, style(byFile), new Set(paths), changed && new Set(changed)), expected);
  const all = ['a.py', 'b.py', 'c.py'];
  check({}, { 'a.py': 5, 'b.py': 3 }, null, all, { 'a.py': 5, 'b.py': 3 });
  check({ 'a.py': 5, 'b.py': 3 }, { 'a.py': 4 }, ['a.py'], all, { 'a.py': 4, 'b.py': 3 });
  check({ 'a.py': 5, 'b.py': 3 }, {}, ['a.py'], all, { 'b.py': 3 });
  check({ 'a.py': 5, 'b.py': 3 }, {}, [], ['b.py'], { 'b.py': 3 });
  check({ 'a.py': 5 }, { 'b.py': 3 }, null, all, { 'b.py': 3 });
  assert.deepEqual(styleNow({ 'a.py': 1 }, style({ 'b.py': 2 }), null, new Set()), { 'b.py': 2, 'a.py': 1 });
});

test('of very many files the ones with most findings are known by name, the others together', () => {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`f${at}.py`, at < 10 ? 5 : 1]));
  const now = styleNow({}, [{ kind: 'style', byFile: many }], null, null);
  assert.equal(Object.keys(now).length, 2001);
  assert.equal(
    Object.values(now).reduce((sum, count) => sum + count, 0),
    10 * 5 + 2990,
  );
  assert.equal(now['f3.py'], 5);
});

test('findings are counted by file, whatever a file is called', () => {
  const named = (...files: (string | null)[]) => countByFile(files.map((file) => ({ file })));
  assert.deepEqual(named('a', 'b', 'a', null), { a: 2, b: 1 });
  assert.equal(named(null), null);
  assert.equal(named('constructor', 'constructor')?.constructor, 2);
});
