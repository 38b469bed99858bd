// Docstrings of Python's public definitions. An own runner lists them (docstrings.py says which count); here stands which
// files are asked, and what [tool.interrogate] leaves out. In a project of usual size the style check does this by the way,
// in its own interpreter; in a large one, or beside ruff and flake8, it is a job of its own.
import { readFileSync } from 'node:fs';
import type { CheckResult } from '../../domain/gate.ts';
import type { JobResult } from '../../domain/job.ts';
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { type Definition, docstringResult } from '../docstrings.ts';
import { treePath } from '../reports/tree-path.ts';
import { isPython, tomlTable } from './python-config.ts';
import { styleTool } from './style-tool.ts';

const me = { kind: 'docstrings', name: 'docstrings' } as const;
const runnerFile = new URL('../runners/docstrings.py', import.meta.url);
/** More files than these are not read by the way: style is to answer within a second. */
const fewFiles = 300;

/** The reports and files that a job needs which lists the definitions by the way. */
export const docstringsReport = 'docstrings.json';
export const docstringsFiles = (facts: GateFacts): Record<'docstrings.py' | 'settings.json', string> => ({
  'docstrings.py': readFileSync(runnerFile, 'utf8'),
  'settings.json': JSON.stringify(docstringSettings(facts)),
});

export const isAskedWithStyle = (facts: GateFacts): boolean =>
  ['pep8', 'pycodestyle'].includes(styleTool(facts).tool) && documented(facts).length <= fewFiles;

export const pythonDocstrings: Check = {
  ...me,
  language: 'python',
  applies: (facts) => !isAskedWithStyle(facts) && documented(facts).length > 0,
  plan: (facts) => ({
    command: {
      argv: [
        ...['{python}', '-I', '{job}/docstrings.py'],
        ...['--settings', '{job}/settings.json', '--out', `{reports}/${docstringsReport}`],
      ],
    },
    tools: [],
    reports: [docstringsReport],
    files: docstringsFiles(facts),
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    deadlineMs: 120_000,
    layer: 'none',
  }),
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const result = job.exitCode === 0 ? docstringsOf(facts, job) : null;
    return result ?? toResult(me, job, { outcome: 'failed', summary: `docstrings ${endedWithout(job)}` });
  },
};

/** The answer that the job's report gives; null when it gives none. */
export function docstringsOf(facts: GateFacts, job: JobResult): CheckResult | null {
  const definitions = parseDefinitions(job.reports[docstringsReport] ?? '');
  return definitions && docstringResult(definitions, facts.changed, job, facts.added);
}

const kinds = new Set(['module', 'class', 'function', 'method']);

/** The runner's own JSON; null when it is anything else. */
export function parseDefinitions(source: string): Definition[] | null {
  try {
    const { files, definitions } = JSON.parse(source) as { files?: unknown; definitions?: unknown };
    if (!Array.isArray(files) || !Array.isArray(definitions)) return null;
    return definitions.flatMap((one: unknown): Definition[] => {
      if (!Array.isArray(one)) return [];
      const [index, line, name, kind, isDocumented] = one as unknown[];
      const file = typeof index === 'number' ? treePath(String(files[index] ?? '')) : null;
      if (file === null || !Number.isSafeInteger(line) || (line as number) < 1 || !kinds.has(String(kind))) return [];
      return [
        {
          file,
          line: line as number,
          name: String(name).slice(0, 300),
          kind: String(kind),
          isDocumented: isDocumented === 1,
        },
      ];
    });
  } catch {
    return null;
  }
}

/** What no reader of documentation asks for: tests, migrations, what tools wrote, private modules, configuration as code. */
const leftOut: readonly RegExp[] = [
  /(?:^|\/)(?:tests?|testing|migrations|versions|node_modules|build|dist|docs?)\//,
  /(?:^|\/)(?:test_[^/]*|[^/]*_test|tests|conftest|setup|noxfile|fabfile)\.py$/,
  /(?:^|\/)(?:[^/]*_pb2(?:_grpc)?|_version|version_info)\.py$/,
  /(?:^|\/)_(?!_init__\.py$|_main__\.py$)[^/]*/,
];

function documented(facts: GateFacts): string[] {
  const interrogate = tomlTable(facts, 'tool.interrogate') ?? {};
  const excluded = strings(interrogate.exclude).map((path) => path.replace(/^\.\//, '').replace(/\/+$/, ''));
  const isExcluded = (path: string) => excluded.some((one) => path === one || path.startsWith(`${one}/`));
  return facts.paths.filter(
    (path) => path.endsWith('.py') && isPython(path) && !leftOut.some((one) => one.test(path)) && !isExcluded(path),
  );
}

function docstringSettings(facts: GateFacts): { files: string[]; ignore: string[]; names: string[] } {
  const interrogate = tomlTable(facts, 'tool.interrogate') ?? {};
  const ignore = [
    ['ignore-module', 'module'],
    ['ignore-init-module', 'init-module'],
    ['ignore-property-decorators', 'property'],
  ].flatMap(([key, kind]) => (interrogate[key!] === true ? [kind!] : []));
  return { files: documented(facts), ignore, names: strings(interrogate['ignore-regex']) };
}

const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
