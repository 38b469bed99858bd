// Style of Go: gofmt, of the files that changed. It ends with 0 whatever it would write: its output is the finding. Generated
// files are left as they are.
import { type Check, endedWithout, judgeEnd, toResult } from '../check.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';
import { changedOf, goFiles, goPlan } from './go-facts.ts';

const me = { kind: 'style', name: 'style' } as const;
const limit = 20_000;

export const goStyle: Check = {
  ...me,
  language: 'go',
  applies: (facts) => goFiles(facts).length > 0,
  plan(facts) {
    const files = changedOf(facts, goFiles(facts));
    if (files.length === 0) return null;
    return goPlan(facts, 'fmt', {
      needsModules: false,
      spec: { files, modules: [] },
      reports: ['style.json'],
      deadlineMs: 120_000,
    });
  },
  judge(_facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['style.json'] ?? '', limit);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `gofmt ${endedWithout(job)}` });
    const { findings, count, failed } = report;
    if (failed !== null) return toResult(me, job, { outcome: 'failed', summary: failed });
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary: count === 0 ? 'no findings (gofmt)' : `${count} ${count === 1 ? 'finding' : 'findings'} (gofmt)`,
      findings,
      findingCount: count,
      metrics: { styleFindings: count },
    });
  },
};
