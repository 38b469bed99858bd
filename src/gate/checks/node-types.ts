// Types of a TypeScript project: its own compiler when it depends on one, else Lockstep's. All of the project is looked at, since
// a change here breaks what is there.
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { mostFindings, parseFindingsJson } from '../reports/findings-json.ts';
import { countOf, isFinished, projectOf, runnerFiles } from './node-project.ts';

const me = { kind: 'types', name: 'types' } as const;

export const isTyped = ({ paths }: GateFacts): boolean => paths.includes('tsconfig.json');

export const nodeTypes: Check = {
  ...me,
  language: 'node',
  applies: isTyped,
  plan(facts) {
    const isOwn = projectOf(facts).packages.has('typescript');
    const program = isOwn ? '' : '{tool:typescript}/node_modules/typescript/bin/tsc';
    return {
      command: { argv: ['{tool:node}', '{job}/node_types.mjs', '{layer}', '{reports}/types.json', program] },
      tools: ['node', ...(isOwn ? [] : ['typescript'])],
      files: runnerFiles('node_types.mjs', 'node_in_image.mjs'),
      reports: ['types.json'],
      env: {},
      deadlineMs: 300_000,
      layer: 'gate',
      // Lockstep's own compiler is none of the project's packages.
      ...(isOwn ? { inImage: 'sources' as const } : {}),
    };
  },
  judge(_facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const found = parseFindingsJson(job.reports['types.json'] ?? '', mostFindings);
    if (!found || !isFinished(job, found))
      return toResult(me, job, { outcome: 'failed', summary: `the compiler ${endedWithout(job)}` });
    return toResult(me, job, {
      outcome: found.count === 0 ? 'passed' : 'failed',
      summary: countOf(found.count, found.tools),
      findings: found.findings,
      findingCount: found.count,
      metrics: { typeFindings: found.count },
    });
  },
};
