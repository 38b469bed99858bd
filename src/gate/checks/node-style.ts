// Style of JavaScript and TypeScript by the tools that a project configures: Biome, ESLint, Prettier, oxlint, standard, one or more
// of them. The project's own version when it depends on one, else Lockstep's; ESLint is nothing without a project's own plugins.
// Only files that changed are looked at. A project that configures none is held to our own choice (node-default-style.ts).
import { type Check, endedWithout, type GateFacts, judgeEnd, toResult } from '../check.ts';
import { mostFindings, parseFindingsJson } from '../reports/findings-json.ts';
import { defaultStyle } from './node-default-style.ts';
import { changedFiles, countOf, isFinished, projectOf, runnerFiles } from './node-project.ts';

const me = { kind: 'style', name: 'style' } as const;

type StyleTool = {
  tool: 'biome' | 'eslint' | 'prettier' | 'oxlint' | 'standard';
  /** What the project depends on when the tool is its own. */
  package: string;
  config: RegExp | null;
  /** A tool without a configuration: that a script calls it says that it holds here. */
  call?: RegExp;
  /** A key of package.json that configures it. */
  key: string | null;
  /** Within Lockstep's own; null: there is none. */
  program: string | null;
};

const styleTools: readonly StyleTool[] = [
  {
    tool: 'biome',
    package: '@biomejs/biome',
    config: /^\.?biome\.jsonc?$/,
    key: null,
    program: '{tool:biome}/node_modules/@biomejs/biome/bin/biome',
  },
  {
    tool: 'eslint',
    package: 'eslint',
    config: /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.(?:[cm]?js|json|ya?ml))?)$/,
    key: 'eslintConfig',
    program: null,
  },
  {
    tool: 'prettier',
    package: 'prettier',
    config: /^(?:\.prettierrc(?:\.[a-z0-9]+)?|prettier\.config\.[cm]?[jt]s)$/,
    key: 'prettier',
    program: '{tool:prettier}/node_modules/prettier',
  },
  {
    tool: 'oxlint',
    package: 'oxlint',
    config: /^\.?oxlintrc\.jsonc?$/,
    key: null,
    program: '{tool:oxlint}/node_modules/oxlint/bin/oxlint',
  },
  {
    tool: 'standard',
    package: 'standard',
    config: null,
    call: /(?:^|[;&|]|\bnpx )\s*standard(?=\s|$)/,
    key: null,
    program: null,
  },
];

type Chosen = { tool: StyleTool; isOwn: boolean; config: string };

/** The tools that the project configures, in the order in which they run. */
export function stylesOf(facts: GateFacts): Chosen[] {
  const project = projectOf(facts);
  const found = styleTools.flatMap((tool) => {
    const file = facts.paths.find((path) => tool.config?.test(path));
    const isSaid =
      (tool.key !== null && project.has(tool.key)) ||
      (project.packages.has(tool.package) && Object.values(project.scripts).some((line) => tool.call?.test(line)));
    const config = file ?? (isSaid ? 'package.json' : null);
    return config === null ? [] : [{ tool, isOwn: project.packages.has(tool.package), config }];
  });
  // An ESLint that only repeats standard, for editors, knows nothing of the files that standard leaves out.
  const isStandard = found.some(({ tool }) => tool.tool === 'standard');
  const repeats = (config: string) => onlyStandard.test(facts.texts.get(config) ?? '');
  return found.filter(({ tool, config }) => !(isStandard && tool.tool === 'eslint' && repeats(config)));
}

const onlyStandard = /^\s*\{\s*(?:"root"\s*:\s*true\s*,\s*)?"extends"\s*:\s*(?:\[\s*)?"standard"(?:\s*\])?\s*\}\s*$/;

const isConfig = (name: string): boolean => styleTools.some(({ config }) => config?.test(name));
const oxlint = styleTools.find(({ tool }) => tool === 'oxlint')!;

/** What is run, and on which files; null: nothing is asked of this project. */
function askedOf(facts: GateFacts): { chosen: Chosen[]; files: string[]; isDefault: boolean } | null {
  const chosen = stylesOf(facts);
  if (chosen.length > 0) return { chosen, files: changedFiles(facts), isDefault: false };
  const ours = defaultStyle(facts, isConfig);
  return ours && { chosen: [{ tool: oxlint, isOwn: false, config: '' }], ...ours, isDefault: true };
}

export const nodeStyle: Check = {
  ...me,
  language: 'node',
  applies: (facts) => askedOf(facts) !== null,
  plan(facts) {
    const asked = askedOf(facts);
    if (asked === null || asked.files.length === 0) return null;
    const { chosen, files, isDefault } = asked;
    const brought = chosen.filter(({ tool, isOwn }) => !isOwn && tool.program !== null);
    // A tool of the project's own, or one of ours with its plugins, stands on what is installed.
    const needsLayer = chosen.some(({ isOwn }) => isOwn);
    const options = {
      files,
      tools: chosen.map(({ tool, isOwn, config }) => ({
        tool: tool.tool,
        ...(isOwn || tool.program !== null ? {} : { missing: config }),
        ...(isDefault ? { isDefault } : {}),
      })),
    };
    return {
      command: {
        argv: [
          ...['{tool:node}', '{job}/node_style.mjs', needsLayer ? '{layer}' : '', '{reports}/style.json'],
          ...['{job}/options.json', ...brought.map(({ tool }) => `${tool.tool}=${tool.program}`)],
        ],
      },
      tools: ['node', ...brought.map(({ tool }) => tool.tool)],
      files: { ...runnerFiles('node_style.mjs', 'node_diff.mjs'), 'options.json': JSON.stringify(options) },
      reports: ['style.json'],
      env: {},
      deadlineMs: 180_000,
      layer: needsLayer ? 'gate' : 'none',
      ...(isDefault ? { isUnasked: true } : {}),
    };
  },
  judge(facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const names = (askedOf(facts)?.chosen ?? []).map(({ tool }) => tool.tool);
    const found = parseFindingsJson(job.reports['style.json'] ?? '', mostFindings);
    if (!found || !isFinished(job, found))
      return toResult(me, job, { outcome: 'failed', summary: `${names.join(', ') || 'style'} ${endedWithout(job)}` });
    return toResult(me, job, {
      outcome: found.count === 0 ? 'passed' : 'failed',
      summary: countOf(found.count, found.tools),
      findings: found.findings,
      findingCount: found.count,
      metrics: { styleFindings: found.count },
    });
  },
};
