// Which files of a repository are the pages of a static site: those under the folder that the static server serves, or, in a
// repository that a program of no known language serves, those under a folder with an index.html.
import type { GateFacts } from '../check.ts';
import { isForeign, outermost, partsOf } from '../part.ts';

/** `root` is '' or ends with a slash. `isServed`: the static server sends these files as they are. */
export type Site = { root: string; pages: string[]; isServed: boolean };

const isPage = (path: string): boolean => /\.html?$/i.test(path) && !isForeign(path);

const known = new WeakMap<GateFacts, Site[]>();

/** Asked more than once of the same facts. */
export function sitesOf(facts: GateFacts): Site[] {
  const sites = known.get(facts) ?? findSites(facts);
  known.set(facts, sites);
  return sites;
}

function findSites(facts: GateFacts): Site[] {
  const pagesUnder = (root: string) => facts.paths.filter((path) => path.startsWith(root) && isPage(path));
  if (facts.site !== undefined) {
    const root = facts.site === '.' ? '' : `${facts.site}/`;
    return [{ root, pages: pagesUnder(root), isServed: true }].filter(({ pages }) => pages.length > 0);
  }
  const indexes = facts.paths.filter((path) => /(?:^|\/)index\.html$/.test(path) && isPage(path));
  if (indexes.length === 0) return [];
  const programs = partsOf(facts.paths).filter(({ language }) => language !== 'web' && language !== 'any');
  const roots = outermost(indexes.map((path) => path.slice(0, path.lastIndexOf('/') + 1)));
  return roots
    .filter((root) => !programs.some((part) => root.startsWith(part.root)))
    .map((root) => ({
      root,
      pages: pagesUnder(root).filter((path) => !programs.some((part) => path.startsWith(part.root))),
      isServed: false,
    }));
}
