// What a Python project is called where it is installed: the name, version and entry points that pyproject.toml says of it, by
// [project] or poetry's table, else setup.cfg, or setup.py where it says them plainly. A file that cannot be read says nothing here:
// the reader of dependencies refuses it.
import { parse } from 'smol-toml';
import { normalizeName } from './requirements.ts';
import { readSetupCfg } from './setup-cfg.ts';

export type Distribution = {
  name: string;
  /** null: the build backend computes it. */
  version: string | null;
  /** Where it says that it computes it from: a file, or "package.module.NAME". */
  versionFrom: { file: string } | { attribute: string } | null;
  /** group -> name -> "package.module:object" */
  entryPoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

type Table = Record<string, unknown>;
const table = (value: unknown): Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};
const text = (value: unknown): string | null => (typeof value === 'string' && value.length <= 300 ? value : null);

const mostGroups = 100;
const mostPoints = 500;
/** What an INI file can hold: no line ends, no brackets, no comments. */
const plain = /^[\w.:[\], -]{1,300}$/;

const isName = /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?$/;
const isVersion = /^[\w.!+-]{1,100}$/;

/** null: it says no name, so that nobody can ask for it by one. */
export function readDistribution(source: string): Distribution | null {
  let input: Table;
  try {
    input = parse(source);
  } catch {
    return null;
  }
  const tool = table(input.tool);
  const poetry = table(tool.poetry);
  const project = table(input.project);
  const name = text(project.name) ?? text(poetry.name);
  if (name === null || !isName.test(name)) return null;
  const version = text(project.version) ?? text(poetry.version);
  const file = text(table(table(tool.hatch).version).path);
  const attribute = text(table(table(table(tool.setuptools).dynamic).version).attr);
  const isFlit = /^flit/.test(text(table(input['build-system'])['build-backend']) ?? '');
  const module = text(table(table(tool.flit).module).name) ?? normalizeName(name).replaceAll('-', '_');
  return {
    name,
    version: version !== null && isVersion.test(version) ? version : null,
    versionFrom:
      file !== null
        ? { file }
        : attribute !== null
          ? { attribute }
          : isFlit
            ? { attribute: `${module}.__version__` }
            : null,
    entryPoints: entryPointsOf(
      {
        console_scripts: { ...table(poetry.scripts), ...table(project.scripts) },
        gui_scripts: table(project['gui-scripts']),
      },
      table(poetry.plugins),
      table(project['entry-points']),
    ),
  };
}

/** Of a project that setuptools builds; null: neither file says a name. */
export function setupDistribution(cfg: string, program: string): Distribution | null {
  const said = readSetupCfg(cfg);
  const call = program.slice(Math.max(0, program.search(/\bsetup\s*\(/)));
  const literal = (key: string) => new RegExp(`\\b${key}\\s*=\\s*["']([^"'\\n]{1,200})["']`).exec(call)?.[1] ?? null;
  const name = said.name ?? literal('name');
  if (name === null || name.length > 300 || !isName.test(name)) return null;
  const version = said.version ?? literal('version');
  const from = /^(attr|file)\s*:\s*([\w./-]{1,200})$/.exec(version ?? '');
  const module = normalizeName(name).replaceAll('-', '_');
  const points = Object.entries(said.entryPoints).map(([group, lines]) => {
    const pairs = lines.flatMap((line) => /^([^=]+?)\s*=\s*(\S.*)$/.exec(line)?.slice(1, 3) ?? []);
    return [
      group,
      Object.fromEntries(pairs.flatMap((one, at) => (at % 2 === 0 ? [[one, pairs[at + 1]]] : []))),
    ] as const;
  });
  return {
    name,
    version: version !== null && isVersion.test(version) ? version : null,
    versionFrom: from?.[1] === 'file' ? { file: from[2]! } : { attribute: from?.[2] ?? `${module}.__version__` },
    entryPoints: entryPointsOf(Object.fromEntries(points)),
  };
}

function entryPointsOf(...all: Table[]): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const [group, points] of all.flatMap((one) => Object.entries(one)).slice(0, mostGroups)) {
    const kept = Object.entries(table(points)).filter(
      (point): point is [string, string] =>
        plain.test(point[0]) && typeof point[1] === 'string' && plain.test(point[1]),
    );
    if (plain.test(group) && kept.length > 0)
      found[group] = { ...found[group], ...Object.fromEntries(kept.slice(0, mostPoints)) };
  }
  return found;
}
