// The parts of a repository: each is a folder that holds a project of one language, and a check sees its part as if that
// were the whole repository. A project begins where a file says so (pyproject.toml, package.json, go.mod); sources that
// belong to no such folder are a part at the top.
import type { Finding, Language, Part } from '../domain/gate.ts';
import type { GateFacts } from './check.ts';

/** What says that a folder holds a project, and what its sources are. A new language is one more line. */
const signs: readonly { language: Exclude<Language, 'any'>; marker: RegExp | null; source: RegExp }[] = [
  {
    language: 'python',
    marker: /(?:^|\/)(?:pyproject\.toml|setup\.py|setup\.cfg|requirements\.txt|Pipfile|uv\.lock|manage\.py)$/,
    source: /\.pyi?$/,
  },
  { language: 'node', marker: /(?:^|\/)package\.json$/, source: /(?:^|\/)package\.json$/ },
  { language: 'go', marker: /(?:^|\/)go\.mod$/, source: /\.go$/ },
  { language: 'web', marker: null, source: /\.html?$/ },
];

/** Folders of what others wrote, or what tests feed on. */
const foreign =
  /(?:^|\/)(?:\.venv|venv|env|node_modules|site-packages|__pycache__|vendor|testdata|fixtures|third_party)\//;

export const isForeign = (path: string): boolean => foreign.test(path);

/** More than these are not looked at one by one. */
const mostParts = 20;

/** The parts there are, the outermost folders of each language; the whole tree (`any`) comes last. */
export function partsOf(paths: readonly string[]): Part[] {
  const own = paths.filter((path) => !isForeign(path));
  const parts = signs.flatMap(({ language, marker, source }): Part[] => {
    const sources = own.filter((path) => source.test(path));
    if (sources.length === 0) return [];
    const marked = marker === null ? [] : own.filter((path) => marker.test(path)).map(folderOf);
    const roots = outermost(marked).filter((root) => sources.some((path) => path.startsWith(root)));
    const isLoose = sources.some((path) => !roots.some((root) => path.startsWith(root)));
    const all = isLoose ? ['', ...roots] : roots;
    // Too many to be told apart: one look at the whole.
    return (all.length > mostParts ? [''] : all).map((root) => ({ language, root }));
  });
  const named = parts.map((part, at) => {
    const isBeside = part.language !== 'web' && parts.slice(0, at).some(({ root }) => root === part.root);
    return isBeside ? { ...part, isBeside } : part;
  });
  return [...named, { language: 'any', root: '' }];
}

/** What a check of the part may look at: paths and texts as seen from the part's folder, without those of other parts in it. */
export function factsOf(facts: GateFacts, part: Part, parts: readonly Part[]): GateFacts {
  const others = parts.filter(
    ({ language, root }) => language === part.language && root !== part.root && root.startsWith(part.root),
  );
  const isOurs = (path: string) => path.startsWith(part.root) && !others.some(({ root }) => path.startsWith(root));
  if (part.root === '' && others.length === 0) return { ...facts, part };
  const inside = (path: string) => path.slice(part.root.length);
  const of = <T>(map: ReadonlyMap<string, T>) =>
    new Map([...map].filter(([path]) => isOurs(path)).map(([path, value]) => [inside(path), value] as const));
  return {
    ...facts,
    part,
    paths: facts.paths.filter(isOurs).map(inside),
    above: facts.paths.filter((path) => folderOf(path) !== part.root && part.root.startsWith(folderOf(path))),
    texts: of(facts.texts),
    changed: facts.changed && of(facts.changed),
    ...(facts.added ? { added: new Set([...facts.added].filter(isOurs).map(inside)) } : {}),
  };
}

/** A finding of a check that looked at the part alone, as a finding of the repository. */
export function fromPart(finding: Finding, { root }: Part): Finding {
  return finding.file === null ? finding : { ...finding, file: `${root}${finding.file}` };
}

/** The other way round. */
export function inPart(finding: Finding, { root }: Part): Finding {
  const isInside = finding.file?.startsWith(root) ?? false;
  return isInside ? { ...finding, file: finding.file!.slice(root.length) } : finding;
}

/** `tests`, in a part of its own `tests (services/api)`, beside a project of another language `tests (go)`. */
export function nameIn(name: string, { root, language, isBeside }: Part): string {
  const words = [...(root === '' ? [] : [root.slice(0, -1)]), ...(isBeside ? [language] : [])];
  return words.length === 0 ? name : `${name} (${words.join(', ')})`;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Those that lie in none of the others. */
export function outermost(folders: readonly string[]): string[] {
  const sorted = [...new Set(folders)].sort();
  return sorted.filter((one) => !sorted.some((other) => other !== one && one.startsWith(other)));
}
