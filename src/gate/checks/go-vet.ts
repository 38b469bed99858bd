// go vet of every module: its findings and those of the compiler. With -json it ends with 0 whatever it found.
import { type Check, endedWithout, judgeEnd, toResult } from '../check.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';
import { goModules, goPlan } from './go-facts.ts';

const me = { kind: 'types', name: 'vet' } as const;
const limit = 20_000;

export const goVet: Check = {
  ...me,
  language: 'go',
  applies: (facts) => goModules(facts).length > 0,
  plan: (facts) =>
    goPlan(facts, 'vet', {
      needsModules: true,
      spec: { files: [], modules: goModules(facts) },
      reports: ['vet.json'],
      deadlineMs: 600_000,
    }),
  judge(_facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['vet.json'] ?? '', limit);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `go vet ${endedWithout(job)}` });
    const { findings, count, failed } = report;
    if (failed !== null) return toResult(me, job, { outcome: 'failed', summary: failed });
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary: count === 0 ? 'no findings (go vet)' : `${count} ${count === 1 ? 'finding' : 'findings'} (go vet)`,
      findings,
      findingCount: count,
      metrics: { vetFindings: count },
    });
  },
};
