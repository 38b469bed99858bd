// A volume, read by root while its app runs and may rearrange it at any moment. Every step goes through a folder that is
// open already (`/proc/self/fd/N/name`) and follows no link, so an app that exchanges a folder for a link does not lead root out
// of the volume. Only the app's own folders, plain files and links are taken: a hard link to somebody else's file, a pipe, a
// socket or a device is left out and counted.
import { closeSync, constants, fstatSync, opendirSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { isPlainPath, mostDeep } from './entries.ts';

export type VolumeNode =
  | { type: 'directory'; path: Buffer; mode: number }
  | { type: 'file'; path: Buffer; mode: number; mtimeMs: number; data: Iterable<Buffer> }
  | { type: 'link'; path: Buffer; target: Buffer };

export type WalkCounts = {
  files: number;
  bytes: number;
  /** Neither folder, plain file nor link, not the app's own, or gone while we looked. */
  leftOut: number;
  /** Written to while they were read. */
  changed: number;
};

const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
const pieceBytes = 256 * 1024;
const modeOf = (stats: Stats): number => stats.mode & 0o777;

/**
 * The volume itself first (path ''), each folder before what is in it. A file's data must be read before the next node is asked for.
 * @param root a folder whose parents are root's
 * @param uid whose the volume is; null: identities are shared
 */
export function* walkVolume(root: string, uid: number | null, counts: WalkCounts): Generator<VolumeNode> {
  const fd = openSync(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    yield { type: 'directory', path: Buffer.alloc(0), mode: modeOf(fstatSync(fd)) };
    yield* inFolder(fd, Buffer.alloc(0), uid, counts, 1);
  } finally {
    closeSync(fd);
  }
}

function* inFolder(
  fd: number,
  path: Buffer,
  uid: number | null,
  counts: WalkCounts,
  depth: number,
): Generator<VolumeNode> {
  const here = `/proc/self/fd/${fd}`;
  for (const name of namesIn(here)) {
    const at = Buffer.concat([Buffer.from(`${here}/`), name]);
    const full = path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
    const opened = open(at, full, uid, depth);
    if (opened === null) counts.leftOut += 1;
    else if (typeof opened === 'object') yield { type: 'link', path: full, target: opened };
    else {
      try {
        const stats = fstatSync(opened);
        const mode = modeOf(stats);
        if (stats.isDirectory()) {
          yield { type: 'directory', path: full, mode };
          yield* inFolder(opened, full, uid, counts, depth + 1);
        } else {
          counts.files += 1;
          yield { type: 'file', path: full, mode, mtimeMs: stats.mtimeMs, data: dataOf(opened, stats, counts) };
        }
      } finally {
        closeSync(opened);
      }
    }
  }
}

/** A few at a time: a folder may hold millions. */
function* namesIn(folder: string): Generator<Buffer> {
  const names = opendirSync(folder, { encoding: 'buffer' } as object);
  try {
    for (let entry = names.readSync(); entry !== null; entry = names.readSync()) yield entry.name as unknown as Buffer;
  } finally {
    names.closeSync();
  }
}

/** An open folder or plain file of the app's, the target of a link, or null for everything else. */
function open(at: Buffer, path: Buffer, uid: number | null, depth: number): number | Buffer | null {
  if (depth >= mostDeep || !isPlainPath(path)) return null;
  let fd: number;
  try {
    // Without blocking: a pipe that nobody writes would be waited for.
    fd = openSync(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') return targetOf(at);
    if (code === 'EMFILE' || code === 'EIO') throw error;
    return null;
  }
  const stats = fstatSync(fd);
  const isOurs = uid === null || stats.uid === uid;
  if (isOurs && (stats.isDirectory() || stats.isFile())) return fd;
  closeSync(fd);
  return null;
}

function targetOf(link: Buffer): Buffer | null {
  try {
    return readlinkSync(link, { encoding: 'buffer' });
  } catch {
    return null;
  }
}

/** As many bytes as it had when it was opened: one that only grows has an end, too. */
function* dataOf(fd: number, opened: Stats, counts: WalkCounts): Generator<Buffer> {
  for (let left = opened.size; left > 0; ) {
    const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, left));
    const got = readSync(fd, buffer);
    if (got === 0) break;
    left -= got;
    counts.bytes += got;
    yield buffer.subarray(0, got);
  }
  const now = fstatSync(fd);
  if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs) counts.changed += 1;
}
