// The images of a home's own registry in a backup: the registry's own files, of which only the forms that it has are taken (layers and images by
// their digest, and the links that say which repository and tag they are of). Links are read first and what they lead to after it, since a push
// writes them in the other order; what is on its way is left out. A restore holds every layer against its name before the home is called whole.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { lchown, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Identity } from '../lib/identity.ts';
import { refused } from './container.ts';
import { blobOfPath, blobPath, linkOfPath } from './image-path.ts';
import { type WalkCounts, walkVolume } from './walk-volume.ts';

export type ImageFile = { path: string; data: Iterable<Buffer> };

const below = 'data/docker/registry/v2/';
const linkText = /^sha256:[0-9a-f]{64}$/;
const linkBytes = 71;

const registryFiles = (home: string): string => join(home, 'registry');

/**
 * Links, then what they lead to. A file's data must be read before the next is asked for.
 * @param uid whose the files are; null: identities are shared
 */
export function* imageFiles(home: string, uid: number | null): Generator<ImageFile> {
  const root = registryFiles(home);
  if (!existsSync(join(root, below))) return;
  for (const formOf of [linkOfPath, blobOfPath]) {
    const counts: WalkCounts = { files: 0, bytes: 0, leftOut: 0, changed: 0 };
    for (const node of walkVolume(root, uid, counts)) {
      const path = node.path.toString('latin1');
      if (node.type !== 'file' || !path.startsWith(below)) continue;
      const name = path.slice(below.length);
      if (formOf(name) !== null) yield { path: name, data: node.data };
    }
  }
}

/** @throws bad-backup for what is not what its name says */
export async function placeImageFile(
  home: string,
  path: string,
  data: AsyncIterable<Buffer>,
): Promise<{ bytes: number }> {
  const file = join(registryFiles(home), below, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? refused('it holds something twice') : error;
  });
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    const isLink = linkOfPath(path) !== null;
    for await (const piece of data) {
      bytes += piece.length;
      if (isLink && bytes > linkBytes) throw refused('it does not hold what it should');
      if (isLink) pieces.push(piece);
      else hash.update(piece);
      await handle.writeFile(piece);
    }
    const isGood = isLink
      ? linkText.test(Buffer.concat(pieces).toString('latin1'))
      : hash.digest('hex') === blobOfPath(path);
    if (!isGood) throw refused(`a layer of the registry is damaged (${path})`);
  } finally {
    await handle.close();
  }
  return { bytes };
}

/** Images that would not come back whole: named by a repository, and not there. */
export function imagesWithoutFiles(home: string): string[] {
  const root = join(registryFiles(home), below);
  const missing: string[] = [];
  for (const path of existsSync(root) ? (readdirSync(root, { recursive: true }) as string[]) : []) {
    const link = linkOfPath(path);
    if (link?.image == null || existsSync(join(root, blobPath(link.image)))) continue;
    missing.push(`${link.repository}@sha256:${link.image}`);
  }
  return missing;
}

/** The deepest first: until then their new owner cannot touch what is in them. */
export async function giveImages(home: string, owner: Identity): Promise<void> {
  const root = registryFiles(home);
  if (!existsSync(root)) return;
  const paths = (readdirSync(root, { recursive: true }) as string[]).sort((one, other) => other.length - one.length);
  for (const path of paths) await lchown(join(root, path), owner.uid, owner.gid);
  await lchown(root, owner.uid, owner.gid);
}
