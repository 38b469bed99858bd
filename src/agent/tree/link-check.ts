// Says which symlinks of a tree lead out of it. Links are followed as the kernel does, through other links: `l -> d/x/..`
// looks harmless until one knows that `d/x` is a link to the root.
import { refuse, showPath } from './tree-stream.ts';

const mostHops = 40; // the kernel's own limit: a longer chain or a loop is an error there and leads nowhere

/** Throws `tree-refused` for the first link (path -> target, both bytes) that is absolute or leaves the tree. */
export function refuseLeavingLinks(links: readonly { path: Buffer; target: Buffer }[]): void {
  const targets = new Map(links.map(({ path, target }) => [path.toString('latin1'), target.toString('latin1')]));
  for (const { path, target } of links) {
    const out = leavesTree(path.toString('latin1'), targets);
    if (target.includes(0) || out)
      throw refuse(
        `The symlink ${showPath(path)} -> ${showPath(target)} leaves the tree.`,
        'Let it point to a file of the repository, relative to itself, or declare a volume.',
      );
  }
}

function leavesTree(start: string, targets: ReadonlyMap<string, string>): boolean {
  const here: string[] = [];
  const todo = start.split('/');
  for (let hops = 0; todo.length > 0; ) {
    const part = todo.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (here.pop() === undefined) return true;
      continue;
    }
    here.push(part);
    const target = targets.get(here.join('/'));
    if (target === undefined) continue;
    if (target.startsWith('/')) return true;
    if (++hops > mostHops) return false;
    here.pop();
    todo.unshift(...target.split('/'));
  }
  return false;
}
