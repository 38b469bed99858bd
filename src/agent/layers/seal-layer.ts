// Takes a finished layer out of the hands of the identity that made it: everything root's, no write bit, and a digest over
// what it holds. From the top down: a folder is taken and closed before it is read, so that nothing in it can be exchanged
// for a link on the way.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lchown, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../domain/ids.ts';

const parallel = 8;

/** @param gid the app's group, which may read it; null: shared, the owner stays. */
export async function sealLayer(layer: string, gid: number | null): Promise<Digest> {
  const isRoot = process.getuid?.() === 0;
  const files: { path: string; mode: number }[] = [];
  const lines: string[] = [];
  const take = async (path: string): Promise<void> => {
    if (isRoot) await lchown(join(layer, path), 0, gid ?? 0);
    const entry = await lstat(join(layer, path));
    if (entry.isSymbolicLink()) {
      lines.push(`l ${JSON.stringify(path)} ${JSON.stringify(await readlink(join(layer, path)))}`);
    } else if (entry.isDirectory()) {
      // Without root the owner is the app itself: a folder that it cannot write, nobody could remove.
      await chmod(join(layer, path), isRoot ? 0o550 : 0o750);
      if (path !== '') lines.push(`d ${JSON.stringify(path)}`);
      for (const name of await readdir(join(layer, path))) await take(join(path, name));
    } else {
      const mode = (entry.mode & 0o111) === 0 ? 0o440 : 0o550;
      await chmod(join(layer, path), mode);
      if (!entry.isFile()) throw new Error(`neither a file nor a folder nor a link: ${path}`);
      files.push({ path, mode });
    }
  };
  await take('');
  const queue = files.values();
  const worker = async (): Promise<void> => {
    for (const { path, mode } of queue)
      lines.push(`f ${JSON.stringify(path)} ${mode} ${await hash(join(layer, path))}`);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return `sha256:${createHash('sha256').update(lines.sort().join('\n')).digest('hex')}` as Digest;
}

/** "size sha256" of a plain file. */
async function hash(path: string): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const digest = createHash('sha256');
  let size = 0;
  for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20 })) {
    digest.update(chunk);
    size += chunk.length;
  }
  return `${size} ${digest.digest('hex')}`;
}
