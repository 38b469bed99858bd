// Copies of the database beside it, each whole and synced before it has its name. `before-N.db` is the database at version
// N, made before a newer program migrated it; `kept-TIME.db` is made by control now and then while all is well, and is what a
// damaged database is replaced with. They hold what the database holds: they are closed to everybody else, as it is.
import { closeSync, fsyncSync, globSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';

/** How many of `kept-TIME.db` there are at most. */
export const keptCopies = 3;

const copiesFolder = (file: string): string => join(dirname(file), 'copies');

const named = (file: string, pattern: string): string[] =>
  globSync(pattern, { cwd: copiesFolder(file) })
    .sort()
    .map((name) => join(copiesFolder(file), name));

/** Copies a database of version `version`. @throws what SQLite and the disk throw; nothing half done stays */
export function copyBefore(database: DatabaseSync, file: string, version: number): void {
  const staged = begin(file, `before-${version}.db`);
  try {
    database.prepare('VACUUM INTO ?').run(staged);
    finish(staged);
  } finally {
    rmSync(staged, { force: true });
  }
}

/** The version that a migration made has held: its copies go, and those that a crash cut. */
export function dropCopiesBefore(file: string): void {
  for (const path of [...named(file, 'before-*.db'), ...named(file, '*.partial*')]) rmSync(path, { force: true });
}

/**
 * Copies the database as it is now, some pages at a time: others read and write meanwhile. Only a copy that passes SQLite's
 * own check takes the place of an older one; those beyond `keptCopies` go.
 * @returns where it is
 */
export async function keepCopy(database: DatabaseSync, file: string, at: Date): Promise<string> {
  const staged = begin(file, keptName(file, at));
  try {
    await backup(database, staged, { rate: 200 });
    const copy = new DatabaseSync(staged);
    const { quick_check: check } = copy.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    copy.close();
    if (check !== 'ok') throw new Error(`the database is damaged: ${check}`);
    const path = finish(staged);
    for (const old of named(file, 'kept-*.db').slice(0, -keptCopies)) rmSync(old, { force: true });
    return path;
  } finally {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${staged}${end}`, { force: true });
  }
}

/** Names sort in the order of making, also when the clock went back: the oldest are those that go. */
function keptName(file: string, at: Date): string {
  const name = (ms: number): string => `kept-${new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')}.db`;
  const last = named(file, 'kept-*.db').at(-1);
  const [, year, month, day, hour, minute, second] =
    /kept-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/.exec(last ?? '')?.map(Number) ?? [];
  if (year === undefined) return name(at.getTime());
  return name(Math.max(at.getTime(), Date.UTC(year, month! - 1, day!, hour!, minute!, second!) + 1000));
}

/** The one of them that was made last, else a copy from before a migration; null: there is none. */
export function newestCopy(file: string): string | null {
  return named(file, 'kept-*.db').at(-1) ?? named(file, 'before-*.db').at(-1) ?? null;
}

function begin(file: string, name: string): string {
  mkdirSync(copiesFolder(file), { recursive: true, mode: 0o700 });
  const staged = join(copiesFolder(file), `${name}.partial`);
  // Made here: a disk without inodes says so, where SQLite says only that it cannot open the file.
  writeFileSync(staged, '', { mode: 0o600 });
  return staged;
}

function finish(staged: string): string {
  const path = join(dirname(staged), basename(staged, '.partial'));
  sync(staged);
  renameSync(staged, path);
  sync(dirname(staged));
  return path;
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
