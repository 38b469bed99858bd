// Volumes of the process runtime: `tree/<path>` becomes a link of root's to the app's volume, before the instance starts.
// A placeholder directory that git kept alive (.gitkeep) is replaced; one with files of its own is not: they would
// vanish from the app's sight, so the start fails and says why. Idempotent; starts of one tree link one after the other.
import { randomBytes } from 'node:crypto';
import { chmod, lchown, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { AppRef } from '../../domain/agent.ts';
import { fail } from '../../domain/errors.ts';
import type { HomeFolders } from '../folders.ts';
import { takeVolume } from './volume-owner.ts';

const placeholders = new Set(['.gitkeep', '.gitignore', '.keep']);

const turns = new Map<string, Promise<unknown>>();

/** Makes the app's volumes and links them into a release directory; name -> where the volume is. @throws bad-config */
export async function linkVolumes(
  folders: HomeFolders,
  app: AppRef,
  tree: string,
  volumes: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const before = turns.get(tree) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(() => linkAll(folders, app, tree, volumes));
  turns.set(tree, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(tree) === mine) turns.delete(tree);
  }
}

async function linkAll(
  folders: HomeFolders,
  app: AppRef,
  tree: string,
  volumes: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  for (const [name, path] of Object.entries(volumes)) {
    const clean = placeOfVolume(name, path);
    const volume = folders.volume(app.id, name);
    await makeVolume(volume, app);
    await takeVolume(volume, app);
    await linkOne(tree, clean, volume, name);
    made[name] = volume;
  }
  return made;
}

/** Its path within the app, in one form. @throws bad-config */
export function placeOfVolume(name: string, path: string): string {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) throw refused(name, path, 'that is no name for a volume');
  const clean = normalize(path).replace(/\/+$/, '');
  if (clean === '' || clean === '.' || clean.startsWith('/') || clean.split('/').includes('..'))
    throw refused(name, path, 'the path is not within the app');
  return clean;
}

export async function makeVolume(volume: string, app: AppRef): Promise<void> {
  const made = await mkdir(volume, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  await chmod(volume, 0o700);
  if (process.getuid?.() === 0 && app.liveUid !== null) await lchown(volume, app.liveUid, app.gid ?? app.liveUid);
}

async function linkOne(tree: string, path: string, volume: string, name: string): Promise<void> {
  const at = join(tree, path);
  // Each folder on the way is the tree's own: a link there would lead out of it.
  let folder = tree;
  for (const part of dirname(path)
    .split('/')
    .filter((one) => one !== '.')) {
    folder = join(folder, part);
    await mkdir(folder, { mode: 0o750 }).then(() => like(tree, folder), ignoreExisting);
    if (!(await lstat(folder)).isDirectory()) throw refused(name, path, `${part} is not a directory in the tree`);
  }
  const there = await lstat(at).catch(() => null);
  if (there?.isSymbolicLink() && (await readlink(at)) === volume) return;
  if (there !== null && !there.isDirectory()) throw refused(name, path, 'the tree has a file of that name');
  if (there !== null) {
    const own = (await readdir(at)).filter((one) => !placeholders.has(one));
    if (own.length > 0) throw refused(name, path, `the tree has files there (${own.slice(0, 3).join(', ')})`);
    await rm(at, { recursive: true, force: true });
  }
  const temporary = `${at}.volume-${randomBytes(6).toString('hex')}`;
  await symlink(volume, temporary);
  await rename(temporary, at);
}

/** A folder that we add belongs to whom the tree belongs to. */
async function like(tree: string, folder: string): Promise<void> {
  const { uid, gid } = await lstat(tree);
  if (process.getuid?.() === 0) await lchown(folder, uid, gid);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

function refused(name: string, path: string, why: string) {
  return fail('bad-config', `The volume "${name}" cannot be at ${JSON.stringify(path)}: ${why}.`, {
    advice: 'Choose another path in lockstep.yml, or remove what the repository has there.',
  });
}
