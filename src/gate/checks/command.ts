// A check that the repository brings itself (`gate.checks` in lockstep.yml, app.json's test script): a command, and the
// reports that it promises. Reports are read where there are any, the exit code says the rest: 0 passes, 75 is tried again.
import { readFileSync } from 'node:fs';
import type { CheckKind, CheckResult, Finding } from '../../domain/gate.ts';
import type { CheckCommand, ReportKind } from '../../domain/gate-settings.ts';
import type { JobResult } from '../../domain/job.ts';
import { type Check, type GateFacts, type Judgement, judgeEnd, toResult } from '../check.ts';
import { coverageResult } from '../coverage.ts';
import { parseCobertura } from '../reports/cobertura.ts';
import { parseJunit, type TestCase } from '../reports/junit.ts';
import { parseLcov } from '../reports/lcov.ts';
import { parseSarif } from '../reports/sarif.ts';

const runnerFile = new URL('../runners/command.sh', import.meta.url);
/** sysexits' EX_TEMPFAIL: try again. */
const tryAgain = 75;

export function commandCheck(kind: CheckKind, name: string, own: CheckCommand): Check {
  const me = { kind, name };
  const promised = Object.entries(own.reports) as [ReportKind, string][];
  const docs = own.docs === undefined ? [] : ['docs', own.docs];
  return {
    ...me,
    language: 'any',
    applies: () => true,
    plan: (facts) => ({
      command: {
        argv: ['/bin/sh', '{job}/command.sh', '{reports}', '{job}/own.sh', ...promised.flat(), ...docs],
      },
      env: { PYTHONDONTWRITEBYTECODE: '1', CI: '1', ...facts.testEnv },
      files: { 'command.sh': readFileSync(runnerFile, 'utf8'), 'own.sh': `${own.run}\n` },
      reports: ['where.txt', ...promised.map(([report]) => report)],
      ...(own.docs === undefined ? {} : { collect: { docs: 'docs' } }),
      tools: [],
      deadlineMs: own.timeoutMs,
      layer: 'gate',
      ...(own.needsRelease ? { needsRelease: true } : {}),
      ...(own.network === 'none' ? { network: 'none' as const } : {}),
      // What asks the app from outside does so from where it can be reached.
      ...(own.needsRelease || own.in === 'server' ? {} : { inImage: 'sources' as const }),
      ...(own.in === 'image' ? { isOnlyInImage: true as const } : {}),
    }),
    judge: (facts, job) => judgeCommand(me, promised, facts, job),
  };
}

function judgeCommand(
  me: Pick<Check, 'kind' | 'name'>,
  promised: readonly [ReportKind, string][],
  facts: GateFacts,
  job: JobResult,
): readonly CheckResult[] {
  const one = (judgement: Judgement) => [toResult(me, job, judgement)];
  if (job.exitCode === tryAgain)
    return one({ outcome: 'infra', summary: `the command asks to be tried again (exit ${tryAgain})` });
  if (job.exitCode === 126 || job.exitCode === 127)
    return one({ outcome: 'failed', summary: `a program of the command was not found (exit ${job.exitCode})` });
  const end = judgeEnd(job);
  if (end) return one(end);
  const lacking = promised.find(([kind]) => job.reports[kind] === undefined);
  const root = job.reports['where.txt']?.trim() || null;
  const read = readReports(job.reports, root);
  if (read.unreadable !== null) {
    const file = promised.find(([kind]) => kind === read.unreadable)?.[1] ?? read.unreadable;
    return one({ outcome: 'failed', summary: `${file} is no ${read.unreadable} report (exit ${job.exitCode})` });
  }
  if (lacking && job.exitCode === 0)
    return one({ outcome: 'failed', summary: `the command passed, and wrote no ${lacking[1]}` });
  const { cases, findings, count, coverage } = read;
  const failed = cases?.filter(({ outcome }) => outcome === 'failed') ?? [];
  const run = cases?.filter(({ outcome }) => outcome !== 'skipped').length ?? 0;
  const metrics: Record<string, number> = cases ? { testsRun: run, testsFailed: failed.length } : {};
  const own = toResult(me, job, {
    outcome: job.exitCode === 0 && failed.length === 0 && count === 0 ? 'passed' : 'failed',
    summary: summaryOf(job, cases && { run, failed: failed.length }, count),
    findings: [...failed.map(caseFinding), ...findings],
    findingCount: failed.length + count,
    metrics,
  });
  const covered = coverage && coverageResult(coverage, facts.changed, job);
  if (!covered) return [own];
  // A command that takes the place of `coverage` has no other result than that, when it went well.
  if (me.kind === 'coverage' && own.outcome === 'passed') return [covered];
  return [own, me.kind === 'custom' ? { ...covered, name: `${covered.name} (${me.name})` } : covered];
}

function summaryOf(job: JobResult, tests: { run: number; failed: number } | null, findings: number): string {
  if (tests && tests.failed > 0) return `${tests.failed} of ${tests.run} tests failed`;
  if (findings > 0) return `${findings} ${findings === 1 ? 'finding' : 'findings'}`;
  if (job.exitCode === 0) return tests ? `${tests.run} ${tests.run === 1 ? 'test' : 'tests'}` : 'exit 0';
  const ended = job.signal ? `ended by ${job.signal}` : `exit ${job.exitCode}`;
  return tests ? `${ended} though no test failed` : ended;
}

const caseFinding = (one: TestCase): Finding => ({
  file: one.file,
  line: one.line,
  rule: one.name,
  message: one.message ?? 'failed',
});

/** All findings are kept here: those on old lines must not crowd out the others. */
const mostFindings = 20_000;

function readReports(reports: Readonly<Record<string, string>>, root: string | null) {
  const unreadable = (kind: ReportKind) => ({
    ...{ unreadable: kind, cases: null, findings: [], count: 0, coverage: null },
  });
  const cases = reports.junit === undefined ? null : parseJunit(reports.junit, root);
  if (reports.junit !== undefined && cases === null) return unreadable('junit');
  const sarif = reports.sarif === undefined ? null : parseSarif(reports.sarif, root, mostFindings);
  if (reports.sarif !== undefined && sarif === null) return unreadable('sarif');
  const lcov = reports.lcov === undefined ? null : parseLcov(reports.lcov, root);
  if (reports.lcov !== undefined && lcov === null) return unreadable('lcov');
  const cobertura = reports.cobertura === undefined ? null : parseCobertura(reports.cobertura, root);
  if (reports.cobertura !== undefined && cobertura === null) return unreadable('cobertura');
  const { findings = [], count = 0 } = sarif ?? {};
  return { unreadable: null, cases, findings, count, coverage: lcov ?? cobertura };
}
