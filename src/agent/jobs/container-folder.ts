// A folder that a job left in its container, which has ended: asked of the engine as an archive, and written beside the job's reports, from where it is
// collected like every job's (`collected.ts`). Plain files only, by names that stay below it; a link, a device and a hard link are left
// out. What is more than is ever collected is not written, and what there is says that it was too much.
import { createWriteStream } from 'node:fs';
import { mkdir, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { mostCollected } from '../../domain/collected.ts';
import { tarEntries } from '../../lib/tar-entries.ts';
import type { Engine } from '../engine/engine.ts';

const fetchMs = 120_000;

type FolderAsked = {
  engine: Pick<Engine, 'bytes'>;
  container: string;
  /** In the container; absolute. */
  folder: string;
  /** The folder that it comes into, under its own name. */
  target: string;
};

/** One that is not there leaves nothing. @throws what the disk, or an engine that breaks off, says */
export async function fetchFolder(
  { engine, container, folder, target }: FolderAsked,
  most = mostCollected,
): Promise<void> {
  const path = `/containers/${container}/archive?path=${encodeURIComponent(folder)}`;
  const archive = await engine.bytes(path, AbortSignal.timeout(fetchMs)).catch(() => null);
  if (archive === null) return;
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  let [files, bytes] = [0, 0];
  for await (const { head, content } of tarEntries(archive as AsyncIterable<Buffer>)) {
    const parts = head.path.replace(/\/+$/, '').split('/');
    if (parts[0] !== name || !parts.every(isPlain) || parts.length > deepest) continue;
    const to = join(target, ...parts);
    if (head.type === '5') await mkdir(to, { recursive: true, mode: 0o700 });
    if (head.type !== '0' || parts.length === 1) continue;
    files += 1;
    bytes += head.size;
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const isWanted = bytes <= most.totalBytes && files <= most.files;
    await pipeline(isWanted ? content : Readable.from([]), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
    if (isWanted) continue;
    // As large as it was: whoever collects hears of its limit.
    await truncate(to, head.size);
    return;
  }
}

const deepest = 64;
const isPlain = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && !part.includes('\0');
