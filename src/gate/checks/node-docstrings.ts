// What the exported declarations of a TypeScript project say of themselves (TSDoc), by syntax alone: Lockstep's TypeScript reads
// the files, and nothing of the project runs. JavaScript without types is not asked: its exports are what a file assigns.

import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { type Definition, docstringResult } from '../docstrings.ts';
import { treePath } from '../reports/tree-path.ts';
import { runnerFiles } from './node-project.ts';
import { isNodeTest } from './node-tests.ts';
import { isTyped } from './node-types.ts';

const me = { kind: 'docstrings', name: 'docstrings' } as const;
const mostDefinitions = 100_000;

const filesOf = ({ paths }: GateFacts): string[] =>
  paths.filter(
    (path) =>
      /\.[cm]?tsx?$/.test(path) &&
      !/\.d\.[cm]?ts$/.test(path) &&
      !/(?:^|\/)(?:node_modules|dist|build|coverage)\//.test(path) &&
      !/(?:^|\/)[^/]*\.config\.[cm]?ts$/.test(path) &&
      !isNodeTest(path),
  );

export const nodeDocstrings: Check = {
  ...me,
  language: 'node',
  applies: (facts) => isTyped(facts) && filesOf(facts).length > 0,
  plan: (facts) => ({
    command: {
      argv: [
        ...['{tool:node}', '{job}/ts_docstrings.mjs', '{tool:typescript}/node_modules/typescript'],
        ...['{job}/files.json', '{reports}/docstrings.json'],
      ],
    },
    tools: ['node', 'typescript'],
    files: { ...runnerFiles('ts_docstrings.mjs'), 'files.json': JSON.stringify(filesOf(facts)) },
    reports: ['docstrings.json'],
    env: {},
    deadlineMs: 120_000,
    layer: 'none',
  }),
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const definitions = parseDefinitions(job.reports['docstrings.json']);
    if (definitions === null || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `the look at exports ${endedWithout(job)}` });
    return docstringResult(definitions, facts.changed, job);
  },
};

function parseDefinitions(source: string | undefined): Definition[] | null {
  try {
    const list: unknown = JSON.parse(source ?? '');
    if (!Array.isArray(list) || list.length > mostDefinitions) return null;
    return list.flatMap((one: unknown): Definition[] => {
      const { file, line, name, kind, isDocumented } = Object(one) as Record<string, unknown>;
      const path = typeof file === 'string' ? treePath(file) : null;
      if (path === null || typeof line !== 'number') return [];
      return [
        {
          file: path,
          line,
          name: String(name).slice(0, 200),
          kind: String(kind).slice(0, 40),
          isDocumented: isDocumented === true,
        },
      ];
    });
  } catch {
    return null;
  }
}
