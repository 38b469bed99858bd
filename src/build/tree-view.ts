// The seam through which a build looks at a tree: a list of paths and reads by object id, never a checkout. So a link
// cannot lead a reader out of the tree; a configuration file that is one is refused.

import { configMaxBytes } from '../config/readers/problems.ts';
import { fail } from '../domain/errors.ts';

export type TreeFile = {
  path: string /** git's: 100644, 100755, 120000 (a link), 160000 (a submodule) */;
  mode: string;
};

export type TreeView = {
  list(): readonly TreeFile[];
  /** null: no such file, or larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer | null>;
};

const sourceMaxBytes = 256 * 1024;

export function hasFile(view: TreeView, path: string): boolean {
  return view.list().some((file) => file.path === path && file.mode !== '160000');
}

/** A configuration file's text; null when it is not there. Throws `bad-config` for a link, or one too large. */
export async function readConfigFile(view: TreeView, path: string): Promise<string | null> {
  const file = view.list().find((one) => one.path === path);
  if (file === undefined) return null;
  if (file.mode !== '100644' && file.mode !== '100755') {
    throw fail('bad-config', `${path}: it is a link; configuration is read from plain files only`, {
      advice: `Commit ${path} as a plain file.`,
    });
  }
  const bytes = await view.read(path, configMaxBytes);
  if (bytes === null)
    throw fail('bad-config', `${path}: larger than ${configMaxBytes} bytes`, { advice: `Make ${path} smaller.` });
  return bytes.toString('utf8');
}

/** A source file's text, or null when it is missing, a link or too large to look at. */
export async function readSource(view: TreeView, path: string): Promise<string | null> {
  const file = view.list().find((one) => one.path === path);
  if (file === undefined || !file.mode.startsWith('100')) return null;
  return (await view.read(path, sourceMaxBytes))?.toString('utf8') ?? null;
}
