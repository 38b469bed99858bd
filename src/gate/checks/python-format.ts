// The layout of Python: black or ruff's formatter, where the app is configured for one. A file that it would change is one
// finding, at the first new line that it would change; a file whose new lines are as they should be is older, not new.
import { readFileSync } from 'node:fs';
import type { Finding } from '../../domain/gate.ts';
import { type Check, type CheckPlan, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { parseFormatDiff } from '../reports/format-diff.ts';
import { capturePlan } from './capture.ts';
import { changedPython, hasHook, isPython, namesRequirement, tomlTable } from './python-config.ts';

const me = { kind: 'style', name: 'format' } as const;
const blackRunner = new URL('../runners/run_black.py', import.meta.url);
const deadlineMs = 120_000;

export const pythonFormat: Check = {
  ...me,
  language: 'python',
  applies: (facts) => formatTool(facts) !== null && facts.paths.some(isPython),
  plan(facts) {
    const files = changedPython(facts);
    const tool = formatTool(facts)!;
    if (files.length === 0) return null;
    const isOwn = namesRequirement(facts, tool);
    if (tool === 'black') return blackPlan(facts, files, isOwn ? 'gate' : 'none');
    return capturePlan({
      argv: ['{tool:ruff}', 'format', '--diff', '--quiet', '--no-cache', '--force-exclude', '--', ...files],
      tools: ['ruff'],
      report: 'format.diff',
      ...(isOwn ? { own: 'ruff', layer: 'gate' } : { layer: 'none' }),
      deadlineMs,
    });
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const tool = formatTool(facts);
    const diff = parseFormatDiff(job.reports['format.diff'] ?? '');
    // 1: it would change something. Black says 123, ruff 2, for what it could not read: style says what is wrong with that.
    const isFinished = job.exitCode === 0 || ([1, 123].includes(job.exitCode ?? -1) && diff !== null && diff.size > 0);
    if (!diff || job.reports['format.diff'] === undefined || !isFinished)
      return toResult(me, job, { outcome: 'failed', summary: `${tool} ${endedWithout(job)}`, metrics: { broken: 1 } });
    const findings = [...diff].map(([file, lines]): Finding => {
      const fresh = facts.changed?.get(file);
      const line = lines.find((one) => fresh?.has(one)) ?? lines[0] ?? null;
      return {
        file,
        line,
        rule: 'format',
        message: `${tool} would change this${lines.length > 1 ? `, of ${lines.length} lines` : ''}`,
      };
    });
    const metrics = { formatFindings: findings.length };
    if (findings.length === 0) return toResult(me, job, { outcome: 'passed', summary: `as ${tool} has it`, metrics });
    const summary = `${findings.length} ${findings.length === 1 ? 'file' : 'files'} to be formatted (${tool})`;
    return toResult(me, job, { outcome: 'failed', summary, findings, metrics });
  },
};

/** The formatter that the app is configured for, by its own tables or by a hook of pre-commit. */
export function formatTool(facts: GateFacts): 'black' | 'ruff' | null {
  if (tomlTable(facts, 'tool.ruff.format') !== null || hasHook(facts, 'ruff-format')) return 'ruff';
  for (const file of ['ruff.toml', '.ruff.toml']) if (tomlTable(facts, 'format', file) !== null) return 'ruff';
  if (tomlTable(facts, 'tool.black') !== null || hasHook(facts, 'black')) return 'black';
  return null;
}

function blackPlan(facts: GateFacts, files: readonly string[], layer: CheckPlan['layer']): CheckPlan {
  const given = ['--out', '{reports}/format.diff', '--path', '{tool:black}', '--files', '{job}/files.json'];
  const options = ['--check', '--diff', '--quiet', ...forcedExclude(facts)];
  return {
    command: { argv: ['{python}', '-I', '{job}/run_black.py', ...given, '--', ...options] },
    tools: ['black'],
    reports: ['format.diff'],
    files: { 'run_black.py': readFileSync(blackRunner, 'utf8'), 'files.json': JSON.stringify(files) },
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    deadlineMs,
    layer,
  };
}

/** Files that are named to black by themselves are looked at whatever `exclude` says, unless it is said again like this. */
function forcedExclude(facts: GateFacts): string[] {
  const black = tomlTable(facts, 'tool.black') ?? {};
  const said = ['exclude', 'extend-exclude', 'force-exclude', 'extend_exclude', 'force_exclude']
    .map((key) => black[key])
    .filter((one): one is string => typeof one === 'string' && one.trim() !== '');
  // Several lines are a verbose pattern to black, and so they stay: an end of line ends a comment in it.
  return said.length === 0 ? [] : ['--force-exclude', said.map((one) => `(?:${one}\n)`).join('|')];
}
