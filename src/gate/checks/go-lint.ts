// golangci-lint, where a Go project configures it: the project's own when its go.mod names it as a tool, else Lockstep's. Its exit
// code and its limits on what it prints are set aside, and so is a configuration that looks at new lines only: it cannot know them.
// Lockstep's is a program that is built on the server, once: where it cannot be had, that is said and stands in no change's way.
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';
import { changedOf, goFiles, goModules, goPlan } from './go-facts.ts';

const me = { kind: 'style', name: 'golangci-lint' } as const;
const limit = 20_000;
const ownTool =
  /^\s*(?:tool\s+)?"?github\.com\/golangci\/golangci-lint(?:\/v\d+)?\/cmd\/golangci-lint"?\s*(?:\/\/.*)?$/m;

export const goLint: Check = {
  ...me,
  language: 'go',
  applies: (facts) => configOf(facts) !== undefined && goModules(facts).length > 0,
  plan(facts) {
    if (changedOf(facts, goFiles(facts)).length === 0) return null;
    const isOwn = ownTool.test(facts.texts.get('go.mod') ?? '');
    const plan = goPlan(facts, 'lint', {
      needsModules: true,
      spec: { files: [], modules: goModules(facts) },
      reports: ['lint.json'],
      deadlineMs: 900_000,
      linter: isOwn ? 'own' : '{tool:golangci-lint}',
    });
    return isOwn ? plan : { ...plan, tools: [...(plan.tools ?? []), 'golangci-lint'], isUnasked: true };
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['lint.json'] ?? '', limit);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `golangci-lint ${endedWithout(job)}` });
    const { findings, count, failed } = report;
    if (failed !== null) return toResult(me, job, { outcome: 'failed', summary: `${configOf(facts)}: ${failed}` });
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary: `${count === 0 ? 'no findings' : `${count} ${count === 1 ? 'finding' : 'findings'}`} (golangci-lint)`,
      findings,
      findingCount: count,
      metrics: { styleFindings: count },
    });
  },
};

const configOf = ({ paths }: GateFacts): string | undefined =>
  paths.find((path) => /^\.golangci\.(?:ya?ml|toml|json)$/.test(path));
