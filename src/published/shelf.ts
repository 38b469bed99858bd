// Where control keeps what a job left: a folder an app, a pack a digest. Packs are put there by the gate, read by whoever
// visits the documentation or a report, and removed when no record of the store names them any more: but not before an hour
// has passed, for what was just put is named only once its change has ended.
import { readdir, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { CollectedFile, mostCollected } from '../domain/collected.ts';
import { type AppId, type Digest, parseId } from '../domain/ids.ts';
import { Pack, type Packed, packName, writePack } from './pack.ts';

export type Shelf = {
  /** Keeps a folder, whole or not at all. @throws too-large, and what the disk throws */
  put(appId: AppId, files: AsyncIterable<CollectedFile>, limits?: typeof mostCollected): Promise<Packed>;
  /** The pack, held: who asked lets it go. null: it is not kept (any more). */
  hold(appId: AppId, digest: Digest): Promise<Pack | null>;
  has(appId: AppId, digest: Digest): Promise<boolean>;
  /** Keeps a pack as if it had just been put. false: it is not there. */
  renew(appId: AppId, digest: Digest): Promise<boolean>;
  /** Removes the packs of an app that are not in `keep` and were not put within the last hour. */
  collect(appId: AppId, keep: ReadonlySet<Digest>): Promise<{ bytesFreed: number }>;
  /** All of a destroyed app. */
  forget(appId: AppId): Promise<void>;
  /** Apps that have something here. */
  apps(): Promise<AppId[]>;
  /** Lets go what it has open; what is asked for later is opened again. */
  close(): void;
};

const graceMs = 3_600_000;
const mostOpen = 16;

export function openShelf(root: string, nowMs: () => number = Date.now): Shelf {
  /** The last ones that were read, the newest last. */
  const opened = new Map<string, Promise<Pack | null>>();
  const folderOf = (appId: AppId) => join(root, appId);
  const close = (key: string): void => {
    const pack = opened.get(key);
    opened.delete(key);
    void pack?.then((one) => one?.letGo()).catch(() => {});
  };
  return {
    put: (appId, files, limits) => writePack(folderOf(appId), files, limits),
    async hold(appId, digest) {
      const key = join(folderOf(appId), packName(digest));
      const found = opened.get(key) ?? Pack.open(key);
      opened.delete(key);
      opened.set(key, found);
      // Asked for before anything else can come between: whoever closes it does so after this.
      const held = found.then((pack) => pack?.hold() ?? null);
      if (opened.size > mostOpen) close(opened.keys().next().value!);
      try {
        const pack = await held;
        if (pack === null) opened.delete(key);
        return pack;
      } catch (error) {
        opened.delete(key);
        throw error;
      }
    },
    async has(appId, digest) {
      return (await stat(join(folderOf(appId), packName(digest))).catch(() => null)) !== null;
    },
    async renew(appId, digest) {
      const at = new Date(nowMs());
      return utimes(join(folderOf(appId), packName(digest)), at, at).then(
        () => true,
        () => false,
      );
    },
    async collect(appId, keep) {
      const folder = folderOf(appId);
      const names = new Set([...keep].map(packName));
      let bytesFreed = 0;
      for (const name of await readdir(folder).catch(() => [])) {
        if (names.has(name)) continue;
        const path = join(folder, name);
        const file = await stat(path).catch(() => null);
        if (file === null || nowMs() - file.mtimeMs < graceMs) continue;
        close(path);
        await unlink(path).catch(() => {});
        bytesFreed += file.size;
      }
      return { bytesFreed };
    },
    async forget(appId) {
      for (const key of [...opened.keys()].filter((one) => one.startsWith(`${folderOf(appId)}/`))) close(key);
      await rm(folderOf(appId), { recursive: true, force: true });
    },
    close() {
      for (const key of [...opened.keys()]) close(key);
    },
    async apps() {
      return (await readdir(root).catch(() => [])).flatMap((name) => parseId('app', name) ?? []);
    },
  };
}
