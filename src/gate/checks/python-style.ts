// Style of Python: the app's own ruff, flake8 or pycodestyle configuration when it has one, else PEP 8 by pycodestyle and
// pyflakes. Only the files that changed are looked at; which of their lines count is the policy's business. Our own runner
// lists the docstrings by the way.
import { readFileSync } from 'node:fs';
import { type Check, type CheckPlan, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { everyFinding, parseFindingsJson } from '../reports/findings-json.ts';
import { parseSarif } from '../reports/sarif.ts';
import { type Findings, parseTextFindings } from '../reports/text.ts';
import { capturePlan } from './capture.ts';
import { startAhead } from './python-ahead.ts';
import { changedPython, isPython, namesRequirement, tomlTable } from './python-config.ts';
import { docstringsFiles, docstringsOf, docstringsReport, isAskedWithStyle } from './python-docstrings.ts';
import { formatTool } from './python-format.ts';
import { type StyleTool, styleTool } from './style-tool.ts';

const me = { kind: 'style', name: 'style' } as const;
const runnerFile = new URL('../runners/pep8.py', import.meta.url);
const deadlineMs = 120_000;

export const pythonStyle: Check = {
  ...me,
  language: 'python',
  applies: (facts) => facts.paths.some(isPython),
  plan(facts) {
    const files = changedPython(facts);
    const { tool, file } = styleTool(facts);
    if (tool === 'ruff') return files.length === 0 ? null : ruffPlan(facts, file, files);
    if (tool === 'flake8') return files.length === 0 ? null : flake8Plan(facts, files);
    return files.length === 0 && !isAskedWithStyle(facts) ? null : ownPlan(facts, file, files);
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
    const style = toResult(me, job, {
      outcome: found.count === 0 ? 'passed' : 'failed',
      summary,
      findings: found.findings,
      findingCount: found.count,
      metrics,
    });
    const docstrings = isAskedWithStyle(facts) ? docstringsOf(facts, job) : null;
    return docstrings ? [style, docstrings] : style;
  },
};

/** What ruff's default rules were when they were pinned: another version of it may have others. */
const ruffRules = ['E4', 'E7', 'E9', 'F'];

function ruffPlan(facts: GateFacts, file: string | null, files: readonly string[]): CheckPlan {
  // `fix = true` in an app's own settings would mend the copy that is looked at, and hide what it mended.
  const argv = ['{tool:ruff}', 'check', '--no-fix', '--no-fix-only', '--no-cache', '--force-exclude'];
  argv.push(...pinnedRules(facts, file));
  argv.push('--output-format', 'sarif', '--', ...files);
  const isOwn = namesRequirement(facts, 'ruff');
  // It names files by their whole paths: those of the folder that it ran in are the tree's.
  return capturePlan({
    argv,
    tools: ['ruff'],
    report: 'style.sarif',
    ...(isOwn ? { own: 'ruff', layer: 'gate' } : { layer: 'none' }),
    deadlineMs,
  });
}

/**
 * Nothing when the app selects rules; else what is selected, said in full. A selection on the command line puts the whole of
 * the file's aside, what it adds and ignores too: so these are said again.
 */
function pinnedRules(facts: GateFacts, file: string | null): string[] {
  const isOwnFile = file !== 'pyproject.toml';
  const tables = [
    tomlTable(facts, isOwnFile ? '' : 'tool.ruff', file ?? undefined) ?? {},
    tomlTable(facts, isOwnFile ? 'lint' : 'tool.ruff.lint', file ?? undefined) ?? {},
  ];
  // One that extends another file may select there.
  if (tables.some((one) => Object.hasOwn(one, 'select') || Object.hasOwn(one, 'extend'))) return [];
  const said = (...keys: string[]) =>
    tables.flatMap((one) => keys.flatMap((key) => one[key] ?? [])).filter((one) => typeof one === 'string');
  const select = [...ruffRules, ...said('extend-select')];
  const ignore = said('ignore', 'extend-ignore');
  return ['--select', select.join(','), ...(ignore.length > 0 ? ['--ignore', ignore.join(',')] : [])];
}

function flake8Plan(facts: GateFacts, files: readonly string[]): CheckPlan {
  const argv = [
    '{tool:flake8}',
    '--format=%(path)s:%(row)d:%(col)d: %(code)s %(text)s',
    '--output-file={reports}/style.txt',
    // flake8 takes what stands before a `--` for files, options too.
    ...files.map((file) => (file.startsWith('-') ? `./${file}` : file)),
  ];
  if (!namesRequirement(facts, 'flake8')) return plan({ argv }, ['flake8'], ['style.txt'], {});
  const own = capturePlan({ argv, tools: ['flake8'], report: 'style.out', own: 'flake8', layer: 'gate', deadlineMs });
  return { ...own, reports: ['style.txt'] };
}

function ownPlan(facts: GateFacts, file: string | null, files: readonly string[]): CheckPlan {
  const isOwn = file !== null;
  const tools = isOwn ? ['pycodestyle'] : ['pycodestyle', 'pyflakes'];
  const argv = ['{python}', '-I', '{job}/pep8.py', '--files', '{job}/files.json', '--out', '{reports}/style.json'];
  for (const name of tools) argv.push('--path', `{tool:${name}}`);
  if (isOwn) argv.push('--only', 'pycodestyle', '--config', file);
  else if (formatTool(facts) !== null) argv.push('--line-length', String(lineLength(facts)));
  const { ahead, aheadFiles } = startAhead({ testEnv: {} }); // it runs with `-I` and without the app's environment
  const asked = { 'pep8.py': readFileSync(runnerFile, 'utf8'), ...aheadFiles };
  const late = { 'files.json': JSON.stringify(files) };
  if (!isAskedWithStyle(facts)) return { ...plan({ argv }, tools, ['style.json'], asked), ...ahead, late };
  argv.push('--docstrings', '{job}/docstrings.py', '--settings', '{job}/settings.json');
  argv.push('--docstrings-out', `{reports}/${docstringsReport}`);
  const { 'settings.json': settings, ...runner } = docstringsFiles(facts);
  const both = plan({ argv }, tools, ['style.json', docstringsReport], { ...asked, ...runner });
  return { ...both, ...ahead, late: { ...late, 'settings.json': settings } };
}

/** Black lays lines out to 88 columns, or to what it is told: what it has laid out is no fault. */
function lineLength(facts: GateFacts): number {
  const said = tomlTable(facts, 'tool.black')?.['line-length'];
  return typeof said === 'number' && Number.isInteger(said) && said > 0 && said < 1000 ? said : 88;
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
    return reports['style.sarif'] === undefined
      ? null
      : parseSarif(reports['style.sarif'], reports['root.txt'] ?? null, limit);
  if (tool === 'flake8')
    return reports['style.txt'] === undefined ? null : parseTextFindings(reports['style.txt'], limit);
  return parseFindingsJson(reports['style.json'] ?? '', everyFinding);
}
