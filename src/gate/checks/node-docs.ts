// Documentation pages of a Node project: TypeDoc where it is configured or depended on, else a `docs` script. Warnings count
// as findings, since TypeDoc itself lets them pass.
import type { JobResult } from '../../domain/job.ts';
import { type Check, endedWithout, type GateFacts, judgeEnd, saidOf, toResult } from '../check.ts';
import { mostFindings, parseFindingsJson } from '../reports/findings-json.ts';
import { countOf, isFinished, managersOf, projectOf, runnerFiles } from './node-project.ts';

const me = { kind: 'docs', name: 'docs' } as const;

/** "typedoc", the name of a script, or null. */
export function docsBy(facts: GateFacts): string | null {
  const { packages, scripts } = projectOf(facts);
  if (packages.has('typedoc')) return 'typedoc';
  return ['docs', 'docs:build', 'build:docs'].find((name) => scripts[name] !== undefined) ?? null;
}

/** A script has no report: its end says it all. */
const unfinished = (by: string, job: JobResult): string =>
  by === 'typedoc' || job.exitCode !== 2 ? `${by} ${endedWithout(job)}` : `the script ${by} failed`;

export const nodeDocs: Check = {
  ...me,
  language: 'node',
  applies: (facts) => docsBy(facts) !== null,
  plan(facts) {
    const managers = managersOf(facts);
    return {
      command: {
        argv: [
          ...['{tool:node}', '{job}/node_docs.mjs', '{layer}', '{reports}/docs.json', '{reports}/site'],
          ...[docsBy(facts)!, managers.json],
        ],
      },
      tools: ['node', ...managers.tools],
      files: runnerFiles('node_docs.mjs', 'node_in_image.mjs'),
      reports: ['docs.json'],
      ...(docsBy(facts) === 'typedoc' ? { collect: { docs: 'site' } } : {}),
      env: {},
      deadlineMs: 300_000,
      layer: 'gate',
      inImage: 'sources',
    };
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const found = parseFindingsJson(job.reports['docs.json'] ?? '', mostFindings);
    const by = docsBy(facts) ?? 'docs';
    if (!found || !isFinished(job, found))
      return toResult(me, job, { outcome: 'failed', summary: `${unfinished(by, job)}${saidOf(job)}` });
    return toResult(me, job, {
      outcome: found.count === 0 ? 'passed' : 'failed',
      summary: found.count === 0 ? `built without warnings (${by})` : countOf(found.count, [by]),
      findings: found.findings,
      findingCount: found.count,
      metrics: { docsWarnings: found.count },
    });
  },
};
