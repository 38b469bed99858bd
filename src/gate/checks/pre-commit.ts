// A repository's own pre-commit hooks, on the files that changed. A hook that fails and one that edits files are findings, and
// the hooks that cannot run here are named each time: nothing passes in silence.
import { readFileSync } from 'node:fs';
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { mostFindings, parseFindingsJson } from '../reports/findings-json.ts';
import { hookTools, readHooks } from './pre-commit-hooks.ts';

const me = { kind: 'style', name: 'pre-commit' } as const;
const runnerFile = new URL('../runners/precommit.py', import.meta.url);
const file = '.pre-commit-config.yaml';

export const preCommit: Check = {
  ...me,
  language: 'any',
  applies: (facts) => (readHooks(facts.texts.get(file) ?? '')?.length ?? 1) > 0 && facts.texts.has(file),
  plan(facts) {
    const hooks = readHooks(facts.texts.get(file) ?? '') ?? [];
    const tools = hookTools(hooks);
    const argv = [
      '{python}',
      '-I',
      '{job}/precommit.py',
      '--hooks',
      '{job}/hooks.json',
      '--out',
      '{reports}/pre-commit.json',
    ];
    return {
      command: { argv: [...argv, ...tools.flatMap((tool) => ['--tool', tool, `{tool:${tool}}`])] },
      env: facts.testEnv,
      files: {
        'precommit.py': readFileSync(runnerFile, 'utf8'),
        'hooks.json': JSON.stringify({ hooks, files: changedFiles(facts) }),
      },
      reports: ['pre-commit.json'],
      tools,
      deadlineMs: 600_000,
      layer: facts.gateLayer === undefined ? 'none' : 'gate',
    };
  },
  judge(facts, job) {
    const hooks = readHooks(facts.texts.get(file) ?? '');
    if (hooks === null)
      return toResult(me, job, { outcome: 'failed', summary: `${file} is no configuration of pre-commit` });
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['pre-commit.json'] ?? '', mostFindings);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `the hooks ${endedWithout(job)}` });
    const { findings, count, notes: warnings, figures } = report;
    const ran = Math.min(figures.ran ?? 0, hooks.length);
    const summary = `${ran} of ${hooks.length} ${hooks.length === 1 ? 'hook' : 'hooks'} had something to do`;
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary: count === 0 ? summary : `${count} ${count === 1 ? 'finding' : 'findings'} (pre-commit)`,
      findings,
      findingCount: count,
      metrics: { styleFindings: count },
      warnings,
    });
  },
};

function changedFiles({ paths, changed }: GateFacts): string[] {
  return paths.filter((path) => changed === null || changed.has(path));
}
