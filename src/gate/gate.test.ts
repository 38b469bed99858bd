import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import { parseChangedLines } from './changed-lines.ts';
import type { Check, GateFacts } from './check.ts';
import { pythonDocs } from './checks/python-docs.ts';
import { pythonStyle } from './checks/python-style.ts';
import { pythonTests, testRunners } from './checks/python-tests.ts';
import { styleTool } from './checks/style-tool.ts';
import { type RunJob, runGate } from './gate.ts';
import { checkLines, rejectedLine } from './messages.ts';

const facts: GateFacts = { paths: ['a.py'], texts: new Map(), changed: new Map([['a.py', new Set([2])]]), testEnv: {} };
const job = (over: Partial<JobResult>): JobResult => ({
  id: 'job' as JobResult['id'],
  exitCode: 0,
  signal: null,
  endedBy: 'exit',
  outputTail: [],
  outputBytes: 0,
  reports: {},
  startedAtMs: 0,
  durationMs: 2100,
  ...over,
});
const style = (line: number, message = 'long\u001b[31m') =>
  job({
    reports: {
      'style.json': JSON.stringify({
        count: 1,
        findings: [{ file: 'a.py', line, rule: 'E501', message }],
      }),
    },
  });
const noTests = job({ exitCode: 5, reports: { 'tests.json': '{"runner":null,"notes":[]}' } });
const red =
  '<testsuites><testcase name="test_bad" file="tests/test_a.py"><failure message="assert 2 == 3">tests/test_a.py:5: x</failure></testcase></testsuites>';
const redTests = job({ exitCode: 1, reports: { 'tests.json': '{"runner":"pytest","notes":[]}', 'junit.xml': red } });

/** A check's own result of the job. */
function first(check: Check, result: JobResult): CheckResult {
  return [check.judge(facts, result)].flat()[0]!;
}

function gate(runJob: RunJob, over: Partial<GateFacts> = {}, hasEverRunTests = false) {
  return runGate({
    facts: { ...facts, ...over },
    checks: [pythonStyle, pythonTests],
    policy: { hasEverRunTests, main: null },
    runJob,
    others: [],
    onResult: () => {},
    signal: new AbortController().signal,
    now: () => 0,
  });
}

test('changed lines: additions count, moved lines, deletions and look-alike content do not', () => {
  const diff =
    'diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +0,0 @@\n-moved\n@@ -3,0 +3,3 @@ def f\n+moved\n+++ b/evil.py\n+new\ndiff --git a/x b/x\n--- a/x\n+++ "b/\\303\\251 x.py"\n@@ -0,0 +1 @@\n+y\n\\ No newline at end of file\n';
  assert.deepEqual(
    parseChangedLines(diff),
    new Map([
      ['a.py', new Set([4, 5])],
      ['é x.py', new Set([1])],
    ]),
  );
});

test('style counts on changed lines only; the first push is only recorded', async () => {
  const run =
    (line: number): RunJob =>
    async (_plan, check) =>
      check.kind === 'style' ? style(line) : noTests;
  assert.equal((await gate(run(2))).verdict?.outcome, 'rejected');
  assert.equal((await gate(run(1))).verdict?.outcome, 'passed');
  assert.equal((await gate(run(2), { changed: null })).verdict?.outcome, 'passed');
});

test('no tests is a warning, until main has run some', async () => {
  const run: RunJob = async (_plan, check) => (check.kind === 'style' ? style(1) : noTests);
  const first = await gate(run);
  assert.match(first.results[1]!.warnings[0]!, /no tests were found/);
  assert.equal((await gate(run, {}, true)).verdict?.outcome, 'rejected');
});

test('red style cancels the rest, and lost jobs are tried again and give no verdict', async () => {
  const run: RunJob = (_plan, check, signal) =>
    check.kind === 'style'
      ? Promise.resolve(style(2))
      : new Promise((resolve) => signal.addEventListener('abort', () => resolve(job({ endedBy: 'cancelled' }))));
  assert.deepEqual(
    (await gate(run)).results.map((result) => result.outcome),
    ['failed', 'skipped'],
  );
  let attempts = 0;
  const lost = await gate(async () => {
    attempts += 1;
    return job({ endedBy: 'lost', exitCode: null });
  });
  assert.equal(lost.verdict, null);
  assert.equal(attempts, 6);
});

test('a check that nobody asked for stands in no way when its tool cannot be had', async () => {
  const away: RunJob = async (_plan, check) => {
    if (check.kind === 'docs') throw new Error('The tool pdoc could not be fetched.');
    return check.kind === 'style' ? style(1) : noTests;
  };
  const asked = (paths: string[]) =>
    runGate({
      facts: { ...facts, paths },
      checks: [pythonStyle, pythonTests, pythonDocs],
      policy: { hasEverRunTests: false, main: null },
      runJob: away,
      others: [],
      onResult: () => {},
      signal: new AbortController().signal,
      now: () => 0,
    });
  const end = await asked(['a.py']);
  assert.equal(end.verdict?.outcome, 'passed');
  assert.deepEqual(end.results.at(-1)!.warnings, ['left out: The tool pdoc could not be fetched.']);
  assert.equal((await asked(['a.py', 'mkdocs.yml'])).verdict, null, 'documentation of its own is asked for');
});

test("ruff's rules are pinned where the app selects none, with what it adds and ignores", () => {
  const rules = (file: string, text: string) => {
    const { command } = pythonStyle.plan({ ...facts, paths: ['a.py', file], texts: new Map([[file, text]]) })!;
    const argv = 'argv' in command ? command.argv : [];
    return argv.filter((_, at) => /^--(?:select|ignore)$/.test(argv[at - 1] ?? ''));
  };
  assert.deepEqual(rules('pyproject.toml', '[tool.ruff]\nline-length = 100\n'), ['E4,E7,E9,F']);
  const more = '[lint]\nextend-select = ["I"]\nignore = ["E731"]\n';
  assert.deepEqual(rules('ruff.toml', more), ['E4,E7,E9,F,I', 'E731']);
  for (const own of ['select = ["E"]\n', '[lint]\nselect = ["ALL"]\n', 'extend = "../ruff.toml"\n'])
    assert.deepEqual(rules('ruff.toml', own), []);
});

test("ruff only looks, also where an app's own settings let it mend what it finds", () => {
  const texts = new Map([['ruff.toml', 'fix = true\nfix-only = true\n']]);
  const { command } = pythonStyle.plan({ ...facts, paths: ['a.py', 'ruff.toml'], texts })!;
  for (const word of ['--no-fix', '--no-fix-only']) assert.ok('argv' in command && command.argv.includes(word), word);
});

test('ruff names files by their whole paths, and a finding on an old line is an old one', () => {
  const result = {
    ruleId: 'F401',
    message: { text: 'unused' },
    locations: [{ physicalLocation: { artifactLocation: { uri: 'file:///t/a.py' }, region: { startLine: 1 } } }],
  };
  const reports = { 'style.sarif': JSON.stringify({ runs: [{ results: [result] }] }), 'root.txt': '/t' };
  const withRuff = { ...facts, texts: new Map([['pyproject.toml', '[tool.ruff]']]) };
  const { findings } = [pythonStyle.judge(withRuff, job({ exitCode: 1, reports }))].flat()[0]!;
  assert.deepEqual(findings, [{ file: 'a.py', line: 1, rule: 'F401', message: 'unused' }]);
});

test('a message of megabytes does not make a verdict of megabytes', async () => {
  const long = 'x'.repeat(1_000_000);
  const end = await gate(async (_plan, check) =>
    check.kind === 'style' ? style(2, long) : job({ exitCode: 1, outputTail: [long, long] }),
  );
  assert.equal(end.verdict?.outcome, 'rejected');
  assert.ok(JSON.stringify(end.verdict).length < 10_000);
});

test('a check that somebody else ended is no pass', async () => {
  const ended: RunJob = async (_plan, check) => (check.kind === 'style' ? style(1) : job({ endedBy: 'cancelled' }));
  const end = await gate(ended);
  assert.deepEqual(
    end.results.map((result) => result.outcome),
    ['passed', 'skipped'],
  );
  assert.equal(end.verdict, null);
});

test('exit 0 without a report is not a pass', () => {
  assert.equal(first(pythonStyle, job({})).outcome, 'failed');
  assert.equal(first(pythonTests, job({})).outcome, 'failed');
  assert.equal(first(pythonTests, { ...redTests, exitCode: 0 }).outcome, 'failed');
});

test('the pusher reads where it failed, without control characters', async () => {
  assert.deepEqual(checkLines(first(pythonTests, redTests)), [
    'tests FAILED 2.1s: tests/test_a.py:5 test_bad: assert 2 == 3',
  ]);
  assert.deepEqual(checkLines(first(pythonStyle, style(2))), ['style FAILED 2.1s: a.py:2 E501: long?[31m']);
  const folder = `/srv/lock/apps/app_01M848EFN7ZCHXH3AGKA9A7B0K/trees/${'a1'.repeat(20)}`;
  const red = { ...first(pythonStyle, style(0)), outcome: 'failed' as const, summary: 'exited', findings: [] };
  assert.equal(checkLines({ ...red, outputTail: [`File "${folder}/app.py", line 2`] })[1], '  File "app.py", line 2');
  const end = await gate(async (_plan, check) => (check.kind === 'style' ? style(1) : redTests));
  assert.equal(
    rejectedLine(end.verdict!, '35cd47b0000'),
    'REJECTED by tests; main and live unchanged at 35cd47b; reproduce: lockstep gate --only tests',
  );
});

test("the app's own configuration comes first", () => {
  const tool = (file: string, text: string) => styleTool({ ...facts, texts: new Map([[file, text]]) }).tool;
  assert.deepEqual(
    [
      tool('pyproject.toml', '[tool.ruff]'),
      tool('tox.ini', '[flake8]'),
      tool('setup.cfg', '[pycodestyle]'),
      tool('x', ''),
    ],
    ['ruff', 'flake8', 'pycodestyle', 'pep8'],
  );
  assert.deepEqual(testRunners({ ...facts, paths: ['manage.py'] }), ['django', 'pytest', 'unittest']);
  const tox = new Map([['tox.ini', '[testenv]\ncommands = pytest checks\n']]);
  assert.deepEqual(testRunners({ ...facts, texts: tox }), ['pytest', 'told', 'unittest']);
});
