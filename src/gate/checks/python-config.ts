// What a Python project says in its configuration files about the tools of its checks. Reads texts and guesses nothing: a
// file that cannot be read says nothing, and its tool says why.
import { parse } from 'smol-toml';
import type { GateFacts } from '../check.ts';

export type Table = Readonly<Record<string, unknown>>;
const table = (value: unknown): Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};

/** A table of a TOML file, `tool.black` of pyproject.toml unless told; null when it is not there. */
export function tomlTable(facts: GateFacts, path: string, file = 'pyproject.toml'): Table | null {
  let at: unknown;
  try {
    at = parse(facts.texts.get(file) ?? '');
  } catch {
    return null;
  }
  for (const key of path === '' ? [] : path.split('.')) {
    if (!Object.hasOwn(table(at), key)) return null;
    at = table(at)[key];
  }
  return table(at);
}

/** `[section]` stands in an INI file. */
export function hasSection(facts: GateFacts, file: string, section: RegExp): boolean {
  return new RegExp(`^\\[(?:${section.source})\\]`, 'm').test(facts.texts.get(file) ?? '');
}

/** The text of a section of an INI file, without its head. */
function sectionText(facts: GateFacts, file: string, section: string): string {
  const lines = (facts.texts.get(file) ?? '').split(/\r?\n/);
  const from = lines.findIndex((line) => line.trim() === `[${section}]`);
  if (from < 0) return '';
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => line.startsWith('['));
  return rest.slice(0, to < 0 ? undefined : to).join('\n');
}

/** One value of an INI section with its continued lines; null when it is not there. */
export function iniValue(facts: GateFacts, file: string, section: string, key: string): string | null {
  const lines = sectionText(facts, file, section).split('\n');
  const from = lines.findIndex((line) => new RegExp(`^${key}\\s*[=:]`).test(line));
  if (from < 0) return null;
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => line.trim() !== '' && !/^\s/.test(line));
  return [lines[from]!.replace(/^[^=:]*[=:]/, ''), ...rest.slice(0, to < 0 ? undefined : to)]
    .map((line) => line.trim())
    .join('\n')
    .trim();
}

const requirementFile = /(?:^|\/)(?:[^/]*requirements[^/]*|requirements\/[^/]+)\.(?:txt|in)$/;

/**
 * A requirements file or pyproject.toml names the package, so that the app's layer probably has its own version of it. What
 * the layer holds is decided where it is: this only says whether to look.
 */
export function namesRequirement(facts: GateFacts, name: string): boolean {
  const spelled = name.replaceAll('-', '[-_.]');
  const line = new RegExp(`^\\s*${spelled}\\s*(?:$|[\\[=<>~!;@#])`, 'im');
  const quoted = new RegExp(`^\\s*${spelled}\\s*=|["']${spelled}\\s*(?:["'\\[=<>~!;@])`, 'im');
  for (const [file, text] of facts.texts) {
    if (requirementFile.test(file) && line.test(text)) return true;
    if (/^(?:pyproject\.toml|setup\.(?:cfg|py)|tox\.ini|Pipfile)$/.test(file) && (quoted.test(text) || line.test(text)))
      return true;
  }
  return false;
}

/** A hook of .pre-commit-config.yaml, by its id. */
export function hasHook(facts: GateFacts, id: string): boolean {
  const text = facts.texts.get('.pre-commit-config.yaml') ?? '';
  return new RegExp(`^\\s*(?:-\\s*)?(?:\\{\\s*)?id:\\s*["']?${id}["']?\\s*(?:$|[#,}])`, 'm').test(text);
}

export function isPython(path: string): boolean {
  return /\.pyi?$/.test(path) && !/(?:^|\/)(?:\.venv|venv|node_modules|site-packages|__pycache__)\//.test(path);
}

/** The Python files with new lines; at the first push all. */
export function changedPython(facts: GateFacts): string[] {
  return facts.paths.filter(
    (path) => isPython(path) && (facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0),
  );
}
