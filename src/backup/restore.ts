// Puts a backup onto an empty home. What the archive says is not trusted: kinds, names and paths come from closed lists, every
// folder that something is put into was made here, no link is followed, every object of a repository is checked. On any
// failure the home is empty again; a home that a power cut left half restored is marked, and nothing starts on it.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { lchown, open } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../agent/remove-tree.ts';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail, isFailure } from '../domain/errors.ts';
import { type AppId, type ObjectId, parseObjectId } from '../domain/ids.ts';
import { printable } from '../domain/names.ts';
import { registryIdentity } from '../domain/own-image.ts';
import { run } from '../exec/exec.ts';
import type { RefName } from '../git/argv.ts';
import { makeRefs, takePack } from '../git/pack.ts';
import { openRepository } from '../git/repository.ts';
import type { Identity } from '../lib/identity.ts';
import { readContainer, refused } from './container.ts';
import { type Entry, type EntryHead, readEntries, refsBytes, wholeOf } from './entries.ts';
import { databaseFile, incompleteMark, keptFile, repositoryFolder } from './kept.ts';
import { giveImages, placeImageFile } from './registry-files.ts';
import { type KeptApp, readSnapshot } from './snapshot.ts';
import { VolumePlacer } from './volume-placer.ts';

export type RestoreAsked = {
  /** Empty, or not there yet. */
  home: string;
  file: string;
  passphrase: string | null;
  isRoot: boolean;
  /** Who control is on this machine; null: whoever runs this. */
  control: Identity | null;
};

export type Restored = {
  program: string;
  madeAtMs: number;
  apps: readonly KeptApp[];
  files: number;
  /** Of what was written from the archive. */
  bytes: number;
};

/** @throws conflict (the home is not empty), not-found (the file), bad-backup, git-failed, disk-full */
export async function restoreBackup(asked: RestoreAsked): Promise<Restored> {
  const { home } = asked;
  const file = await open(asked.file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw fail('not-found', `${printable(asked.file)} cannot be read (${cause.code})`, {
      advice: 'Check the path.',
      cause,
    });
  });
  try {
    if (!(await file.stat()).isFile()) throw fail('not-found', `${printable(asked.file)} is no file`);
    const wasThere = claimHome(home);
    try {
      const restored = await place(asked, readEntries(readContainer(file, asked.passphrase)));
      const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
      await run(['sync', '-f', home], { env, timeoutMs: 600_000, okCodes: [0] });
      rmSync(incompleteMark(home));
      return restored;
    } catch (error) {
      for (const name of readdirSync(home)) await removeTree(join(home, name));
      if (!wasThere) rmSync(home, { recursive: true, force: true });
      throw diskFailure(error, 'the backup could not be restored') ?? error;
    }
  } finally {
    await file.close();
  }
}

/** True when the folder was there. @throws conflict */
function claimHome(home: string): boolean {
  const wasThere = existsSync(home);
  mkdirSync(home, { recursive: true, mode: 0o711 });
  // Whatever the mask of who restores: apps have users of their own, and pass through.
  if (!wasThere) chmodSync(home, 0o711);
  if (readdirSync(home).length > 0)
    throw fail('conflict', `${printable(home)} is not empty: a backup is restored onto an empty home only`, {
      advice: 'Choose another with --home, or move away what is there.',
    });
  writeFileSync(
    incompleteMark(home),
    'A restore has not come to its end here. Empty this folder, and restore again.\n',
  );
  return wasThere;
}

async function place(asked: RestoreAsked, entries: AsyncGenerator<Entry>): Promise<Restored> {
  const { home, control } = asked;
  // Closed and ours until all is in its place: nobody else reaches what is being written.
  for (const name of ['control', 'control/repos', 'agent', 'apps']) mkdirSync(join(home, name), { mode: 0o700 });
  const counted = { files: 0, bytes: 0 };
  const manifest = await mustBe(entries, 'manifest');
  const database = await mustBe(entries, 'database');
  await placeFile(databaseFile(home), database.data, counted);
  const { schema, apps } = readSnapshot(databaseFile(home));
  if (schema !== manifest.head.schema) throw refused('it does not hold what it should');
  const known = new Map<string, KeptApp>(apps.map((app) => [app.id, app]));
  const refs = new Map<AppId, Map<RefName, ObjectId>>();
  const volumes = new VolumePlacer(home, asked.isRoot, counted);
  for await (const { head, data } of entries) {
    if (head.kind === 'file') await placeFile(keptFile(home, head.name), data, counted);
    else if (head.kind === 'refs') await placeRefs(asked, mustKnow(known, head), data, refs);
    else if (head.kind === 'pack') await placePack(asked, mustKnow(known, head), data, refs);
    else if (head.kind === 'image') {
      counted.bytes += (await placeImageFile(home, head.path, data)).bytes;
      counted.files += 1;
    } else if (head.kind === 'node') await volumes.place(mustKnow(known, head), head, data);
    else throw refused('it does not hold what it should');
  }
  if (refs.size > 0) throw refused('a repository is not whole');
  const lacking = apps.find((app) => app.live && !existsSync(repositoryFolder(home, app.id)));
  if (lacking) throw refused(`the repository of ${lacking.name} is not in it`);
  volumes.finish();
  if (control) await give(join(home, 'control'), control);
  if (asked.isRoot) await giveImages(home, registryIdentity);
  const { program, madeAtMs } = manifest.head;
  return { program, madeAtMs, apps, ...counted };
}

type Head<K extends EntryHead['kind']> = Extract<EntryHead, { kind: K }>;

async function mustBe<K extends EntryHead['kind']>(
  entries: AsyncGenerator<Entry>,
  kind: K,
): Promise<{ head: Head<K>; data: AsyncIterable<Buffer> }> {
  const { value } = await entries.next();
  if (value?.head.kind !== kind) throw refused('it does not hold what it should');
  return value as { head: Head<K>; data: AsyncIterable<Buffer> };
}

function mustKnow(known: ReadonlyMap<string, KeptApp>, { app }: { app: string }): KeptApp {
  const found = known.get(app);
  if (!found) throw refused('it holds files of an app that its database does not know');
  return found;
}

/** A new file, for its owner only. */
async function placeFile(
  path: string,
  data: AsyncIterable<Buffer>,
  counted: { files: number; bytes: number },
): Promise<void> {
  const handle = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? refused('it holds something twice') : error;
  });
  try {
    for await (const piece of data) {
      await handle.writeFile(piece);
      counted.bytes += piece.length;
    }
    await handle.sync();
    counted.files += 1;
  } finally {
    await handle.close();
  }
}

/** An empty repository; refs wait for their objects. */
async function placeRefs(
  { home }: RestoreAsked,
  app: KeptApp,
  data: AsyncIterable<Buffer>,
  refs: Map<AppId, Map<RefName, ObjectId>>,
): Promise<void> {
  const path = repositoryFolder(home, app.id);
  if (existsSync(path)) throw refused('it holds something twice');
  const lines = (await wholeOf(data, refsBytes))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  const read = new Map(
    lines.map((line) => [
      line.slice(line.indexOf(' ') + 1) as RefName,
      parseObjectId(line.slice(0, line.indexOf(' '))),
    ]),
  );
  const isGood = ([ref, id]: [RefName, ObjectId | null]): boolean => id !== null && /^refs\/[^\0\n ]+$/.test(ref);
  if (read.size !== lines.length || ![...read].every(isGood)) throw refused('it holds a ref that is none');
  await openRepository(path, { mainBranch: app.mainBranch });
  if (read.size > 0) refs.set(app.id, read as Map<RefName, ObjectId>);
}

async function placePack(
  { home }: RestoreAsked,
  app: KeptApp,
  data: AsyncIterable<Buffer>,
  refs: Map<AppId, Map<RefName, ObjectId>>,
): Promise<void> {
  const wanted = refs.get(app.id);
  if (!wanted) throw refused('it does not hold what it should');
  refs.delete(app.id);
  const path = repositoryFolder(home, app.id);
  try {
    await takePack(path, data);
    const { privileged } = await openRepository(path, { mainBranch: app.mainBranch });
    await makeRefs(path, privileged.env, wanted);
  } catch (error) {
    if (!isFailure(error, 'git-failed')) throw error;
    throw refused(`the repository of ${app.name} is damaged (${error.message})`);
  }
}

/** A folder of ours with all that is in it, the folder last: until then its new owner cannot touch what is in it. */
async function give(path: string, owner: Identity): Promise<void> {
  for (const one of readdirSync(path, { recursive: true, withFileTypes: true }))
    await lchown(join(one.parentPath, one.name), owner.uid, owner.gid);
  await lchown(path, owner.uid, owner.gid);
}
