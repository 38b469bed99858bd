// The hooks of a .pre-commit-config.yaml, as far as they can run here: those of the repository itself (`repo: local`) that are a
// program, a script, a pattern or a refusal, and those of others whose tool Lockstep brings. Hooks that need an environment of
// their own, which pre-commit would clone and install, are named with the reason.
import { parse } from 'yaml';

export type Hook = {
  id: string;
  name: string;
  language: string;
  entry: string;
  /** Instead of `entry`: our own tool. */
  argv: readonly string[] | null;
  args: readonly string[];
  files: readonly string[];
  exclude: readonly string[];
  types: readonly string[];
  types_or: readonly string[];
  exclude_types: readonly string[];
  pass_filenames: boolean;
  always_run: boolean;
  /** Why it is not run; null: it is. */
  cannot: string | null;
};

/** Hooks of others by id: with which tool of ours, and on which files. */
const brought: Readonly<Record<string, { tool: 'ruff' | 'black' | 'flake8'; words: readonly string[] }>> = {
  ruff: { tool: 'ruff', words: ['check', '--force-exclude'] },
  'ruff-check': { tool: 'ruff', words: ['check', '--force-exclude'] },
  'ruff-format': { tool: 'ruff', words: ['format', '--force-exclude'] },
  black: { tool: 'black', words: [] },
  flake8: { tool: 'flake8', words: [] },
};
const ownLanguages = ['system', 'script', 'unsupported', 'unsupported_script', 'fail', 'pygrep'];
const mostHooks = 50;
const textLength = 2000;

/** null when the text is no configuration of pre-commit. Hooks of other stages than a commit are none of the gate's. */
export function readHooks(source: string): Hook[] | null {
  let document: unknown;
  try {
    document = parse(source, { maxAliasCount: 100 });
  } catch {
    return null;
  }
  if (!isObject(document) || !Array.isArray(document.repos)) return null;
  const top = document;
  return document.repos
    .flatMap((repo: unknown) =>
      isObject(repo) && Array.isArray(repo.hooks) ? repo.hooks.map((hook) => [repo, hook]) : [],
    )
    .filter((pair): pair is [Record<string, unknown>, Record<string, unknown>] => isObject(pair[1]))
    .filter(([, hook]) => isAtCommit(hook.stages ?? top.default_stages))
    .slice(0, mostHooks)
    .map(([repo, hook]) => readHook(top, repo, hook));
}

function readHook(top: Record<string, unknown>, repo: Record<string, unknown>, hook: Record<string, unknown>): Hook {
  const id = text(hook.id) || 'unnamed';
  const isLocal = repo.repo === 'local';
  const known = isLocal ? undefined : brought[id];
  const language = text(hook.language) || 'system';
  const patterns = (key: 'files' | 'exclude') => [text(top[key]), text(hook[key])].filter((one) => one !== '');
  return {
    id,
    name: text(hook.name) || id,
    language: known ? 'system' : language.replace(/^unsupported$/, 'system').replace(/^unsupported_script$/, 'script'),
    entry: text(hook.entry),
    argv: known ? [`{tool:${known.tool}}`, ...known.words] : null,
    args: words(hook.args),
    files: patterns('files'),
    exclude: patterns('exclude'),
    types: hook.types === undefined ? (known ? ['python'] : ['file']) : words(hook.types),
    types_or: words(hook.types_or),
    exclude_types: words(hook.exclude_types),
    pass_filenames: hook.pass_filenames !== false,
    always_run: hook.always_run === true,
    cannot: known ? null : whyNot(isLocal, language, repo, hook),
  };
}

function whyNot(
  isLocal: boolean,
  language: string,
  repo: Record<string, unknown>,
  hook: Record<string, unknown>,
): string | null {
  if (!isLocal) return `it comes from ${text(repo.repo) || 'elsewhere'}, which the gate does not fetch`;
  if (!ownLanguages.includes(language)) return `it needs an environment for ${language} of its own`;
  return words(hook.additional_dependencies).length > 0 ? 'it needs dependencies of its own' : null;
}

/** The tools that the hooks name. */
export const hookTools = (hooks: readonly Hook[]): string[] => [
  ...new Set(hooks.flatMap(({ argv }) => (argv?.[0] === undefined ? [] : [argv[0].slice('{tool:'.length, -1)]))),
];

function isAtCommit(stages: unknown): boolean {
  const named = words(stages);
  return named.length === 0 || named.some((stage) => stage === 'commit' || stage === 'pre-commit');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, textLength) : '');
const words = (value: unknown): string[] =>
  Array.isArray(value) ? value.slice(0, 100).map((one) => String(one).slice(0, textLength)) : [];
