// The database in the clear, for as long as a backup reads it. That of an encrypted backup never lies where the backup goes (a
// disk that leaves the house), but in the home, which holds the same in the clear anyway; readable by who makes the backup alone, and
// without a name as soon as it is complete. One that a killed backup left has its maker's pid in its name, and is swept.
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { databaseFile } from './kept.ts';

const named = /^plain-copy-(\d+)-[0-9a-f]{12}(?:-journal|-wal|-shm)?$/;

/** @param staged where the backup itself grows */
export function plainCopyPath(home: string, staged: string, isEncrypted: boolean): string {
  const name = `plain-copy-${process.pid}-${randomBytes(6).toString('hex')}`;
  return isEncrypted ? join(dirname(databaseFile(home)), name) : `${staged}-db`;
}

export async function removePlainCopy(copy: string): Promise<void> {
  for (const path of [copy, `${copy}-journal`, `${copy}-wal`, `${copy}-shm`]) await rm(path, { force: true });
}

/** Opens it for reading and takes its name away: nothing is left of it when the process ends, however it ends. */
export async function openNameless(copy: string): Promise<FileHandle> {
  const handle = await open(copy, 'r');
  await removePlainCopy(copy);
  return handle;
}

/** Removes what killed backups left in a home. Needs the right to remove there, and nothing else. @returns what was removed */
export function sweepPlainCopies(home: string): string[] {
  const folder = dirname(databaseFile(home));
  const left = readdirSync(folder).filter((name) => {
    const pid = named.exec(name)?.[1];
    return pid !== undefined && !lives(Number(pid));
  });
  for (const name of left) rmSync(join(folder, name), { force: true });
  return left;
}

/** Another's process that may not be signalled lives, too. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
