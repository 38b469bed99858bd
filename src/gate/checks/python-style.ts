// Style of Python: the app's own ruff, flake8 or pycodestyle configuration when it has one, else PEP 8 by pycodestyle and
// pyflakes. Only the files that changed are looked at; which of their lines count is the policy's business.
import { readFileSync } from 'node:fs';
import type { Finding } from '../../domain/gate.ts';
import { type Check, type CheckPlan, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { parseSarif } from '../reports/sarif.ts';
import { type Findings, parseTextFindings } from '../reports/text.ts';
import { treePath } from '../reports/tree-path.ts';

const me = { kind: 'style', name: 'style' } as const;
const runnerFile = new URL('../runners/pep8.py', import.meta.url);
const deadlineMs = 120_000;

export const pythonStyle: Check = {
  ...me,
  language: 'python',
  applies: (facts) => facts.paths.some(isPython),
  plan(facts) {
    const files = filesToCheck(facts);
    if (files.length === 0) return null;
    const { tool, file } = styleTool(facts);
    if (tool === 'ruff') {
      const argv = [
        '{tool:ruff}',
        'check',
        '--no-cache',
        '--force-exclude',
        '--output-format',
        'sarif',
        '--output-file',
        '{reports}/style.sarif',
        '--',
        ...files,
      ];
      return plan({ argv }, ['ruff'], ['style.sarif'], {});
    }
    if (tool === 'flake8') {
      const argv = [
        '{tool:flake8}',
        '--format=%(path)s:%(row)d:%(col)d: %(code)s %(text)s',
        '--output-file={reports}/style.txt',
        '--',
        ...files,
      ];
      return plan({ argv }, ['flake8'], ['style.txt'], {});
    }
    const own = tool === 'pycodestyle';
    const tools = own ? ['pycodestyle'] : ['pycodestyle', 'pyflakes'];
    const argv = ['{python}', '-I', '{job}/pep8.py', '--files', '{job}/files.json', '--out', '{reports}/style.json'];
    for (const name of tools) argv.push('--path', `{tool:${name}}`);
    if (own) argv.push('--only', 'pycodestyle', '--config', file!);
    return plan({ argv }, tools, ['style.json'], {
      'pep8.py': readFileSync(runnerFile, 'utf8'),
      'files.json': JSON.stringify(files),
    });
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const { tool } = styleTool(facts);
    const found = readReport(tool, job.reports);
    const isFinished = job.exitCode === 0 || (job.exitCode === 1 && found !== null && found.count > 0);
    if (!found || !isFinished) return toResult(me, job, { outcome: 'failed', summary: `${tool} ${endedWithout(job)}` });
    const metrics = { styleFindings: found.count };
    const summary =
      found.count === 0
        ? `no findings (${tool})`
        : `${found.count} ${found.count === 1 ? 'finding' : 'findings'} (${tool})`;
    return toResult(me, job, {
      outcome: found.count === 0 ? 'passed' : 'failed',
      summary,
      findings: found.findings,
      findingCount: found.count,
      metrics,
    });
  },
};

export type StyleTool = { tool: 'ruff' | 'flake8' | 'pycodestyle' | 'pep8'; file: string | null };

/** Which tool the app configured, and where; `pep8` when it configured none. */
export function styleTool(facts: GateFacts): StyleTool {
  const has = (file: string, section: RegExp) => section.test(facts.texts.get(file) ?? '');
  for (const file of ['ruff.toml', '.ruff.toml']) if (facts.paths.includes(file)) return { tool: 'ruff', file };
  if (has('pyproject.toml', /^\s*\[tool\.ruff[\].]/m)) return { tool: 'ruff', file: 'pyproject.toml' };
  const ini = ['setup.cfg', 'tox.ini', '.flake8'];
  for (const file of ini) if (has(file, /^\[flake8\]/m)) return { tool: 'flake8', file };
  for (const file of ini) if (has(file, /^\[(?:pycodestyle|pep8)\]/m)) return { tool: 'pycodestyle', file };
  return { tool: 'pep8', file: null };
}

function filesToCheck(facts: GateFacts): string[] {
  return facts.paths.filter(
    (path) => isPython(path) && (facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0),
  );
}

function isPython(path: string): boolean {
  return /\.pyi?$/.test(path) && !/(?:^|\/)(?:\.venv|venv|node_modules|site-packages|__pycache__)\//.test(path);
}

function plan(
  command: CheckPlan['command'],
  tools: string[],
  reports: string[],
  files: Record<string, string>,
): CheckPlan {
  return { command, tools, reports, files, env: { PYTHONDONTWRITEBYTECODE: '1' }, deadlineMs, layer: 'none' };
}

function readReport(tool: StyleTool['tool'], reports: Readonly<Record<string, string>>): Findings | null {
  // All findings are kept here, since those on unchanged lines must not crowd out the others.
  const limit = 20_000;
  if (tool === 'ruff')
    return reports['style.sarif'] === undefined ? null : parseSarif(reports['style.sarif'], null, limit);
  if (tool === 'flake8')
    return reports['style.txt'] === undefined ? null : parseTextFindings(reports['style.txt'], limit);
  return parsePep8(reports['style.json'] ?? '');
}

/** The runner's own JSON; null when it is anything else. */
export function parsePep8(source: string): Findings | null {
  try {
    const document = JSON.parse(source) as { count?: unknown; findings?: unknown };
    if (!Array.isArray(document.findings) || typeof document.count !== 'number') return null;
    const findings = document.findings.map(
      (one: Record<string, unknown>): Finding => ({
        file: treePath(String(one.file)),
        line: typeof one.line === 'number' && one.line > 0 ? one.line : null,
        rule: String(one.rule),
        message: String(one.message),
      }),
    );
    return { findings, count: Math.max(document.count, findings.length) };
  } catch {
    return null;
  }
}
