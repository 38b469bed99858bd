// An app's bare repository: its configuration, its hooks and its permit, all written by us and put right again each time it
// is opened. What main may become is not decided here: the hooks hand that to control and refuse everything else.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';
import type { BranchName } from '../domain/names.ts';
import { run } from '../exec/exec.ts';
import { atomicWrite } from '../lib/atomic-write.ts';
import { branchRef } from './argv.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, openGit } from './git.ts';
import { removeLeftOvers } from './left-overs.ts';
import { trimReflogs } from './reflogs.ts';

export const hookNames = ['pre-receive', 'proc-receive', 'reference-transaction'] as const;
const defaultMaxInputBytes = 512 * 1024 * 1024;
export const permitFile = 'lockstep-permit';
/** What no git has touched for so long, none will finish. */
const abandonedMs = 60_000;
const hooksSource = new URL('../receive/hooks/', import.meta.url);

/** `git` asks questions and cannot move main; `privileged` can. */
export type Repository = { path: string; git: Git; privileged: Git };

/** The whole `config` file of a repository. Pushes to all branches are judged by control, which moves what it accepts. */
export function repositoryConfig(maxInputBytes = defaultMaxInputBytes): string {
  return `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	fsync = all
	logAllRefUpdates = true
[receive]
	fsckObjects = true
	maxInputSize = ${maxInputBytes}
	advertisePushOptions = true
	procReceiveRefs = refs/heads
	procReceiveRefs = refs/for
	autogc = false
[receive "fsck"]
	badTimezone = warn
	missingSpaceBeforeDate = warn
	zeroPaddedFilemode = warn
[transfer]
	hideRefs = refs/lockstep
[uploadpack]
	allowFilter = true
[gc]
	auto = 0
	reflogExpire = never
	reflogExpireUnreachable = never
[http]
	getanyfile = false
`;
}

/**
 * Opens the repository at `path`, making it when it is not there.
 * @throws git-failed, disk-full
 */
export async function openRepository(
  path: string,
  options: { maxInputBytes?: number; mainBranch?: BranchName | null } = {},
): Promise<Repository> {
  if ((await readOrNull(join(path, 'HEAD'))) === null) {
    const made = await run(['git', 'init', '--bare', '--quiet', '--initial-branch=main', '--template=', '--', path], {
      env: gitEnvironment(),
      timeoutMs: 60_000,
    });
    if (made.code !== 0) throw fail('git-failed', `git init: ${made.stderr.trim().slice(0, 500)}`);
  }
  await removeLeftOvers(path, abandonedMs, 'locks');
  await mkdir(join(path, 'hooks'), { recursive: true });
  for (const name of hookNames) {
    await writeIfOther(join(path, 'hooks', name), await hookText(name), 0o755);
  }
  // Of an earlier version: what is said of a push, control says while it judges it.
  await rm(join(path, 'hooks', 'post-receive'), { force: true });
  await writeIfOther(join(path, 'config'), repositoryConfig(options.maxInputBytes), 0o644);
  const permit = await takePermit(path);
  if (options.mainBranch) await untilUnlocked(join(path, branchRef(options.mainBranch)));
  const repository = {
    path,
    git: openGit({ repositoryPath: path }),
    privileged: openGit({ repositoryPath: path, permit }),
  };
  const head = options.mainBranch ? branchRef(options.mainBranch) : null;
  if (head && (await readOrNull(join(path, 'HEAD')))?.trim() !== `ref: ${head}`)
    await repository.privileged.setHead(head);
  return repository;
}

/**
 * The permit is this process's own, so that of an earlier one is worth nothing from here on: a git that its control started
 * and that outlived it (it was frozen, or slow) is refused by the guard. A disk without room leaves the earlier permit.
 */
async function takePermit(path: string): Promise<string> {
  const file = join(path, permitFile);
  const found = (await readOrNull(file))?.trim();
  if (found === ownPermit) return ownPermit;
  try {
    await atomicWrite(file, `${ownPermit}\n`, 0o600);
    return ownPermit;
  } catch (error) {
    if (!found || diskFailure(error) === null) throw error;
    return found;
  }
}

const ownPermit = randomBytes(32).toString('hex');

/** A git that had passed the guard before holds the branch until it is done: what main is can be said afterwards. */
async function untilUnlocked(ref: string): Promise<void> {
  const limit = performance.now() + lockWaitMs;
  while (existsSync(`${ref}.lock`) && performance.now() < limit) await sleep(5);
}

/** A lock that is older was left by a git that is dead. */
const lockWaitMs = 2000;

/** What one of our hooks says. */
export function hookText(name: (typeof hookNames)[number]): Promise<string> {
  return readFile(new URL(name, hooksSource), 'utf8');
}

/** So many packs are made one. */
const mostPacks = 20;

/**
 * Packs and prunes, and forgets the oldest moves of refs; needs the permit, since pruning a loose ref that was packed looks like its deletion to the guard. With
 * `expire` "now" nobody else may be at work on the repository: objects of a push are unreachable until main has moved.
 */
export async function maintain(repository: Repository, expire?: string): Promise<void> {
  await removeLeftOvers(repository.path, expire === 'now' ? 0 : abandonedMs, expire === 'now' ? 'all' : 'locks');
  if (expire === 'now') await trimReflogs(repository.path);
  const packs = (await readdir(join(repository.path, 'objects', 'pack'))).filter((name) => name.endsWith('.pack'));
  await repository.privileged.maintain(expire, packs.length < mostPacks && expire === 'now');
}

/** Drops what needs no room to be dropped; the same holds. */
export async function pruneNow(repository: Repository): Promise<void> {
  await removeLeftOvers(repository.path, 0);
  await repository.git.prune('now');
}

async function writeIfOther(file: string, content: string, mode: number): Promise<void> {
  if ((await readOrNull(file)) !== content) await atomicWrite(file, content, mode);
  await chmod(file, mode);
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
