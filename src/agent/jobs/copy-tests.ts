// What of the commit a job in an image gets, of what an image often leaves out: its tests, as copies of files of a tree that is on this machine, in the
// job's own folder, which its container reads; or the tree itself, to be read. The tree is root's and has no link that leads anywhere (`tree/link-check.ts`); what is no plain file there
// is refused all the same.
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { parseObjectId } from '../../domain/ids.ts';
import type { InImage, JobSpec } from '../../domain/job.ts';
import type { HomeFolders } from '../folders.ts';
import type { JobPlaces } from './job-folder.ts';

const mostFiles = 5000;

/** `{job}/tests` */
export const testsIn = (places: JobPlaces): string => join(places.files, 'tests');

/** @throws bad-request, not-found (no such tree, or not that file in it) */
export async function copyTests(
  { appId }: Pick<JobSpec, 'appId'>,
  { treeId, files }: NonNullable<InImage['tests']>,
  folders: Pick<HomeFolders, 'tree'>,
  places: JobPlaces,
): Promise<void> {
  if (parseObjectId(String(treeId)) === null || files.length > mostFiles || !files.every(isBelow))
    throw fail('bad-request', 'These are no files of a tree.');
  const tree = folders.tree(appId, treeId);
  const target = testsIn(places);
  await mkdir(target, { mode: 0o755 });
  const made = new Set([target]);
  for (const file of files) {
    const to = join(target, file);
    const folder = dirname(to);
    if (!made.has(folder)) await mkdir(folder, { recursive: true, mode: 0o755 });
    made.add(folder);
    await copyPlain(join(tree, file), to).catch((cause: unknown) => {
      throw fail('not-found', 'A test of the commit is not on this machine.', {
        advice: 'Send the tree, then the job.',
        cause,
      });
    });
  }
}

/** The folder of a tree that is on this machine. @throws bad-request, not-found */
export async function treeToRead(
  { appId }: Pick<JobSpec, 'appId'>,
  treeId: NonNullable<InImage['sources']>,
  folders: Pick<HomeFolders, 'tree'>,
): Promise<string> {
  if (parseObjectId(String(treeId)) === null) throw fail('bad-request', 'That is not the id of a tree.');
  const tree = folders.tree(appId, treeId);
  const found = await lstat(tree).catch(() => null);
  if (found?.isDirectory()) return tree;
  throw fail('not-found', 'The tree of the job is not on this machine.', { advice: 'Send the tree, then the job.' });
}

async function copyPlain(from: string, to: string): Promise<void> {
  const { mode } = await lstat(from);
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new Error('no plain file');
  await copyFile(from, to, constants.COPYFILE_EXCL);
  await chmod(to, mode & 0o100 ? 0o755 : 0o644);
}

const isBelow = (path: string): boolean =>
  typeof path === 'string' &&
  !path.startsWith('/') &&
  !path.includes('\0') &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
