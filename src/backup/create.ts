// Makes a backup of a home, whether Lockstep runs on it or not. Whoever calls this can read the whole home: root on a server,
// else its owner. The database is copied first and the repositories are read after it, so that main is never older than what the
// database says; where main has moved meanwhile, the archive has it where the database says, and so is one moment. Volumes
// are read file by file while the apps run. The file has its name only when it is whole.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { ObjectId } from '../domain/ids.ts';
import { printable } from '../domain/names.ts';
import { registryIdentity } from '../domain/own-image.ts';
import { branchRef, type RefName } from '../git/argv.ts';
import { openGit } from '../git/git.ts';
import { packOf } from '../git/pack.ts';
import { usualCost, writeContainer } from './container.ts';
import { type EntryWriter, keptNames, refsBytes, writeEntries } from './entries.ts';
import { databaseFile, incompleteMark, keptFile, repositoryFolder, volumesFolder } from './kept.ts';
import { openNameless, plainCopyPath, removePlainCopy, sweepPlainCopies } from './plain-copy.ts';
import { imageFiles } from './registry-files.ts';
import { copyDatabase, type KeptApp, readSnapshot } from './snapshot.ts';
import { type WalkCounts, walkVolume } from './walk-volume.ts';

export type BackupAsked = {
  home: string;
  /** An absolute path; nothing may be there. */
  file: string;
  /** null: not encrypted. */
  passphrase: string | null;
  program: string;
  nowMs: number;
  isRoot: boolean;
  /** scrypt's; for tests. */
  cost?: number;
};

export type BackupMade = {
  apps: number;
  bytes: number;
  volumes: WalkCounts;
  /** Of the own registry. */
  images: { files: number; bytes: number };
  /** What a person should know, one line each. */
  notes: readonly string[];
};

/** @throws not-found (no home), forbidden, conflict (the file is there), bad-backup (the database), git-failed, disk-full */
export async function createBackup(asked: BackupAsked): Promise<BackupMade> {
  const { home, file } = asked;
  refuseHome(home);
  if (existsSync(file))
    throw fail('conflict', `${printable(file)} is there already`, {
      advice: 'Choose another name: nothing is overwritten.',
    });
  const staged = `${file}.${randomBytes(6).toString('hex')}.partial`;
  sweepPlainCopies(home);
  const copy = plainCopyPath(home, staged, asked.passphrase !== null);
  try {
    const output = await open(staged, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      throw fail('bad-request', `${printable(file)} cannot be written (${error.code})`, {
        advice: 'Choose another place.',
      });
    });
    try {
      await (await open(copy, 'wx', 0o600)).close();
      await copyDatabase(databaseFile(home), copy).catch((cause: unknown) => {
        throw diskFailure(cause, 'the backup could not be written') ?? damaged(home, cause);
      });
      const made = await write(
        asked,
        writeEntries(await writeContainer(output, asked.passphrase, asked.cost ?? usualCost)),
        copy,
      );
      await output.sync();
      const { size } = await output.stat();
      await rename(staged, file);
      await syncFolder(dirname(file));
      return { ...made, bytes: size };
    } finally {
      await output.close();
    }
  } catch (error) {
    throw diskFailure(error, 'the backup could not be written') ?? error;
  } finally {
    await rm(staged, { force: true });
    await removePlainCopy(copy);
  }
}

async function write(asked: BackupAsked, entries: EntryWriter, copy: string): Promise<Omit<BackupMade, 'bytes'>> {
  const { home, isRoot } = asked;
  const { schema, apps } = snapshotOf(home, copy);
  const notes: string[] = [];
  await entries.entry({
    kind: 'manifest',
    ...{ program: asked.program, schema, madeAtMs: Math.round(asked.nowMs), hasIdentities: isRoot },
  });
  await entries.entry({ kind: 'database' }, bytesOf(await openNameless(copy)));
  for (const name of keptNames) {
    const path = keptFile(home, name);
    if (existsSync(path)) await entries.entry({ kind: 'file', name }, [readFileSync(path)]);
    else notes.push(`there is no ${name}`);
  }
  for (const app of apps) await writeRepository(home, app, entries, notes);
  const volumes: WalkCounts = { files: 0, bytes: 0, leftOut: 0, changed: 0 };
  for (const app of apps) await writeVolumes(home, app, isRoot, entries, volumes);
  if (volumes.leftOut > 0)
    notes.push(`${volumes.leftOut} of the volumes’ entries were left out: not plain files, or not the app’s own`);
  if (volumes.changed > 0) notes.push(`${volumes.changed} files of volumes were written to while they were read`);
  const images = await writeImages(home, isRoot, entries);
  await entries.end();
  return { apps: apps.length, volumes, images, notes };
}

async function writeRepository(home: string, app: KeptApp, entries: EntryWriter, notes: string[]): Promise<void> {
  const path = repositoryFolder(home, app.id);
  if (!existsSync(path)) {
    if (app.live) throw fail('git-failed', `the repository of ${app.name} is not there (${path})`);
    return;
  }
  const refs = await openGit({ repositoryPath: path }).listRefs('refs/');
  pinMain(app, refs, notes);
  const lines = [...refs].map(([ref, id]) => `${id} ${ref}\n`).join('');
  if (lines.length > refsBytes) throw fail('too-large', `${app.name} has more refs than a backup takes (${refs.size})`);
  await entries.entry({ kind: 'refs', app: app.id }, [Buffer.from(lines)]);
  if (refs.size > 0) await entries.entry({ kind: 'pack', app: app.id }, packOf(path, [...new Set(refs.values())]));
}

/** Puts main where the database of the backup says that it is. */
export function pinMain(app: KeptApp, refs: Map<RefName, ObjectId>, notes: string[]): void {
  // Before an app's first landing the database knows no main: what the repository has there landed after the copy.
  const names = app.mainBranch === null ? ['main', 'master'] : [app.mainBranch];
  for (const main of names.map((name) => branchRef(name as NonNullable<KeptApp['mainBranch']>))) {
    const tip = refs.get(main) ?? null;
    const kept = app.live?.commit ?? null;
    // A restart after the restore goes forward with such a change, as after a crash.
    if (tip === kept || (tip !== null && app.passed.includes(tip))) continue;
    if (kept === null) refs.delete(main);
    else refs.set(main, kept);
    notes.push(
      `main of ${app.name} is kept at ${kept?.slice(0, 7) ?? 'nothing'}, what was live, and was at ${tip?.slice(0, 7) ?? 'nothing'} a moment later`,
    );
  }
}

async function writeVolumes(
  home: string,
  app: KeptApp,
  isRoot: boolean,
  entries: EntryWriter,
  counts: WalkCounts,
): Promise<void> {
  const folder = volumesFolder(home, app.id);
  if (!existsSync(folder)) return;
  for (const volume of readdirSync(folder).sort()) {
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(volume)) continue;
    for (const one of walkVolume(`${folder}/${volume}`, isRoot ? app.liveUid : null, counts)) {
      const at = { kind: 'node' as const, app: app.id, volume, path: one.path.toString('base64url') };
      if (one.type === 'directory') await entries.entry({ ...at, type: 'directory', mode: one.mode });
      else if (one.type === 'link') await entries.entry({ ...at, type: 'link' }, [one.target]);
      else await entries.entry({ ...at, type: 'file', mode: one.mode, mtimeMs: one.mtimeMs }, one.data);
    }
  }
}

/** As whoever runs the registry keeps them; layers that several images share are there once. */
async function writeImages(home: string, isRoot: boolean, entries: EntryWriter): Promise<BackupMade['images']> {
  const images = { files: 0, bytes: 0 };
  const uid = isRoot ? registryIdentity.uid : null;
  for (const { path, data } of imageFiles(home, uid)) {
    await entries.entry({ kind: 'image', path }, counted(data, images));
    images.files += 1;
  }
  return images;
}

function* counted(data: Iterable<Buffer>, sum: { bytes: number }): Generator<Buffer> {
  for (const piece of data) {
    sum.bytes += piece.length;
    yield piece;
  }
}

function snapshotOf(home: string, copy: string): ReturnType<typeof readSnapshot> {
  try {
    return readSnapshot(copy);
  } catch (cause) {
    throw isFailure(cause, 'bad-backup') ? damaged(home, cause) : cause;
  }
}

function damaged(home: string, cause: unknown) {
  return fail('bad-database', `the database of ${printable(home)} cannot be copied: ${(cause as Error).message}`, {
    advice: 'Older backups are untouched; lockstep up says what to do with a damaged database.',
    cause,
  });
}

/** @throws not-found, forbidden, conflict */
function refuseHome(home: string): void {
  if (existsSync(incompleteMark(home)))
    throw fail('conflict', `${printable(home)} is half restored`, {
      advice: 'Restore it first: empty it and begin again.',
    });
  try {
    readdirSync(`${home}/control`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES')
      throw fail('forbidden', `${printable(home)} belongs to another user`, {
        advice: 'Run it as that user, on a server as root.',
        cause,
      });
    throw fail('not-found', `${printable(home)} is no home of Lockstep`, { advice: 'Name it: --home DIR.', cause });
  }
  if (!existsSync(databaseFile(home)))
    throw fail('not-found', `there is no database in ${printable(home)}`, { advice: 'Name the home: --home DIR.' });
}

async function* bytesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of handle.createReadStream({ autoClose: false })) yield chunk as Buffer;
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
