// package.json, the part that means something here. It is npm's format and full of other tools' tables, so unknown keys pass,
// and a value of the wrong kind counts as not said; only what is no JSON object is refused.
import { badConfig, checkedText } from './problems.ts';

type Table = Readonly<Record<string, unknown>>;

export type PackageJson = {
  name: string | null;
  main: string | null;
  isModule: boolean;
  scripts: Readonly<Record<string, string>>;
  /** name -> range */
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
  /** Folders of packages that belong to it, as patterns. */
  workspaces: readonly string[];
  enginesNode: string | null;
  /** "pnpm@10.1.0" -> name and major version. */
  packageManager: { name: string; version: string } | null;
  /** The whole, for what only passes it on. */
  raw: Table;
};

const maxBytes = 1024 * 1024;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const textsOf = (value: unknown): Record<string, string> =>
  isTable(value)
    ? Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => textOf(entry[1]) !== null))
    : {};
const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

/** Throws `bad-config`. */
export function readPackageJson(text: string, file = 'package.json'): PackageJson {
  let raw: unknown;
  try {
    raw = JSON.parse(checkedText(file, text, maxBytes));
  } catch (error) {
    if (error instanceof SyntaxError) throw badConfig(file, [`it is not JSON: ${error.message}`]);
    throw error;
  }
  if (!isTable(raw)) throw badConfig(file, ['it must hold an object']);
  const manager = /^(npm|pnpm|yarn|bun)@(\d[\w.-]*)/.exec(textOf(raw.packageManager) ?? '');
  return {
    name: textOf(raw.name),
    main: textOf(raw.main),
    isModule: raw.type === 'module',
    scripts: textsOf(raw.scripts),
    dependencies: { ...textsOf(raw.optionalDependencies), ...textsOf(raw.dependencies) },
    devDependencies: textsOf(raw.devDependencies),
    workspaces: isTable(raw.workspaces) ? listOf(raw.workspaces.packages) : listOf(raw.workspaces),
    enginesNode: isTable(raw.engines) ? textOf(raw.engines.node) : null,
    packageManager: manager ? { name: manager[1]!, version: manager[2]! } : null,
    raw,
  };
}

/** What of a package.json decides what is installed. */
const installing = [
  ...['name', 'version', 'private', 'workspaces', 'os', 'cpu', 'libc', 'bundleDependencies', 'bundledDependencies'],
  ...['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'peerDependenciesMeta'],
  ...[
    'dependenciesMeta',
    'overrides',
    'resolutions',
    'pnpm',
    'trustedDependencies',
    'packageExtensions',
    'allowScripts',
  ],
];

/**
 * The file without what does not decide what is installed: its own scripts are for where its sources are, and a change of
 * them installs nothing anew. One script stays: what patches installed packages.
 */
export function installingPart(text: string, file = 'package.json'): string {
  const { raw, scripts } = readPackageJson(text, file);
  const kept = Object.entries(raw).filter(([name]) => installing.includes(name));
  const patch = Object.entries(scripts).filter(
    ([name, line]) => name === 'postinstall' && line.trim() === 'patch-package',
  );
  const part = { ...Object.fromEntries(kept), ...(patch.length > 0 ? { scripts: Object.fromEntries(patch) } : {}) };
  return `${JSON.stringify(part, null, 2)}\n`;
}
