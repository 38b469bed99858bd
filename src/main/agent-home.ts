// The agent's home before anything of it is used: folders with the rights that the apps' identities need, and the machine's name for ever.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HomeFolders } from '../agent/folders.ts';
import { fail } from '../domain/errors.ts';
import { makeId, type NodeId, parseId } from '../domain/ids.ts';
import { atomicWrite } from '../lib/atomic-write.ts';

/** @throws home-unreachable when the apps' identities could not come to their own folders */
export async function makeHome(folders: HomeFolders): Promise<void> {
  await mkdir(folders.home, { recursive: true, mode: 0o711 });
  if (process.getuid?.() === 0) {
    const { mode } = await stat(folders.home);
    if ((mode & 0o001) === 0) await chmod(folders.home, (mode & 0o7777) | 0o011);
    for (let path = dirname(folders.home); path !== '/'; path = dirname(path)) {
      if (((await stat(path)).mode & 0o001) !== 0) continue;
      throw fail('home-unreachable', `The apps have users of their own, and these cannot pass through ${path}.`, {
        advice: `Choose a home elsewhere (LOCKSTEP_HOME=/var/lib/lockstep), or: chmod o+x ${path}`,
      });
    }
  }
  const open = [folders.agent, folders.apps, dirname(folders.socket)];
  const closed = [folders.instanceRecords, folders.pipes, join(folders.home, 'logs')];
  for (const [paths, mode] of [
    [open, 0o711],
    [closed, 0o700],
  ] as const) {
    for (const path of paths) {
      await mkdir(path, { recursive: true, mode });
      await chmod(path, mode);
    }
  }
}

/** This machine's name for ever, made at the first start. */
export async function ownNodeId(folders: HomeFolders): Promise<NodeId> {
  const text = await readFile(folders.nodeId, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null;
  });
  if (text === null) {
    const id = makeId('nod', Date.now(), randomBytes(16));
    await atomicWrite(folders.nodeId, `${id}\n`);
    return id;
  }
  const id = parseId('nod', text.trim());
  if (id === null)
    throw fail('home-unreachable', `${folders.nodeId} does not hold a node id.`, {
      advice: 'Restore it from a backup.',
    });
  return id;
}
