// Whether an identity that is neither root nor in any special group can reach a path: every folder on the way must be
// open to others, and so must the folders of every link on the way.
import { accessSync, constants, lstatSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type Reach = 'read' | 'execute';

/** False when it is not there, too. Without root the apps run as we do, and our own access counts. */
export function isReachable(path: string, reach: Reach): boolean {
  try {
    if (process.getuid?.() === 0) return isOpen(resolve(path), reach === 'execute' ? 0o005 : 0o004, 0);
    accessSync(path, reach === 'execute' ? constants.R_OK | constants.X_OK : constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function isOpen(path: string, bits: number, links: number): boolean {
  if (links > 40) return false;
  const parts = path.split('/').filter((part) => part !== '');
  let at = '/';
  for (const [index, part] of parts.entries()) {
    if ((lstatSync(at).mode & 0o001) === 0) return false;
    at = join(at, part);
    const entry = lstatSync(at);
    if (entry.isSymbolicLink()) {
      const target = resolve(dirname(at), readlinkSync(at));
      return isOpen(join(target, ...parts.slice(index + 1)), bits, links + 1);
    }
  }
  return (lstatSync(at).mode & bits) === bits;
}
