// Tests of a Node project: vitest, jest, mocha or `node --test`, with one report and coverage; any other `test` script by its
// exit code, which counts nothing. "No tests" is a value (metric testsRun 0), never a pass by silence: `node --test` exits 0
// without any, vitest exits 1.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import { type Check, type CheckPlan, endedWithout, type GateFacts, judgeEnd, saidOf, toResult } from '../check.ts';
import { coverageResult } from '../coverage.ts';
import { type Coverage, parseLcov } from '../reports/lcov.ts';
import { treePath } from '../reports/tree-path.ts';
import { managersOf, projectOf, runnerFiles } from './node-project.ts';
import { type TestPlan, testPlan } from './node-test-plan.ts';

const me = { kind: 'tests', name: 'tests' } as const;
const mostCases = 200_000;

export const nodeTests: Check = {
  ...me,
  language: 'node',
  applies: (facts) => facts.paths.includes('package.json'),
  plan(facts) {
    const plan = planOf(facts);
    // Nothing says how: what there is of tests is nobody's.
    return plan === null ? null : jobOf(facts, plan);
  },
  rerun(facts, result) {
    const plan = planOf(facts);
    if (plan === null || plan.runner === 'script') return null;
    if (plan.runner === 'tap') {
      // It can be told files, and no tests: a failure elsewhere is not known by its file.
      const files = [...new Set(result.findings.map(({ file }) => file))];
      if (!files.every((file) => file !== null && isNodeTest(file))) return null;
      const options = plan.argv.filter((word) => word.startsWith('-'));
      return jobOf(facts, { ...plan, before: [], argv: [...options, ...(files as string[])] });
    }
    const names = [...new Set(result.findings.map(({ rule }) => rule.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))];
    const only =
      plan.runner === 'node'
        ? names.map((name) => `--test-name-pattern=${name}`)
        : [plan.runner === 'mocha' ? '--grep' : '-t', names.join('|')];
    return jobOf(facts, { ...plan, before: [], argv: [...only, ...plan.argv] });
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const said = parseTests(job.reports['tests.json']);
    if (!said) return toResult(me, job, { outcome: 'failed', summary: `the tests ${endedWithout(job)}${saidOf(job)}` });
    const { runner, cases, notes: warnings } = said;
    if (cases === null) {
      const isGood = runner === 'script' && job.exitCode === 0;
      const summary = isGood ? 'the test script ended well' : `the test script ended with exit ${job.exitCode}`;
      return toResult(me, job, { outcome: isGood ? 'passed' : 'failed', summary, warnings });
    }
    const metrics0 = { testsRun: 0, testsFailed: 0 };
    if (cases.length === 0 && job.exitCode === 5)
      return toResult(me, job, { outcome: 'passed', summary: 'no tests found', metrics: metrics0, warnings });
    const failed = cases.filter((one) => one.outcome === 'failed');
    const run = cases.filter((one) => one.outcome !== 'skipped').length;
    const metrics = { testsRun: run, testsFailed: failed.length, testsSkipped: cases.length - run };
    const coverage = parseLcov(job.reports['lcov.info'] ?? '');
    const covered = coverage && coverageResult(withoutTests(coverage), facts.changed, job);
    const withCoverage = (tests: CheckResult) => (covered ? [tests, covered] : [tests]);
    if (failed.length > 0) {
      const findings = failed.map(
        (one): Finding => ({ file: one.file, line: one.line, rule: one.name, message: one.message ?? 'failed' }),
      );
      const summary = `${failed.length} of ${run} tests failed`;
      return withCoverage(toResult(me, job, { outcome: 'failed', summary, findings, metrics, warnings }));
    }
    if (job.exitCode !== 0 || cases.length === 0) {
      const summary = `${runner} ended with exit ${job.exitCode} though no test failed`;
      return toResult(me, job, { outcome: 'failed', summary, metrics, warnings });
    }
    const summary = `${run} ${run === 1 ? 'test' : 'tests'} (${runner})`;
    return withCoverage(toResult(me, job, { outcome: 'passed', summary, metrics, warnings }));
  },
};

function jobOf(facts: GateFacts, plan: TestPlan): CheckPlan {
  const managers = managersOf(facts);
  return {
    command: {
      argv: [
        ...['{tool:node}', '{job}/node_tests.mjs', '{layer}', '{reports}/tests.json'],
        ...[managers.json, '{job}/plan.json'],
      ],
    },
    env: { NODE_ENV: 'test', ...facts.testEnv },
    tools: ['node', ...managers.tools],
    files: {
      ...runnerFiles(
        'node_tests.mjs',
        'node_reporter.mjs',
        'node_in_image.mjs',
        'jest_reporter.cjs',
        'mocha_reporter.cjs',
        'node_tap.mjs',
        'v8_coverage.mjs',
      ),
      'plan.json': JSON.stringify(plan),
    },
    reports: ['tests.json', 'lcov.info'],
    deadlineMs: 900_000,
    layer: 'gate',
    inImage: 'tests',
  };
}

/** Its lines are run by running the tests: they say nothing about what is tested. */
export const isNodeTest = (path: string): boolean =>
  /(?:^|\/)(?:tests?|__tests__|__mocks__|e2e|spec)\/|[.-](?:test|spec)\.[cm]?[jt]sx?$|(?:^|\/)test[-.][^/]*\.[cm]?[jt]sx?$/.test(
    path,
  );

const planOf = (facts: GateFacts): TestPlan | null => testPlan(projectOf(facts), facts.paths);

/** Of tests, configuration and generated files nobody asks for coverage. */
function withoutTests(coverage: Coverage): Coverage {
  const files = new Map(
    [...coverage.files].filter(
      ([file]) => !isNodeTest(file) && !/(?:^|\/)(?:node_modules\/|[^/]*\.config\.)/.test(file),
    ),
  );
  const hits = [...files.values()].flatMap((lines) => [...lines.values()]);
  return { files, linesFound: hits.length, linesHit: hits.filter((count) => count > 0).length };
}

type Case = {
  name: string;
  file: string | null;
  line: number | null;
  outcome: 'passed' | 'failed' | 'skipped';
  message: string | null;
};

/** Our own runner's report; `cases` null: the tests were counted by nobody. null for anything else. */
function parseTests(source: string | undefined): { runner: string; cases: Case[] | null; notes: string[] } | null {
  try {
    const { runner, cases, notes } = JSON.parse(source ?? '') as Record<string, unknown>;
    if (typeof runner !== 'string' || !(cases === null || Array.isArray(cases))) return null;
    if (cases !== null && cases.length > mostCases) return null;
    const listed = cases?.map((one: unknown): Case => {
      const { name, file, line, outcome, message } = Object(one) as Record<string, unknown>;
      return {
        name: String(name ?? 'unnamed').slice(0, 300),
        file: typeof file === 'string' ? treePath(file) : null,
        line: typeof line === 'number' && Number.isSafeInteger(line) && line > 0 ? line : null,
        // What is neither passed nor left out has failed.
        outcome: outcome === 'passed' || outcome === 'skipped' ? outcome : 'failed',
        message: typeof message === 'string' ? message.slice(0, 500) : null,
      };
    });
    const said = Array.isArray(notes) ? notes.slice(0, 10).map((one) => String(one).slice(0, 500)) : [];
    return { runner: runner.slice(0, 40), cases: listed ?? null, notes: said };
  } catch {
    return null;
  }
}
