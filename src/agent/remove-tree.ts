// Removes a folder that somebody else may be writing in. A plain recursive removal by root can be led astray: an app's
// process exchanges a folder for a link between the look and the step into it, and root removes what the link names. So
// each folder is taken (owner, mode) before it is read: from then on nobody but us can exchange what is in it. The same
// step lets us remove folders that a program made read-only, also without root.
import { chmodSync, type Dirent, lchownSync, lstatSync, readdirSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { setImmediate as otherWork } from 'node:timers/promises';

const turnMs = 4;

/** Quiet when it is not there; a link is removed, not followed. The folder around `path` must be ours. */
export async function removeTree(path: string | Buffer): Promise<void> {
  const entry = ifThere(() => lstatSync(path));
  if (entry === null) return;
  let turn = performance.now();
  // Names as bytes: an app's need not be text.
  const remove = async (at: Buffer, one: Stats | Dirent<Buffer>): Promise<void> => {
    if (performance.now() - turn > turnMs) {
      await otherWork();
      turn = performance.now();
    }
    if (!one.isDirectory()) return void ifThere(() => unlinkSync(at));
    if (ifThere(() => take(at)) === null) return;
    const slash = Buffer.from('/');
    for (const child of readdirSync(at, { withFileTypes: true, encoding: 'buffer' }))
      await remove(Buffer.concat([at, slash, child.name]), child);
    ifThere(() => rmdirSync(at));
  };
  await remove(typeof path === 'string' ? Buffer.from(path) : path, entry);
}

function take(folder: Buffer): true {
  if (process.getuid?.() === 0) lchownSync(folder, 0, 0);
  chmodSync(folder, 0o700);
  return true;
}

/** null: it is gone by now. */
function ifThere<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
