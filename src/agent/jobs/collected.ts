// A folder that a job wrote to its reports, on its way to control: plain files only, named as they lie there. It is looked
// through once before the first byte goes out, so that whoever asks hears of a limit instead of getting a part. What is no
// plain file, has a second name or bears a name that no address could hold is left out, and said. The job has ended and its
// folders are root's by then: nobody changes them under the walk.
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CollectedFile, type LeftOut, mostCollected } from '../../domain/collected.ts';
import { fail } from '../../domain/errors.ts';
import { quoted } from '../../domain/names.ts';

type Found = { path: string; size: number };
export type OpenedFolder = { files: AsyncGenerator<CollectedFile>; leftOut: LeftOut };

/** Names that are shown of what was left out. */
const shownLeftOut = 20;
const deepest = 32;

/** @throws not-found (no such folder), too-large (a limit, which the message names) */
export async function openCollected(folder: string, limits = mostCollected): Promise<OpenedFolder> {
  const top = await lstat(folder).catch(() => null);
  if (!top?.isDirectory()) throw fail('not-found', 'the job wrote no such folder');
  const leftOut = { count: 0, shown: [] as string[] };
  const found: Found[] = [];
  let bytes = 0;
  let folders = 0;
  const leave = (path: string, why: string): void => {
    leftOut.count += 1;
    if (leftOut.shown.length < shownLeftOut) leftOut.shown.push(`${quoted(path)}: ${why}`);
  };
  const walk = async (inside: string, depth: number): Promise<void> => {
    const entries = await readdir(join(folder, inside), { withFileTypes: true, encoding: 'buffer' });
    if (found.length + leftOut.count + folders + entries.length > 2 * limits.files) throw tooMany(limits.files);
    entries.sort((a, b) => Buffer.compare(a.name, b.name));
    for (const entry of entries) {
      const name = entry.name.toString('utf8');
      const path = inside === '' ? name : `${inside}/${name}`;
      const wrong = wrongName(entry.name, name, path, limits.pathBytes);
      if (wrong !== null) leave(path, wrong);
      else if (entry.isDirectory()) {
        folders += 1;
        if (depth >= deepest) leave(path, `lies deeper than ${deepest} folders`);
        else await walk(path, depth + 1);
      } else if (!entry.isFile()) leave(path, entry.isSymbolicLink() ? 'a link' : 'no plain file');
      else {
        const { size, nlink } = await lstat(join(folder, path));
        if (nlink !== 1) {
          leave(path, 'has a second name');
          continue;
        }
        bytes += size;
        found.push({ path, size });
        if (found.length > limits.files) throw tooMany(limits.files);
        if (bytes > limits.totalBytes)
          throw fail('too-large', `it holds more than ${limits.totalBytes / 1024 ** 2} MiB`, {
            advice: 'Leave out what visitors do not need.',
          });
      }
    }
  };
  await walk('', 0);
  return { files: contents(folder, found), leftOut };
}

const tooMany = (most: number) =>
  fail('too-large', `it holds more than ${most} files`, { advice: 'Leave out what visitors do not need.' });

function wrongName(bytes: Buffer, name: string, path: string, pathBytes: number): string | null {
  if (!Buffer.from(name).equals(bytes)) return 'its name is not UTF-8';
  if (/[\p{Cc}\\]/u.test(name)) return 'its name holds a control character or a backslash';
  if (name.toLowerCase() === '.git') return 'a repository of its own';
  if (Buffer.byteLength(path) > pathBytes) return `its path is longer than ${pathBytes} bytes`;
  return null;
}

async function* contents(folder: string, found: readonly Found[]): AsyncGenerator<CollectedFile> {
  for (const { path, size } of found) yield { path, size, content: contentOf(join(folder, path), size) };
}

/** Exactly so many bytes; a file that has become another is an error, and the stream with it. */
async function* contentOf(file: string, size: number): AsyncGenerator<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw fail('conflict', 'a collected file was exchanged');
    for (let left = size; left > 0; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(left, 256 * 1024)), 0, undefined, null);
      if (bytesRead === 0) throw fail('conflict', 'a collected file became shorter');
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
