// A check that did not say that it passed has not passed, however its job ended and whatever stands in its reports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, fc, holds } from '../../test/support/fuzz.ts';
import type { JobResult } from '../domain/job.ts';
import type { GateFacts } from './check.ts';
import { checks } from './checks/list.ts';

const facts: GateFacts = {
  paths: ['a.py', 'test_a.py'],
  texts: new Map([['.pre-commit-config.yaml', 'repos: []']]),
  changed: new Map([['a.py', new Set([1])]]),
  testEnv: {},
};
const words = [
  '{',
  '}',
  '"',
  'count',
  ':',
  '0',
  'findings',
  '[',
  ']',
  '<testsuites>',
  '</testsuites>',
  '"runner":"pytest"',
];
const text = fc.oneof(
  anyText(words, 8),
  fc.constantFrom(
    ...['', '{}', '[]', 'null', '{"count":0}', '{"runner":"pytest","notes":[]}', '{"runner":null,"notes":[]}'],
    ...['<testsuites></testsuites>', '<testsuites><testcase name="a"/></testsuites>', '{"count":0,"findings":[]}'],
    ...['{"runner":"node","cases":[]}', '{"runner":"node","cases":[{"outcome":"passed"}]}', '[{"file":1}]'],
    ...['{"generalDiagnostics":[]}', '{"files":[],"definitions":[]}', 'a.py:1: error: x  [y]'],
    ...['[{"exit":0,"said":""}]', '[{"exit":1,"said":"x"}]', '{"definitions":[]}'],
  ),
);
/** A code, or a signal: never both. */
const end = fc.oneof(
  fc
    .constantFrom(0, 0, 0, 0, 0, 5, 5, 1, 2, 125, 126, 127, 130, 137, 139, 255)
    .map((exitCode) => ({ exitCode, signal: null })),
  fc.constantFrom(null, 'SIGKILL', 'SIGSEGV', 'SIGTERM').map((signal) => ({ exitCode: null, signal })),
);
/** What a check reads to say that it passed; of the tests' own silence the runner's summary. */
const reportOf: Readonly<Record<string, string>> = {
  style: 'style.json',
  format: 'format.diff',
  types: 'types.txt',
  pyright: 'types.json',
  docstrings: 'docstrings.json',
  tests: 'junit.xml',
  'node tests': 'tests.json',
  'node types': 'types.json',
  docs: 'docs.json',
  vet: 'vet.json',
  'golangci-lint': 'lint.json',
  'go docstrings': 'docstrings.json',
  'go tests': 'ends.json',
  html: 'html.json',
  links: 'links.json',
  'pre-commit': 'pre-commit.json',
};
const nameOf = ({ language, name }: (typeof checks)[number]): string => `${language} ${name}`;
const result = fc.record({
  end,
  endedBy: fc.constantFrom('exit', 'exit', 'exit', 'deadline', 'cancelled', 'out-of-memory', 'lost'),
  reports: fc.record(
    Object.fromEntries(['tests.json', 'lcov.info', 'root.txt', ...Object.values(reportOf)].map((name) => [name, text])),
    { requiredKeys: [] },
  ),
});

test('G5: no end but an exit, no signal and no failing exit code is ever a pass', () => {
  const passes = new Map<string, number>();
  holds(result, 6000, ({ end, ...over }) => {
    const job = {
      id: 'job',
      outputTail: ['last'],
      outputBytes: 4,
      startedAtMs: 0,
      durationMs: 1,
      ...end,
      ...over,
    } as unknown as JobResult;
    for (const check of checks) {
      const { outcome, findings, summary } = [check.judge(facts, job)].flat()[0]!;
      assert.ok(summary.length > 0);
      if (outcome !== 'passed') continue;
      // API pages that nobody asked for are never a reason to refuse: that there are none is said.
      if (check.name === 'docs' && summary === 'no API pages') {
        assert.match([check.judge(facts, job)].flat()[0]!.warnings[0]!, /^no API pages: ./);
        continue;
      }
      passes.set(nameOf(check), (passes.get(nameOf(check)) ?? 0) + 1);
      assert.equal(job.endedBy, 'exit', check.name);
      assert.equal(job.signal, null, check.name);
      // 5 is a runner's word for "there are no tests"; it is said by the runner's own report, too.
      const said = job.exitCode === 5 ? JSON.parse(job.reports['tests.json']!) : null;
      const saysNone = said !== null && (said.runner === null || said.cases?.length === 0);
      assert.ok(job.exitCode === 0 || saysNone, `${check.name} passed with exit ${job.exitCode}`);
      const report = saysNone ? 'said' : job.reports[reportOf[nameOf(check)] ?? reportOf[check.name] ?? ''];
      assert.ok(report !== undefined, `${check.name} passed without a report`);
      assert.deepEqual(findings, [], check.name);
    }
  });
  for (const name of checks.map(nameOf)) assert.ok(passes.has(name), `${name} never passed: the property says nothing`);
});

test('a check without a report says its own words of trouble, also those that it wrote where its report goes', () => {
  const summaryOf = (name: string, language: string, outputTail: string[], reports: Record<string, string> = {}) => {
    const check = checks.find((one) => one.name === name && one.language === language)!;
    const job = { exitCode: 2, signal: null, endedBy: 'exit', outputTail, reports, startedAtMs: 0, durationMs: 1 };
    return [check.judge(facts, job as unknown as JobResult)].flat()[0]!.summary;
  };
  const missing = "Error: Cannot find module './test/env'";
  assert.equal(
    summaryOf('tests', 'node', ['node:internal', missing, '    at x', '']),
    `the tests ended with exit 2 and no usable report: ${missing}`,
  );
  assert.equal(
    summaryOf('tests', 'python', [' leaving', '']),
    'the tests ended with exit 2 and no usable report: leaving',
  );
  assert.equal(summaryOf('tests', 'python', []), 'the tests ended with exit 2 and no usable report');
  const elsewhere = '../layer/numpy.pyi:1: error: Type parameter syntax';
  assert.match(
    summaryOf('types', 'python', [], { 'types.txt': elsewhere }),
    /^mypy ended with .* report: .*parameter syntax$/,
  );
});
