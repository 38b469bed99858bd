// Removes what of an app nothing needs any more, and says how much that freed: release directories, layers, gate copies and
// instance folders that nobody uses, and caches beyond their limit; and what an agent that died was writing.
import { lstat, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AppId, type InstanceId, parseId, parseObjectId, type TreeId } from '../domain/ids.ts';
import type { HomeFolders } from './folders.ts';
import { removeTree } from './remove-tree.ts';

type Keep = {
  treeIds: ReadonlySet<string>;
  layerKeys: ReadonlySet<string>;
  /** Names of gate copies that jobs stand in. */
  copies: ReadonlySet<string>;
  /** Names of the folders of instances that are known. */
  instanceFolders: ReadonlySet<string>;
  /** Something of the app is being installed or checked: its caches stay. */
  isAtWork: boolean;
};

/** Of what the gate's tools keep for an app (uv's cache above all). Beyond it all of that goes, and is made again as needed. */
const mostCacheBytes = 1024 ** 3;

/** Partial ones are left alone: they are being written now. */
export async function collectApp(folders: HomeFolders, appId: AppId, keep: Keep): Promise<{ bytesFreed: number }> {
  let bytesFreed = 0;
  const trees = dirname(folders.tree(appId, 'x' as TreeId));
  for (const name of await namesIn(trees)) {
    if (parseObjectId(name) === null || keep.treeIds.has(name)) continue;
    bytesFreed += await remove(join(trees, name));
  }
  const layers = dirname(folders.layer(appId, 'x'));
  for (const name of await namesIn(layers)) {
    // `<key>` and the files that stand beside it under its name.
    const key = /^[A-Za-z0-9_-]+/.exec(name)?.[0];
    if (key === undefined || keep.layerKeys.has(key) || name.includes('partial')) continue;
    bytesFreed += await remove(join(layers, name));
  }
  const copies = dirname(folders.copy(appId, 'x'));
  for (const name of await namesIn(copies))
    if (!keep.copies.has(name) && !name.includes('.partial-')) bytesFreed += await remove(join(copies, name));
  const instances = dirname(folders.instance(appId, 'x' as InstanceId));
  for (const name of await namesIn(instances))
    if (!keep.instanceFolders.has(name)) bytesFreed += await remove(join(instances, name));
  const cache = folders.gateCache(appId);
  if (!keep.isAtWork && (await bytesOf(cache)) > mostCacheBytes)
    for (const name of await namesIn(cache)) bytesFreed += await remove(join(cache, name));
  return { bytesFreed };
}

/** Trees and gate copies that were being written or replaced when an agent died: to be called before anything is written. */
export async function removePartials(folders: HomeFolders): Promise<void> {
  for (const name of await namesIn(folders.apps)) {
    const id = parseId('app', name);
    if (id === null) continue;
    const trees = dirname(folders.tree(id, 'x' as TreeId));
    for (const one of await namesIn(trees)) if (one.includes('.aside-')) await settleAside(join(trees, one));
    for (const folder of [trees, dirname(folders.copy(id, 'x'))])
      for (const one of await namesIn(folder)) if (one.includes('.partial-')) await removeTree(join(folder, one));
  }
}

/** A tree that had to give way: when nothing has come in its place it is all there is, and goes back. */
async function settleAside(aside: string): Promise<void> {
  const place = aside.slice(0, aside.lastIndexOf('.aside-'));
  if ((await lstat(place).catch(() => null)) === null) await rename(aside, place);
  else await removeTree(aside);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function remove(path: string): Promise<number> {
  const bytes = await bytesOf(path);
  await removeTree(path);
  return bytes;
}

async function bytesOf(path: string): Promise<number> {
  const one = await lstat(path).catch(() => null);
  if (one === null) return 0;
  if (!one.isDirectory()) return one.blocks * 512;
  let bytes = 0;
  for (const name of await namesIn(path)) bytes += await bytesOf(join(path, name));
  return bytes;
}
