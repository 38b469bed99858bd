// setup.cfg as setuptools reads it: what a project is called, and what it requires. A line that is no requirement is left out, as
// is a list that is in a file (`file:`): setuptools itself says what is wrong with them, where somebody installs the project.
import { iniLines, iniSection } from './ini.ts';
import { parseRequirement } from './requirements.ts';

export type SetupCfg = {
  name: string | null;
  /** As it is written: a version, `attr: package.NAME`, `file: VERSION`; null: it says none. */
  version: string | null;
  requiresPython: string | null;
  /** Requirement specifiers. */
  dependencies: readonly string[];
  optional: Readonly<Record<string, readonly string[]>>;
  /** group -> the lines of it, "name = package.module:object" */
  entryPoints: Readonly<Record<string, readonly string[]>>;
};

export function readSetupCfg(text: string): SetupCfg {
  const metadata = iniSection(text, 'metadata');
  const options = iniSection(text, 'options');
  const lists = (section: string) =>
    Object.fromEntries([...iniSection(text, section)].map(([name, value]) => [name, iniLines(value)]));
  const specifiers = (lines: readonly string[]) => lines.map(withoutRemark).filter((one) => parseRequirement(one));
  const tests = specifiers(iniLines(options.get('tests_require') ?? ''));
  const optional = Object.fromEntries(
    Object.entries(lists('options.extras_require')).map(([name, lines]) => [name, specifiers(lines)]),
  );
  return {
    name: metadata.get('name') || null,
    version: metadata.get('version') || null,
    requiresPython: options.get('python_requires') || null,
    dependencies: specifiers(iniLines(options.get('install_requires') ?? '')),
    // What `setup.py test` installed is what an extra `tests` is today.
    optional: tests.length === 0 ? optional : { ...optional, tests: [...(optional.tests ?? []), ...tests] },
    entryPoints: lists('options.entry_points'),
  };
}

const withoutRemark = (line: string): string => line.replace(/\s#.*$/, '').trim();
