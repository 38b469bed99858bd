// What a part's package.json says that the checks of JavaScript and TypeScript ask for.
import type { JobResult } from '../../domain/job.ts';
import type { GateFacts } from '../check.ts';
import type { Findings } from '../reports/text.ts';
import { runnerFiles as filesOf } from './runner-files.ts';

export type Project = {
  scripts: Readonly<Record<string, string>>;
  /** Names of all that it depends on. */
  packages: ReadonlySet<string>;
  has(key: string): boolean;
};

const none: Project = { scripts: {}, packages: new Set(), has: () => false };

/** What cannot be read says nothing here: the build refuses it. */
export function projectOf(facts: GateFacts): Project {
  try {
    const data = JSON.parse(facts.texts.get('package.json') ?? '{}') as Record<string, unknown>;
    const tables = ['dependencies', 'devDependencies', 'optionalDependencies'].map((key) => data[key]);
    const scripts = Object.entries(Object(data.scripts) as Record<string, unknown>);
    return {
      scripts: Object.fromEntries(scripts.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
      packages: new Set(tables.flatMap((table) => Object.keys(Object(table) as object))),
      has: (key) => Object.hasOwn(data, key),
    };
  } catch {
    return none;
  }
}

/** Files of the project's own, as far as they changed. */
export function changedFiles(facts: GateFacts): string[] {
  const isOwn = (path: string) => !/(?:^|\/)(?:node_modules|\.yarn)\//.test(path);
  const counts = (path: string) => facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0;
  return facts.paths.filter((path) => isOwn(path) && counts(path));
}

/** Programs of ours as files of a job, with what they stand on. */
export const runnerFiles = (...names: readonly string[]): Record<string, string> => filesOf(...names, 'node-tree.mjs');

/** The programs that a project's scripts may call, as JSON. The managers that are not npm are asked for by the lock file. */
export function managersOf(facts: GateFacts): { json: string; tools: string[] } {
  const npm = '{tool:npm}/node_modules/npm/bin';
  const files: Record<string, string> = { npm: `${npm}/npm-cli.js`, npx: `${npm}/npx-cli.js` };
  const tools = ['npm'];
  if (facts.paths.includes('pnpm-lock.yaml')) {
    files.pnpm = '{tool:pnpm}/node_modules/pnpm/bin/pnpm.cjs';
    tools.push('pnpm');
  } else if (facts.paths.includes('yarn.lock')) {
    const isModern = facts.paths.includes('.yarnrc.yml');
    files.yarn = isModern
      ? '{tool:yarn-berry}/node_modules/@yarnpkg/cli-dist/bin/yarn.js'
      : '{tool:yarn}/node_modules/yarn/bin/yarn.js';
    tools.push(isModern ? 'yarn-berry' : 'yarn');
  }
  return { json: JSON.stringify(files), tools };
}

/** Whether the runner said to the end what it found: exit 1 with findings, 0 without. */
export const isFinished = ({ exitCode }: JobResult, { count }: Findings): boolean =>
  (exitCode === 0 && count === 0) || (exitCode === 1 && count > 0);

export const countOf = (count: number, tools: readonly string[]): string => {
  const by = tools.length === 0 ? '' : ` (${tools.join(', ')})`;
  return count === 0 ? `no findings${by}` : `${count} ${count === 1 ? 'finding' : 'findings'}${by}`;
};
