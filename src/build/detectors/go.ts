// Go: a module whose package main serves. Where there are several, the one that listens goes first, then the top, then the usual
// names under cmd/. A command that only builds something else (`//go:build ignore`) is none.
import { hasFile, readConfigFile, readSource, type TreeView } from '../tree-view.ts';
import type { Detector } from './detection.ts';

/** A package main: its folder ('' or with its slash), and whether its sources listen. */
export type GoMain = { folder: string; name: string; listens: boolean };

const mostMains = 20;
const mostSources = 200;
const listening =
  /\b(?:ListenAndServe(?:TLS)?|http\.Serve|net\.Listen|http\.Server\b|gin\.|echo\.New|fiber\.New|chi\.NewRouter|grpc\.NewServer)/;
const usualNames = ['web', 'server', 'app', 'api', 'http', 'serve', 'site'];

export const goDetector: Detector = {
  name: 'Go',
  looksFor: 'go.mod with a package main at the top or under cmd/',
  async detect(view) {
    const mains = await goMains(view);
    const winner = mains[0];
    if (winner === undefined) return null;
    const others = mains.slice(1).map(({ folder }) => `package main in ${show(folder)}`);
    const isUnsure = !winner.listens && others.length > 0;
    return {
      name: 'Go',
      rank: 70,
      why: `go.mod, and package main in ${show(winner.folder)}${winner.listens ? ' listens' : ''}`,
      web: { server: 'go', binary: `bin/${winner.name}` },
      language: 'go',
      alternatives: others,
      notes: isUnsure ? [`of ${mains.length} programs bin/${winner.name} serves; a Procfile line says otherwise`] : [],
    };
  },
};

/** The best candidate first; empty for a tree without a module at its top. */
export async function goMains(view: TreeView): Promise<GoMain[]> {
  if (!hasFile(view, 'go.mod') && !hasFile(view, 'go.work')) return [];
  const module = /^module\s+"?([^\s"]+)/m.exec((await readConfigFile(view, 'go.mod')) ?? '')?.[1] ?? 'app';
  const sources = view
    .list()
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.go') && !path.endsWith('_test.go') && path.split('/').length <= 4)
    .filter((path) => !/(?:^|\/)(?:vendor|testdata|node_modules|examples?|internal|[._][^/]*)\//.test(path));
  const mains = new Map<string, GoMain>();
  for (const path of sources.slice(0, mostSources)) {
    const text = await readSource(view, path);
    if (text === null || !/^package main\b/m.test(text) || /^\/\/(?:go:build|\s*\+build) ignore/m.test(text)) continue;
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const known = mains.get(folder) ?? { folder, name: nameOf(folder, module), listens: false };
    mains.set(folder, { ...known, listens: known.listens || listening.test(text) });
  }
  const score = ({ folder, name, listens }: GoMain) =>
    (listens ? 10 : 0) + (folder === '' ? 3 : folder.startsWith('cmd/') ? 1 : 0) + (usualNames.includes(name) ? 2 : 0);
  const ranked = [...mains.values()].sort((a, b) => score(b) - score(a) || (a.folder < b.folder ? -1 : 1));
  const names = new Set<string>();
  // Two of one name would overwrite each other: the better one has it.
  return ranked.filter(({ name }) => !names.has(name) && names.add(name)).slice(0, mostMains);
}

/** As `go install` calls it: the last part of the path that is no version. */
function nameOf(folder: string, module: string): string {
  const parts = (folder === '' ? module : folder).split('/').filter((part) => part !== '' && !/^v\d+$/.test(part));
  return parts.at(-1)?.replaceAll(/[^\w.-]/g, '') || 'app';
}

const show = (folder: string): string => (folder === '' ? 'the top' : folder.slice(0, -1));
