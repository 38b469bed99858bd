// Writes a tree that control streams, twice at once: the release copy (root's, readable for the app's group, not
// writable for it) and the gate copy (the gate identity's own). Both grow under names of their own beside the place where
// they belong, closed to everyone else, and are renamed into it only when the id of what was written is the expected one.
// The gate copy comes first, since the checks wait for it: small files are held until it is whole, and the release is written then,
// from the very bytes that were hashed. On any failure nothing of it is left. Without root the uids are shared and only the modes remain.
import { randomBytes } from 'node:crypto';
import { constants, mkdirSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { diskFailure } from '../../domain/disk-failure.ts';
import { fail } from '../../domain/errors.ts';
import { removeTree } from '../remove-tree.ts';
import { blobHash, gitTreeId, type HashedFile } from './git-tree-hash.ts';
import { refuseLeavingLinks } from './link-check.ts';
import { type DecodedFile, refuse } from './tree-stream.ts';
import { collect, type FileCopy, isSmall, syncAll, writeLarge, writeSmall } from './write-file.ts';

/** null ids: identities are shared. */
export type PlaceSpec = {
  expectedTreeId: string;
  /** `replace` not null: what is there already makes room, and this is called as soon as the new one stands there. */
  release: { path: string; gid: number | null; replace?: (() => Promise<void>) | null };
  gate: { path: string; uid: number | null; gid: number | null } | null;
  /** The gate copy is whole; the release is not on the disk yet. */
  onGateCopy?: () => void;
};
/** `wasThere`: a release directory of this name existed already and was kept (its name is the tree's id). */
export type Placed = { treeId: string; files: number; bytes: number; wasThere: boolean };

type Copy = {
  at: string;
  to: string;
  uid: number;
  gid: number;
  isLasting: boolean;
  modes: { file: number; executable: number; directory: number };
};

/** Bytes of small files that are held until the gate copy is whole; what comes after them is written twice at once. */
const mostHeldBytes = 8 * 1024 * 1024;
/** Written without a pause; then the agent's other work has its turn. */
const filesInOneGo = 32;

const isRoot = (): boolean => process.getuid?.() === 0;
const ours = (id: number | null, own: number): number => (isRoot() && id !== null ? id : own);
const join = (root: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), path]);
const staged = (to: string): string => `${to}.partial-${randomBytes(6).toString('hex')}`;

function releaseCopy(spec: PlaceSpec['release']): Copy {
  // Without root the app's identity is ours: then nothing but the missing write bit keeps files from being changed.
  const modes = isRoot()
    ? { file: 0o640, executable: 0o750, directory: 0o750 }
    : { file: 0o440, executable: 0o550, directory: 0o750 };
  return {
    at: staged(spec.path),
    to: spec.path,
    uid: process.getuid!(),
    gid: ours(spec.gid, process.getgid!()),
    isLasting: true,
    modes,
  };
}

function gateCopy(to: string, uid: number | null, gid: number | null): Copy {
  const modes = { file: 0o600, executable: 0o700, directory: 0o700 };
  const [ownUid, ownGid] = [process.getuid!(), process.getgid!()];
  return { at: staged(to), to, uid: ours(uid, ownUid), gid: ours(gid, ownGid), isLasting: false, modes };
}

/** Places the files of `decodeTree`. Throws `tree-refused`, `too-large` (from the decoder) and `disk-full`. */
export async function placeTree(files: AsyncIterable<DecodedFile>, spec: PlaceSpec): Promise<Placed> {
  const release = releaseCopy(spec.release);
  const gate = spec.gate === null ? null : gateCopy(spec.gate.path, spec.gate.uid, spec.gate.gid);
  const copies = gate === null ? [release] : [release, gate];
  const held: { file: DecodedFile; content: Buffer }[] = [];
  let heldBytes = 0;
  const directories = new Set<string>();
  const written: HashedFile[] = [];
  const links: { path: Buffer; target: Buffer }[] = [];
  let bytes = 0;
  try {
    for (const copy of copies) await begin(copy);
    for await (const file of files) {
      for (const parent of parentsOf(file.path))
        if (!directories.has(parent)) {
          directories.add(parent);
          for (const copy of copies) mkdirSync(join(copy.at, Buffer.from(parent, 'latin1')), { mode: 0o700 });
        }
      const hash = blobHash(file.size);
      if (file.mode === '120000') {
        const target = await collect(file.content);
        hash.update(target);
        links.push({ path: file.path, target });
      } else if (isSmall(file)) {
        const content = await collect(file.content);
        hash.update(content);
        const isHeld = gate !== null && heldBytes + file.size <= mostHeldBytes;
        if (isHeld) {
          held.push({ file, content });
          heldBytes += file.size;
        }
        const now = isHeld ? [gate] : copies;
        writeSmall(
          content,
          now.map((copy) => copyOf(copy, file)),
        );
      } else {
        const both = copies.map((copy) => copyOf(copy, file));
        await writeLarge(file, both, hash);
      }
      bytes += file.size;
      written.push({ mode: file.mode, path: file.path, blobId: hash.id() });
      if (written.length % filesInOneGo === 0) await nextTurn();
    }
    refuseLeavingLinks(links);
    const treeId = gitTreeId(written);
    if (treeId !== spec.expectedTreeId)
      throw refuse(
        `The tree that arrived is ${treeId}, not ${spec.expectedTreeId}.`,
        'It was changed on its way or control is at fault: push again, and look at the log if it repeats.',
      );
    // Last, so that nothing of ours is ever written through a directory that the app's identity owns.
    const finish = async (copy: Copy): Promise<void> => {
      for (const link of links) await placeLink(copy, link);
      for (const path of [...directories].reverse()) await own(copy, join(copy.at, Buffer.from(path, 'latin1')));
    };
    if (gate !== null) {
      await finish(gate);
      await own(gate, Buffer.from(gate.at));
      if (!(await moveInto(gate)))
        throw fail('conflict', 'The gate copy is there already.', { advice: 'Give each copy a name of its own.' });
      spec.onGateCopy?.();
      // Whoever waits for it begins now, and not after the release.
      await nextTurn();
    }
    for (const [at, { file, content }] of held.entries()) {
      writeSmall(content, [copyOf(release, file)]);
      if (at % filesInOneGo === filesInOneGo - 1) await nextTurn();
    }
    await finish(release);
    const plain = written.filter(({ mode }) => mode !== '120000').map(({ path }) => path);
    const folders = [...directories].map((path) => Buffer.from(path, 'latin1'));
    await syncAll([...[...plain, ...folders].map((path) => join(release.at, path)), Buffer.from(release.at)]);
    await own(release, Buffer.from(release.at));
    let wasThere = !(await moveInto(release));
    const { replace } = spec.release;
    if (wasThere && replace) {
      wasThere = false;
      await exchange(release);
      await replace();
    }
    return { treeId, files: written.length, bytes, wasThere };
  } catch (error) {
    throw explain(error);
  } finally {
    for (const copy of copies) await fs.rm(copy.at, { recursive: true, force: true });
  }
}

/** A new gate copy, made from a release directory. Absolute links there are volumes of the live app and are left out. */
export async function copyTree(from: string, to: string, uid: number | null, gid: number | null): Promise<void> {
  const copy = gateCopy(to, uid, gid);
  const walk = async (path: Buffer): Promise<void> => {
    for (const entry of await fs.readdir(path.length === 0 ? Buffer.from(from) : join(from, path), {
      withFileTypes: true,
      encoding: 'buffer',
    })) {
      const name = entry.name;
      const inner = path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
      const target = join(copy.at, inner);
      if (entry.isDirectory()) {
        await fs.mkdir(target, { mode: 0o700 });
        await walk(inner);
        await own(copy, target);
      } else if (entry.isSymbolicLink()) {
        const link = await fs.readlink(join(from, inner), { encoding: 'buffer' });
        if (link[0] !== 0x2f) await placeLink(copy, { path: inner, target: link });
      } else if (entry.isFile()) {
        const { mode } = await fs.lstat(join(from, inner));
        await fs.copyFile(join(from, inner), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        await fs.chmod(target, (mode & 0o100) === 0 ? copy.modes.file : copy.modes.executable);
        if (isRoot()) await fs.lchown(target, copy.uid, copy.gid);
      } else throw refuse('The release holds something that is no file, link or directory.', 'Release it again.');
    }
  };
  try {
    await begin(copy);
    await walk(Buffer.alloc(0));
    await own(copy, Buffer.from(copy.at));
    if (!(await moveInto(copy)))
      throw fail('conflict', 'The copy is there already.', { advice: 'Give each copy a name of its own.' });
  } catch (error) {
    throw explain(error);
  } finally {
    await fs.rm(copy.at, { recursive: true, force: true });
  }
}

async function begin(copy: Copy): Promise<void> {
  await fs.mkdir(dirname(copy.to), { recursive: true });
  await fs.mkdir(copy.at, { mode: 0o700 });
}

function* parentsOf(path: Buffer): Generator<string> {
  const text = path.toString('latin1');
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) yield text.slice(0, at);
}

/** One file's place in a copy. Only the release is to outlast a power cut: gate copies are thrown away. */
function copyOf(copy: Copy, file: DecodedFile): FileCopy {
  const { file: plain, executable } = copy.modes;
  const mode = file.mode === '100755' ? executable : plain;
  return { at: join(copy.at, file.path), uid: copy.uid, gid: copy.gid, mode };
}

async function placeLink(copy: Copy, link: { path: Buffer; target: Buffer }): Promise<void> {
  const path = join(copy.at, link.path);
  await fs.symlink(link.target, path);
  if (isRoot()) await fs.lchown(path, copy.uid, copy.gid);
}

async function own(copy: Copy, directory: Buffer): Promise<void> {
  if (isRoot()) await fs.lchown(directory, copy.uid, copy.gid);
  await fs.chmod(directory, copy.modes.directory);
}

/** False when the place is taken. A directory is never replaced: rename succeeds onto nothing or an empty one only. */
async function moveInto(copy: Copy): Promise<boolean> {
  try {
    await fs.rename(copy.at, copy.to);
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  if (!copy.isLasting) return true;
  await using parent = await fs.open(dirname(copy.to), constants.O_RDONLY);
  await parent.sync();
  return true;
}

/**
 * A directory cannot be exchanged in one step from here: for the blink between two renames there is none. Whoever stands in
 * the old one goes on there until it is removed.
 */
async function exchange(copy: Copy): Promise<void> {
  const aside = `${copy.to}.aside-${randomBytes(6).toString('hex')}`;
  await fs.rename(copy.to, aside);
  await moveInto(copy);
  await removeTree(aside);
}

function explain(error: unknown): unknown {
  return diskFailure(error, 'The tree could not be placed') ?? error;
}
