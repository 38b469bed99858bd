// How much the files under some folders take: blocks, not lengths, so a hole costs nothing. Every entry counts as 4 KiB at least,
// so that a million empty files, which use up a file system's inodes, are not free. Nothing is followed out of the folders.
// Slow on purpose: it rests nine tenths of its time, so that an app with a million files costs its measurer, not its neighbours.
import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const leastBytes = 4096;
const blockBytes = 512;
/** Files with several names, so many of which are known again. */
const mostLinks = 100_000;

/** Rests nine times as long as the work took, every so many steps. */
export type Pace = () => Promise<void>;

export function pace(signal: AbortSignal, steps = 200, shareOfTime = 0.1): Pace {
  let left = steps;
  let since = performance.now();
  return async () => {
    left -= 1;
    if (left > 0) return;
    const restMs = Math.min(1000, (performance.now() - since) * (1 / shareOfTime - 1));
    await pause(restMs, undefined, { signal, ref: false });
    left = steps;
    since = performance.now();
  };
}

/** @throws AbortError by way of the pace. A folder that goes away meanwhile counts as far as it was seen. */
export async function diskBytes(folders: readonly (string | Buffer)[], step: Pace): Promise<number> {
  const links = new Set<string>();
  let bytes = 0;
  const count = ({ nlink, dev, ino, blocks }: Stats, isFolder: boolean): void => {
    if (nlink > 1 && !isFolder) {
      if (links.has(`${dev} ${ino}`)) return;
      if (links.size < mostLinks) links.add(`${dev} ${ino}`);
    }
    bytes += Math.max(leastBytes, blocks * blockBytes);
  };
  for (const top of folders) {
    await step();
    const root = await ifThere(lstat(top));
    if (root === null) continue;
    count(root, root.isDirectory());
    if (!root.isDirectory()) continue;
    // Names as bytes: an app's need not be text.
    for (const waiting = [typeof top === 'string' ? Buffer.from(top) : top]; waiting.length > 0; ) {
      const folder = waiting.pop()!;
      // Its type as text is wrong: with this encoding names are buffers.
      const entries = await ifThere(opendir(folder as unknown as string, { encoding: 'buffer' as 'utf8' }));
      if (entries === null) continue;
      for await (const entry of entries) {
        await step();
        const path = Buffer.concat([folder, Buffer.from('/'), entry.name as unknown as Buffer]);
        const stats = await ifThere(lstat(path));
        if (stats === null || stats.dev !== root.dev) continue;
        count(stats, stats.isDirectory());
        if (stats.isDirectory()) waiting.push(path);
      }
    }
  }
  return bytes;
}

/** null: it has gone, or became something else. */
async function ifThere<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return null;
    throw error;
  }
}
