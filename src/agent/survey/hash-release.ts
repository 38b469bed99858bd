// Computes git's own tree id afresh from a release directory: what is on the disk, not what was written once. Bounded in
// files, bytes and time. A second reading costs no more than looking at every inode: when none of them has another inode
// number, size, mode, owner, mtime or ctime, no content has changed either (the kernel sets ctime at every change, and no
// program can set it back). A reading counts for that only when the newest ctime was a while before it began, so that a change
// within one tick of the kernel's clock cannot hide. Volume links are the agent's own and are left out.
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import { fail } from '../../domain/errors.ts';
import type { TreeId } from '../../domain/ids.ts';
import type { ReleaseHash } from '../../domain/survey.ts';
import { blobHash, gitTreeId, type HashedFile } from '../tree/git-tree-hash.ts';

export type HashLimits = { files: number; bytes: number; ms: number };
const hashLimits: HashLimits = { files: 200_000, bytes: 4 * 1024 ** 3, ms: 60_000 };

/** Work in one go; then the agent's other work has its turn. */
const turnMs = 4;
/** A change this close before a reading may bear the same ctime as one after it. */
const racyNs = 1_000_000_000n;
const mostKept = 4096;
const mostLoose = 5;
const chunk = Buffer.alloc(256 * 1024);

type Reading = { print: string; hash: Omit<ReleaseHash, 'isCached' | 'listing'> };

export class ReleaseHashes {
  readonly #kept = new Map<string, Reading>();
  readonly #limits: HashLimits;

  constructor(limits: HashLimits = hashLimits) {
    this.#limits = limits;
  }

  /**
   * @param options.volumes the folder that volume links lead into
   * @throws not-found, too-large, timed-out
   */
  async read(
    folder: string,
    options: { volumes: string; isFresh: boolean; withListing: boolean },
  ): Promise<ReleaseHash> {
    const beganNs = BigInt(Date.now()) * 1_000_000n;
    const seen = await look(folder, options.volumes, this.#limits);
    const before = this.#kept.get(folder);
    if (!options.isFresh && !options.withListing && before?.print === seen.print)
      return { ...before.hash, isCached: true, listing: null };
    const written = await hashAll(folder, seen.files, this.#limits);
    const hash = {
      treeId: gitTreeId(written) as TreeId,
      files: written.length,
      bytes: seen.bytes,
      volumes: seen.volumes,
      loose: seen.loose,
    };
    this.#kept.delete(folder);
    this.#forgetGone(dirname(folder));
    if (seen.newestNs < beganNs - racyNs) this.#kept.set(folder, { print: seen.print, hash });
    if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value!);
    const listing = written.map(({ path, mode, blobId }) => ({ path: path.toString('latin1'), mode, blobId }));
    return { ...hash, isCached: false, listing: options.withListing ? listing : null };
  }

  /** How many readings are remembered. */
  get size(): number {
    return this.#kept.size;
  }

  /** What was collected is read no more: of an app only what is there stays. */
  #forgetGone(parent: string): void {
    for (const folder of this.#kept.keys())
      if (dirname(folder) === parent && !existsSync(folder)) this.#kept.delete(folder);
  }
}

type Seen = {
  files: { path: Buffer; stat: BigIntStats }[];
  volumes: Record<string, string>;
  loose: string[];
  bytes: number;
  newestNs: bigint;
  print: string;
};

/** Every inode, without reading a file. */
async function look(folder: string, volumesFolder: string, limits: HashLimits): Promise<Seen> {
  const isRoot = process.getuid?.() === 0;
  const seen: Seen = { files: [], volumes: {}, loose: [], bytes: 0, newestNs: 0n, print: '' };
  const prints = createHash('sha256');
  const breathe = breather(limits.ms);
  const waiting: Buffer[] = [Buffer.alloc(0)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    await breathe();
    const stat = statOf(within(folder, path));
    const name = path.toString('latin1');
    prints.update(
      `${name}\0${stat.ino} ${stat.size} ${stat.mode} ${stat.uid} ${stat.gid} ${stat.mtimeNs} ${stat.ctimeNs}\n`,
    );
    if (stat.ctimeNs > seen.newestNs) seen.newestNs = stat.ctimeNs;
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(within(folder, path));
      if (target.startsWith(`${volumesFolder}/`)) {
        seen.volumes[name] = target.slice(volumesFolder.length + 1);
        continue;
      }
    } else if (seen.loose.length < mostLoose && ((isRoot && stat.uid !== 0n) || (stat.mode & 0o022n) !== 0n))
      seen.loose.push(
        `${name === '' ? 'the folder itself' : name} (${(stat.mode & 0o7777n).toString(8)}, uid ${stat.uid})`,
      );
    if (stat.isDirectory()) {
      const names = readdirSync(within(folder, path), { encoding: 'buffer' });
      // From the last to the first, so that they are looked at in the order of their names.
      for (const child of names.sort(Buffer.compare).reverse())
        waiting.push(path.length === 0 ? child : Buffer.concat([path, Buffer.from('/'), child]));
      continue;
    }
    seen.files.push({ path, stat });
    seen.bytes += Number(stat.size);
    if (seen.files.length > limits.files || seen.bytes > limits.bytes)
      throw fail('too-large', `The release has more than ${limits.files} files or ${limits.bytes} bytes.`);
  }
  seen.print = prints.digest('hex');
  return seen;
}

async function hashAll(folder: string, files: Seen['files'], limits: HashLimits): Promise<HashedFile[]> {
  const breathe = breather(limits.ms);
  const written: HashedFile[] = [];
  for (const { path, stat } of files) {
    await breathe();
    const at = within(folder, path);
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(at, { encoding: 'buffer' });
      const hash = blobHash(target.length);
      hash.update(target);
      written.push({ mode: '120000', path, blobId: hash.id() });
    } else if (stat.isFile()) {
      const mode = (stat.mode & 0o100n) === 0n ? '100644' : '100755';
      written.push({ mode, path, blobId: await blobIdOf(at, Number(stat.size), breathe) });
    } else written.push({ mode: '000000', path, blobId: '0'.repeat(40) }); // git knows no such thing
  }
  return written;
}

async function blobIdOf(path: Buffer, size: number, breathe: () => Promise<void>): Promise<string> {
  const fd = orGone(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  try {
    const hash = blobHash(size);
    for (;;) {
      // No other work between read and update: the chunk is shared.
      const got = readSync(fd, chunk);
      if (got === 0) return hash.id();
      hash.update(chunk.subarray(0, got));
      await breathe();
    }
  } finally {
    closeSync(fd);
  }
}

const within = (folder: string, path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from(folder) : Buffer.concat([Buffer.from(`${folder}/`), path]);

const statOf = (path: Buffer): BigIntStats => orGone(() => lstatSync(path, { bigint: true }));

/** What goes while we look is not there. @throws not-found */
function orGone<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw fail('not-found', 'The release is not on this machine, or is being removed.', { cause: error });
  }
}

/** @throws timed-out */
function breather(ms: number): () => Promise<void> {
  const beganMs = performance.now();
  let turn = beganMs;
  return async () => {
    const now = performance.now();
    if (now - turn < turnMs) return;
    if (now - beganMs > ms) throw fail('timed-out', `The release could not be read in ${ms} ms.`);
    await otherWork();
    turn = performance.now();
  };
}
