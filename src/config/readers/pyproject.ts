// pyproject.toml: what the project needs and how its packages lie, from [project], [dependency-groups] or poetry's
// tables. Tables of other tools are left alone.

import { parse, TomlError } from 'smol-toml';
import { badConfig, checkedText, showValue } from './problems.ts';
import { parseRequirement } from './requirements.ts';

export type Pyproject = {
  name: string | null;
  requiresPython: string | null;
  /** Requirement specifiers, as in the file. */
  dependencies: readonly string[];
  optional: Readonly<Record<string, readonly string[]>>;
  groups: Readonly<Record<string, readonly string[]>>;
  /** `project`: uv reads it by itself; `poetry`: only poetry's tables, given here as specifiers; `none`: no dependencies table. */
  kind: 'project' | 'poetry' | 'none';
  /** Dependencies are computed by the build backend (`dynamic`). */
  isDynamic: boolean;
  /** The file says that packages are under src/. */
  saysSrcLayout: boolean;
};

type Table = Record<string, unknown>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const table = (value: unknown): Table => (isTable(value) ? value : {});

/** Throws `bad-config` with all problems. */
export function readPyproject(text: string, file = 'pyproject.toml'): Pyproject {
  let input: Table;
  try {
    input = parse(checkedText(file, text));
  } catch (error) {
    if (error instanceof TomlError) throw badConfig(file, [`it is not TOML: ${error.message.split('\n')[0]}`]);
    if (error instanceof RangeError) throw badConfig(file, ['it is nested too deeply']);
    throw error;
  }
  const problems: string[] = [];
  const specifiers = (value: unknown, at: string): string[] => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      problems.push(`${at}: ${showValue(value)} must be a list of requirements`);
      return [];
    }
    return value.flatMap((one) => {
      if (isTable(one)) return [];
      if (typeof one === 'string' && parseRequirement(one) !== null) return [one];
      problems.push(`${at}: ${showValue(one)} is not a requirement`);
      return [];
    });
  };
  const lists = (value: unknown, at: string): Record<string, string[]> =>
    Object.fromEntries(Object.entries(table(value)).map(([name, list]) => [name, specifiers(list, `${at}.${name}`)]));

  const project = table(input.project);
  const tool = table(input.tool);
  const poetry = table(tool.poetry);
  const dynamic = project.dynamic;
  const isDynamic =
    Array.isArray(dynamic) && dynamic.some((one) => one === 'dependencies' || one === 'optional-dependencies');
  const requires = project['requires-python'];
  if (requires !== undefined && typeof requires !== 'string')
    problems.push(`project.requires-python: ${showValue(requires)} must be text`);
  const fromProject = specifiers(project.dependencies, 'project.dependencies');
  const optional = lists(project['optional-dependencies'], 'project.optional-dependencies');
  const groups = lists(input['dependency-groups'], 'dependency-groups');
  const isPoetry = isTable(poetry.dependencies) && project.dependencies === undefined && !isDynamic;
  const poetryPython = table(poetry.dependencies).python;
  if (isPoetry || isTable(poetry.group)) {
    for (const [name, group] of Object.entries(table(poetry.group)))
      groups[name] ??= fromPoetry(table(group).dependencies);
  }
  if (isTable(poetry['dev-dependencies'])) groups.dev ??= fromPoetry(poetry['dev-dependencies']);
  if (problems.length > 0) throw badConfig(file, problems);

  const name = project.name ?? poetry.name;
  return {
    name: typeof name === 'string' ? name : null,
    requiresPython:
      typeof requires === 'string'
        ? requires
        : typeof poetryPython === 'string'
          ? poetrySpecifier(poetryPython) || null
          : null,
    dependencies: isPoetry ? fromPoetry(poetry.dependencies) : fromProject,
    optional,
    groups,
    kind: isPoetry ? 'poetry' : isTable(input.project) ? 'project' : 'none',
    isDynamic,
    saysSrcLayout: saysSrc(tool),
  };
}

function saysSrc(tool: Table): boolean {
  const setuptools = table(tool.setuptools);
  const where = table(table(setuptools.packages).find).where;
  const directory = table(setuptools['package-dir'])[''];
  const packages = table(tool.poetry).packages;
  return (
    (Array.isArray(where) && where.includes('src')) ||
    directory === 'src' ||
    (Array.isArray(packages) && packages.some((one) => table(one).from === 'src'))
  );
}

function fromPoetry(value: unknown): string[] {
  return Object.entries(table(value)).flatMap(([name, raw]) => {
    if (name === 'python') return [];
    const one = Array.isArray(raw) ? raw[0] : raw;
    const given = table(one);
    if (given.optional === true || typeof given.path === 'string') return [];
    const extras = Array.isArray(given.extras) ? `[${given.extras.map(String).join(',')}]` : '';
    const marker = typeof given.markers === 'string' ? ` ; ${given.markers}` : '';
    if (typeof given.git === 'string') {
      const ref = given.rev ?? given.tag ?? given.branch;
      return [`${name}${extras} @ git+${given.git}${typeof ref === 'string' ? `@${ref}` : ''}${marker}`];
    }
    const version = typeof one === 'string' ? one : given.version;
    const specifier = `${name}${extras}${typeof version === 'string' ? poetrySpecifier(version) : ''}${marker}`;
    return parseRequirement(specifier) === null ? [] : [specifier];
  });
}

/** Poetry's version words in PEP 440: "^1.2" is ">=1.2,<2", "~1.2" is ">=1.2,<1.3", "1.2" is "==1.2", "*" is "". */
export function poetrySpecifier(text: string): string {
  return text
    .split('||')[0]!
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== '*')
    .map((part) => {
      const match = /^([\^~])\s*(\d+(?:\.\d+)*)(.*)$/.exec(part);
      if (match === null) return /^\d/.test(part) ? `==${part}` : part.replace(/\s+/g, '');
      const numbers = match[2]!.split('.').map(Number);
      const firstMeaning = numbers.findIndex((number) => number > 0);
      const index =
        match[1] === '^' ? (firstMeaning < 0 ? numbers.length - 1 : firstMeaning) : Math.min(1, numbers.length - 1);
      const upper = numbers.slice(0, index + 1);
      upper[index]! += 1;
      return `>=${match[2]}${match[3]},<${upper.join('.')}`;
    })
    .join(',');
}
