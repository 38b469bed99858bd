// Comments of packages and of what they export, as Go's own parser finds them. A program's own names are nobody's to read; its
// package comment is.
import { type Check, endedWithout, judgeEnd, toResult } from '../check.ts';
import { type Definition, docstringResult } from '../docstrings.ts';
import { treePath } from '../reports/tree-path.ts';
import { goFiles, goPlan } from './go-facts.ts';

const me = { kind: 'docstrings', name: 'docstrings' } as const;
const bytesLimit = 16 * 1024 * 1024;
const nameLength = 200;

const sources = (paths: readonly string[]) => paths.filter((path) => !path.endsWith('_test.go'));

export const goDocstrings: Check = {
  ...me,
  language: 'go',
  applies: (facts) => sources(goFiles(facts)).length > 0,
  plan: (facts) =>
    goPlan(facts, 'docs', {
      needsModules: false,
      spec: { files: sources(goFiles(facts)), modules: [] },
      reports: ['docstrings.json'],
      deadlineMs: 300_000,
    }),
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const definitions = parseDefinitions(job.reports['docstrings.json'] ?? '');
    if (definitions === null || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `the look at the comments ${endedWithout(job)}` });
    return docstringResult(definitions, facts.changed, job);
  },
};

/** null when it is anything else. */
export function parseDefinitions(source: string): Definition[] | null {
  if (source.length > bytesLimit) return null;
  try {
    const { definitions } = JSON.parse(source) as { definitions: unknown };
    if (!Array.isArray(definitions)) return null;
    return definitions.flatMap((one: Record<string, unknown>): Definition[] => {
      const file = treePath(String(one.file));
      const isLine = typeof one.line === 'number' && Number.isSafeInteger(one.line) && one.line > 0;
      if (file === null || !isLine) return [];
      const text = (value: unknown) => String(value).slice(0, nameLength);
      return [
        {
          file,
          line: Number(one.line),
          name: text(one.name),
          kind: text(one.kind),
          isDocumented: one.isDocumented === true,
        },
      ];
    });
  } catch {
    return null;
  }
}
