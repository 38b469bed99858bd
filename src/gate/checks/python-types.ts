// Types of Python: mypy and pyright, where the app is configured for them, over the whole program with the app's own
// packages. Which of the findings count is the policy's business. The app's own version of the tool comes first.
import { type Check, type CheckPlan, endedWithout, type GateFacts, judgeEnd, saidOf, toResult } from '../check.ts';
import { parseMypy } from '../reports/mypy.ts';
import { parsePyright } from '../reports/pyright.ts';
import type { Findings } from '../reports/text.ts';
import { capturePlan } from './capture.ts';
import { hasSection, iniValue, isPython, tomlTable } from './python-config.ts';

const deadlineMs = 600_000;
const findingsKept = 20_000;

type TypeTool = {
  tool: 'mypy' | 'pyright';
  isConfigured(facts: GateFacts): boolean;
  plan(facts: GateFacts): CheckPlan;
  read(reports: Readonly<Record<string, string>>): Findings | null;
  /** The exit codes of a tool that has looked at everything. */
  isFinished(exitCode: number | null, found: Findings): boolean;
};

function typeCheck({ tool, isConfigured, plan, read, isFinished }: TypeTool, name: string): Check {
  const me = { kind: 'types', name } as const;
  return {
    ...me,
    language: 'python',
    applies: (facts) => isConfigured(facts) && facts.paths.some(isPython),
    plan,
    judge(_facts, job) {
      const end = judgeEnd(job);
      if (end) return toResult(me, job, end);
      const found = read(job.reports);
      if (found && isFinished(job.exitCode, found)) {
        const metrics = { typeFindings: found.count };
        if (found.count === 0)
          return toResult(me, job, { outcome: 'passed', summary: `no findings (${tool})`, metrics });
        const summary = `${found.count} ${found.count === 1 ? 'finding' : 'findings'} (${tool})`;
        return toResult(me, job, { outcome: 'failed', summary, ...found, findingCount: found.count, metrics });
      }
      const metrics = { broken: 1 };
      const summary = `${tool} ${endedWithout(job)}${saidOf(job, job.reports['types.txt'])}`;
      if (!found || found.count === 0) return toResult(me, job, { outcome: 'failed', summary, metrics });
      const warnings = [`${tool} stopped before it had looked at everything (exit ${job.exitCode})`];
      return toResult(me, job, {
        outcome: 'failed',
        summary: `${found.count} ${found.count === 1 ? 'finding' : 'findings'} (${tool})`,
        findings: found.findings,
        findingCount: found.count,
        metrics,
        warnings,
      });
    },
  };
}

const mypyFiles = ['mypy.ini', '.mypy.ini', 'setup.cfg'];

export const pythonMypy: Check = typeCheck(
  {
    tool: 'mypy',
    isConfigured: (facts) =>
      tomlTable(facts, 'tool.mypy') !== null || mypyFiles.some((file) => hasSection(facts, file, /mypy/)),
    plan(facts) {
      const flags = ['--no-pretty', '--no-color-output', '--show-error-codes', '--hide-error-context'];
      return capturePlan({
        argv: [
          '{tool:mypy}',
          ...flags,
          '--no-error-summary',
          '--no-sqlite-cache',
          '--cache-dir',
          `{cache}/mypy/${cacheName(facts)}`,
          '--python-executable',
          '{python}',
          ...(saysFiles(facts) ? [] : ['.']),
        ],
        tools: ['mypy'],
        report: 'types.txt',
        own: 'mypy',
        layer: 'gate',
        inImage: 'sources',
        deadlineMs,
      });
    },
    read: (reports) => (reports['types.txt'] === undefined ? null : parseMypy(reports['types.txt'], findingsKept)),
    isFinished: (exitCode, found) => exitCode === 0 || (exitCode === 1 && found.count > 0),
  },
  'types',
);

export const pythonPyright: Check = typeCheck(
  {
    tool: 'pyright',
    isConfigured: (facts) => facts.paths.includes('pyrightconfig.json') || tomlTable(facts, 'tool.pyright') !== null,
    plan: () =>
      capturePlan({
        argv: ['{tool:node}', '{tool:pyright}/pyright/dist/index.js', '--outputjson', '--pythonpath', '{python}'],
        tools: ['node', 'pyright'],
        report: 'types.json',
        ownFile: 'pyright/dist/index.js',
        layer: 'gate',
        inImage: 'sources',
        deadlineMs,
      }),
    read: (reports) => parsePyright(reports['types.json'] ?? '', reports['root.txt'] ?? '', findingsKept),
    isFinished: (exitCode, found) => exitCode === 0 || (exitCode === 1 && found.count > 0),
  },
  'pyright',
);

/** Two parts of a repository may have modules of the same names. */
const cacheName = (facts: GateFacts): string =>
  (facts.part?.root ?? '').replaceAll(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '') || 'top';

/** The configuration says what to look at; else it is everything. */
function saysFiles(facts: GateFacts): boolean {
  const keys = ['files', 'packages', 'modules'];
  const own = tomlTable(facts, 'tool.mypy') ?? {};
  return keys.some(
    (key) => Object.hasOwn(own, key) || mypyFiles.some((file) => iniValue(facts, file, 'mypy', key) !== null),
  );
}
