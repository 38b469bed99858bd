// Python's tests: pytest, unittest or Django's, in one process with coverage. "No tests" is a value (metric testsRun 0),
// never an error; the policy says what it means. The exit code alone proves nothing: a `sys.exit(0)` in a test leaves no report.
import { pytestWords } from '../../config/readers/tox.ts';
import type { CheckResult, Finding } from '../../domain/gate.ts';
import { type Check, endedWithout, type GateFacts, judgeEnd, saidOf, toResult } from '../check.ts';
import { coverageResult, withoutFiles } from '../coverage.ts';
import { parseJunit } from '../reports/junit.ts';
import { parseLcov } from '../reports/lcov.ts';
import { startAhead } from './python-ahead.ts';
import { runnerFiles } from './runner-files.ts';

const me = { kind: 'tests', name: 'tests' } as const;

export const pythonTests: Check = {
  ...me,
  language: 'python',
  applies: (facts) => facts.paths.some((path) => path.endsWith('.py')),
  plan(facts) {
    const argv = ['{python}', '{job}/run_tests.py', '--reports', '{reports}'];
    for (const runner of testRunners(facts)) argv.push('--try', runner);
    const told = toldWords(facts);
    if (told !== null) argv.push('--told', '{job}/told.json');
    const { ahead, aheadFiles } = startAhead(facts);
    return {
      command: { argv },
      ...ahead,
      env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0', ...facts.testEnv },
      files: {
        ...runnerFiles(
          'run_tests.py',
          'tests_coverage.py',
          'tests_installed.py',
          'tests_pytest.py',
          'tests_unittest.py',
        ),
        ...aheadFiles,
        ...(told === null ? {} : { 'told.json': JSON.stringify(told) }),
      },
      reports: ['tests.json', 'junit.xml', 'lcov.info'],
      tools: [],
      deadlineMs: 900_000,
      layer: 'gate',
      inImage: 'tests',
    };
  },
  rerun(facts, result) {
    const whole = this.plan(facts);
    if (whole === null || !('argv' in whole.command)) return null;
    const names = [...new Set(result.findings.map(({ rule }) => rule))];
    const { ahead: _, ...once } = whole;
    return {
      ...once,
      command: { argv: [...whole.command.argv, '--only', '{job}/only.json'] },
      files: { ...whole.files, 'only.json': JSON.stringify(names) },
    };
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const summary = parseSummary(job.reports['tests.json'] ?? '');
    if (!summary)
      return toResult(me, job, { outcome: 'failed', summary: `the tests ${endedWithout(job)}${saidOf(job)}` });
    const { runner, notes: warnings } = summary;
    if (job.exitCode === 5 && runner === null) {
      return toResult(me, job, {
        outcome: 'passed',
        summary: 'no tests found',
        metrics: { testsRun: 0, testsFailed: 0 },
        warnings,
      });
    }
    const cases = parseJunit(job.reports['junit.xml'] ?? '');
    if (!cases)
      return toResult(me, job, {
        outcome: 'failed',
        summary: `${runner} ${endedWithout(job)}${saidOf(job)}`,
        warnings,
      });
    const failed = cases.filter((one) => one.outcome === 'failed');
    const run = cases.filter((one) => one.outcome !== 'skipped').length;
    const metrics: Record<string, number> = {
      testsRun: run,
      testsFailed: failed.length,
      testsSkipped: cases.length - run,
    };
    const measured = parseLcov(job.reports['lcov.info'] ?? '');
    const coverage = measured && withoutFiles(measured, isOfBuild);
    const covered = coverage && coverageResult(coverage, facts.changed, job, (file) => !isTestFile(file));
    const withCoverage = (tests: CheckResult) => (covered ? [tests, covered] : [tests]);
    const findings = failed.map(
      (one): Finding => ({ file: one.file, line: one.line, rule: one.name, message: one.message ?? 'failed' }),
    );
    if (job.exitCode === 3 && runner === 'pytest' && failed.every(({ name }) => name === 'internal')) {
      // pytest's report tells of itself as of a test, and not what happened: its last lines do.
      const summary = `pytest ended with exit 3: an internal error, of a plug-in or of conftest.py`;
      return toResult(me, job, { outcome: 'failed', summary, warnings });
    }
    if (failed.length > 0) {
      const summary = `${failed.length} of ${run} tests failed`;
      return withCoverage(toResult(me, job, { outcome: 'failed', summary, findings, metrics, warnings }));
    }
    if (job.exitCode !== 0) {
      const summary = `${runner} ended with exit ${job.exitCode} though no test failed`;
      return toResult(me, job, { outcome: 'failed', summary, metrics, warnings });
    }
    return withCoverage(
      toResult(me, job, { outcome: 'passed', summary: `${run} ${run === 1 ? 'test' : 'tests'}`, metrics, warnings }),
    );
  },
};

/** What builds and checks the project is no part of what runs. */
const isOfBuild = (path: string): boolean => /(?:^|\/)(?:setup|noxfile)\.py$/.test(path);

/** Its lines are run by running the tests: they say nothing about what is tested. */
const isTestFile = (path: string): boolean =>
  /(?:^|\/)(?:tests?\/|test_[^/]*\.py$|[^/]*_test\.py$|conftest\.py$|tests\.py$)/.test(path);

/** The runners in the order in which they are tried: the next one only when the one before found no test. */
export function testRunners(facts: GateFacts): ('pytest' | 'told' | 'django' | 'unittest')[] {
  const pytest = toldWords(facts) === null ? (['pytest'] as const) : (['pytest', 'told'] as const);
  const text = (file: string) => facts.texts.get(file) ?? '';
  const isPytestConfigured =
    facts.paths.some((path) => /(?:^|\/)(?:\.?pytest\.ini|conftest\.py)$/.test(path)) ||
    /^\s*\[tool\.pytest/m.test(text('pyproject.toml')) ||
    /^\[tool:pytest\]/m.test(text('setup.cfg')) ||
    /^\[pytest\]/m.test(text('tox.ini'));
  if (!facts.paths.includes('manage.py')) return [...pytest, 'unittest'];
  return isPytestConfigured ? [...pytest, 'django', 'unittest'] : ['django', ...pytest, 'unittest'];
}

/** How tox or nox call pytest, for when it finds nothing by itself. */
const toldWords = (facts: GateFacts): string[] | null =>
  pytestWords(facts.texts.get('tox.ini') ?? '', facts.texts.get('noxfile.py') ?? '');

const noteLength = 500;

function parseSummary(source: string): { runner: string | null; notes: string[] } | null {
  try {
    const value = JSON.parse(source) as { runner?: unknown; notes?: unknown };
    if (value.runner !== null && typeof value.runner !== 'string') return null;
    return {
      runner: value.runner,
      notes: Array.isArray(value.notes) ? value.notes.slice(0, 10).map((one) => String(one).slice(0, noteLength)) : [],
    };
  } catch {
    return null;
  }
}
