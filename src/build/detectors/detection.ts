// What a detector answers. The highest rank wins; the rest become the plan's alternatives.

import type { Command } from '../../domain/plan.ts';
import type { TreeView } from '../tree-view.ts';

export type WebEntry =
  | {
      server: 'wsgi' | 'asgi' /** "package.module:object" or "package.module:factory()" */;
      target: string;
      chdir: string | null;
    }
  | { server: 'static'; root: string }
  | { server: 'script'; argv: readonly string[] }
  | { server: 'node'; command: Command; env: Readonly<Record<string, string>> }
  | { server: 'go' /** Of the built tree. */; binary: string }
  | { server: 'own'; shell: string };

export type Detection = {
  name: string;
  rank: number;
  why: string;
  web: WebEntry;
  /** Whose layers it needs; left out: what the tree says by its files. */
  language?: 'node' | 'go' | 'mkdocs';
  alternatives: readonly string[];
  notes: readonly string[];
  /** Where the framework itself keeps what an app writes: name -> path. For a tree that declares no volume. */
  volumes?: Readonly<Record<string, string>>;
};

export type Detector = {
  name: string /** For the error when none matches. */;
  looksFor: string;
  detect(view: TreeView): Promise<Detection | null>;
};

const foreign =
  /(?:^|\/)(?:go\.mod|Gemfile|composer\.json|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|mix\.exs|[^/]+\.(?:php|rb|go|java|rs|cs|ex|pl|cgi|jsp|aspx?))$/;

/** A file that says the tree is an application in a language without a detector; null when there is none. */
export async function foreignSign(view: TreeView): Promise<string | null> {
  const found = view
    .list()
    .map(({ path }) => path)
    .filter((path) => foreign.test(path));
  // The file that says what the tree is, before one that is only in it.
  if (found.length > 0) return found.find((path) => /^(?:go\.mod|Gemfile|Cargo\.toml)$/.test(path)) ?? found[0]!;
  const bytes = await view.read('package.json', 64 * 1024);
  if (bytes === null) return null;
  try {
    const data = JSON.parse(bytes.toString('utf8'));
    const isApp = data.dependencies || data.main || data.scripts?.start || data.scripts?.build;
    return isApp ? 'package.json' : null;
  } catch {
    return 'package.json';
  }
}

export function hasPython(view: TreeView): boolean {
  return view
    .list()
    .some(({ path }) => path.endsWith('.py') || /^(?:requirements\.txt|pyproject\.toml|uv\.lock)$/.test(path));
}
