// Tools that can mend what they find, by what a project configures: which program, with which words, on which of its files.
// Only files that changed are named. A new tool is one more line of the list.
import type { Language, Part } from '../domain/gate.ts';
import type { GateFacts } from './check.ts';
import { factsOf, partsOf } from './part.ts';

export type Fix = {
  tool: string;
  /** Lockstep's own by that name, the project's in node_modules, or whatever the machine has. */
  from: 'lockstep' | 'node_modules' | 'machine';
  words: readonly string[];
  /** Seen from the top of the repository, which is not where it runs. */
  files: readonly string[];
  /** Where it runs: '' or a folder with its last slash. */
  root: string;
};

type Fixer = Pick<Fix, 'tool' | 'from' | 'words'> & {
  language: Language;
  isConfigured(facts: GateFacts): boolean;
  takes: RegExp;
};

const has = (facts: GateFacts, file: string, pattern: RegExp): boolean => pattern.test(facts.texts.get(file) ?? '');
const isAny = (facts: GateFacts, pattern: RegExp): boolean => facts.paths.some((path) => pattern.test(path));
const python = /\.pyi?$/;
const script = /\.(?:[cm]?[jt]sx?|json|css)$/;
const ruffFile = /^\.?ruff\.toml$/;

const fixers: readonly Fixer[] = [
  {
    ...{ language: 'python', tool: 'ruff', from: 'lockstep', takes: python },
    words: ['check', '--no-cache', '--fix', '--exit-zero', '--quiet', '--force-exclude'],
    isConfigured: (facts) => isAny(facts, ruffFile) || has(facts, 'pyproject.toml', /^\s*\[tool\.ruff[\].]/m),
  },
  {
    ...{ language: 'python', tool: 'ruff', from: 'lockstep', takes: python },
    words: ['format', '--no-cache', '--quiet', '--force-exclude'],
    isConfigured: (facts) =>
      has(facts, 'pyproject.toml', /^\s*\[tool\.ruff\.format\]/m) ||
      ['ruff.toml', '.ruff.toml'].some((file) => has(facts, file, /^\s*\[format\]/m)),
  },
  {
    ...{ language: 'python', tool: 'black', from: 'lockstep', takes: python },
    words: ['--quiet'],
    isConfigured: (facts) => has(facts, 'pyproject.toml', /^\s*\[tool\.black\]/m),
  },
  {
    ...{ language: 'node', tool: 'biome', from: 'node_modules', takes: script },
    words: ['check', '--write', '--no-errors-on-unmatched'],
    isConfigured: (facts) => isAny(facts, /^\.?biome\.jsonc?$/),
  },
  {
    ...{ language: 'node', tool: 'eslint', from: 'node_modules', takes: /\.[cm]?[jt]sx?$/ },
    words: ['--fix'],
    isConfigured: (facts) => isAny(facts, /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.[a-z]+)?)$/),
  },
  {
    ...{ language: 'node', tool: 'prettier', from: 'node_modules', takes: script },
    words: ['--write', '--ignore-unknown', '--log-level', 'warn'],
    isConfigured: (facts) => isAny(facts, /^(?:\.prettierrc(?:\.[a-z0-9]+)?|prettier\.config\.[cm]?[jt]s)$/),
  },
  {
    ...{ language: 'go', tool: 'gofmt', from: 'machine', takes: /\.go$/ },
    words: ['-w'],
    isConfigured: () => true,
  },
];

/** At most so many files are named in one command line. */
const mostFiles = 2000;

/** In the order in which they run; empty when no tool here can mend anything. */
export function fixesFor(facts: GateFacts): Fix[] {
  const parts = partsOf(facts.paths);
  return parts.flatMap((part) => {
    const seen = factsOf(facts, part, parts);
    return fixers
      .filter((fixer) => fixer.language === part.language && fixer.isConfigured(seen))
      .flatMap((fixer) => fixOf(fixer, seen, part));
  });
}

function fixOf({ tool, from, words, takes }: Fixer, facts: GateFacts, { root }: Part): Fix[] {
  const isChanged = (path: string) => facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0;
  const files = facts.paths.filter((path) => takes.test(path) && isChanged(path) && !path.startsWith('-'));
  if (files.length === 0) return [];
  return [{ tool, from, words, root, files: files.slice(0, mostFiles).map((path) => `${root}${path}`) }];
}

/** Said beside style findings that a tool can mend; null: none can. */
export function fixHint(facts: GateFacts): string | null {
  const tools = [...new Set(fixesFor(facts).map(({ tool }) => tool))];
  return tools.length === 0 ? null : `hint: lockstep gate --fix lets ${tools.join(' and ')} mend what can be mended`;
}
