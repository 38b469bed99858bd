// Go's tests, with coverage, of every module. The exit code alone proves nothing: what `go test -json` says of each test does, and
// a package that does not compile, panics or leaves by os.Exit has failed. No test files are no tests (metric testsRun 0). The
// results are never taken from a cache.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { coverageResult } from '../coverage.ts';
import { parseCoverprofile } from '../reports/coverprofile.ts';
import { parseTest2json } from '../reports/test2json.ts';
import { goModules, goPlan } from './go-facts.ts';

const me = { kind: 'tests', name: 'tests' } as const;

export const goTests: Check = {
  ...me,
  language: 'go',
  applies: (facts) => goModules(facts).length > 0,
  plan: (facts) =>
    goPlan(facts, 'test', {
      needsModules: true,
      spec: { files: [], modules: goModules(facts) },
      reports: ['tests.json', 'cover.out', 'ends.json'],
      deadlineMs: 900_000,
    }),
  rerun(facts, result) {
    const modules = failedModules(facts, result.findings);
    if (modules === null) return null;
    return goPlan(facts, 'test', {
      needsModules: true,
      spec: { files: [], modules },
      reports: ['tests.json', 'ends.json'],
      deadlineMs: 900_000,
    });
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const ends = parseEnds(job.reports['ends.json'] ?? '');
    if (!ends || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `go test ${endedWithout(job)}` });
    const modules = goModules(facts);
    const source = job.reports['tests.json'] ?? '';
    const tests = parseTest2json(source, modules) ?? { cases: [], broken: [] };
    const wrong = ends.filter(({ exit }) => exit !== 0);
    const failed = tests.cases.filter((one) => one.outcome === 'failed');
    const run = tests.cases.filter((one) => one.outcome !== 'skipped').length;
    const metrics = { testsRun: run, testsFailed: failed.length, testsSkipped: tests.cases.length - run };
    const findings = [...tests.broken, ...failed].map(
      (one): Finding => ({ file: one.file, line: one.line, rule: one.name, message: one.message ?? 'failed' }),
    );
    const profile = parseCoverprofile(job.reports['cover.out'] ?? '', modules);
    const covered = profile && coverageResult(profile, facts.changed, job);
    const withCoverage = (result: CheckResult) => (covered ? [result, covered] : [result]);
    if (findings.length > 0) {
      const packages = tests.broken.length;
      const whole = packages === 0 ? '' : `${packages} ${packages === 1 ? 'package' : 'packages'} could not be tested`;
      const summary = failed.length === 0 ? whole : `${failed.length} of ${run} tests failed`;
      return withCoverage(toResult(me, job, { outcome: 'failed', summary, findings, metrics }));
    }
    if (wrong[0] !== undefined) {
      const { exit, said } = wrong[0];
      const summary = `go test ended with exit ${exit} though no test failed${said === '' ? '' : `: ${said}`}`;
      return toResult(me, job, { outcome: 'failed', summary, metrics });
    }
    if (run === 0) return toResult(me, job, { outcome: 'passed', summary: 'no tests found', metrics });
    return withCoverage(
      toResult(me, job, { outcome: 'passed', summary: `${run} ${run === 1 ? 'test' : 'tests'}`, metrics }),
    );
  },
};

/** The packages of what failed, and `-run` for their tests; of a part of a test the whole of it. null: one has no place. */
function failedModules(facts: GateFacts, findings: readonly Finding[]) {
  const known = goModules(facts);
  const failed = new Map<string, { packages: Set<string>; names: Set<string> }>();
  for (const { file, rule } of findings) {
    const name = rule.split('/')[0]!;
    const inner = known
      .filter(({ folder }) => file?.startsWith(folder))
      .sort((a, b) => b.folder.length - a.folder.length);
    const folder = inner[0]?.folder;
    if (file === null || folder === undefined || !/^(?:Test|Fuzz|Example)\w*$/.test(name)) return null;
    const one = failed.get(folder) ?? { packages: new Set(), names: new Set() };
    one.packages.add(`./${file.slice(folder.length, file.lastIndexOf('/') + 1)}`);
    one.names.add(name);
    failed.set(folder, one);
  }
  return known.flatMap((module) => {
    const only = failed.get(module.folder);
    return only === undefined
      ? []
      : [{ ...module, only: { packages: [...only.packages], run: `^(?:${[...only.names].join('|')})$` } }];
  });
}

/** How `go test` ended for each module; null when it is anything else, or says nothing. */
function parseEnds(source: string): { exit: number | null; said: string }[] | null {
  try {
    const ends: unknown = JSON.parse(source);
    if (!Array.isArray(ends) || ends.length === 0) return null;
    return ends.map(({ exit, said }: { exit: unknown; said: unknown }) => ({
      exit: typeof exit === 'number' ? exit : null,
      said: String(said ?? '').slice(0, 500),
    }));
  } catch {
    return null;
  }
}
