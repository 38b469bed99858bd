// How much room the file system of a folder has, and the reserve that is kept in it: a file of real blocks, and some empty
// ones for their inodes, which are given back when room runs out, so that whoever frees room (and the database, which must
// write before it can delete) has some to work with. Whether room is short is a fact of the disk, not of a process: the
// reserve is gone and there is not yet room for it and half as much again. Everybody who asks comes to the same answer.
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Inodes are null where the file system has no fixed number of them. */
export type Room = {
  totalBytes: number;
  availableBytes: number;
  totalInodes: number | null;
  availableInodes: number | null;
};

const mebibyte = 1024 ** 2;
/** A fiftieth of the disk, 128 MiB at most. */
const share = 50;
const largestBytes = 128 * mebibyte;
const smallestBytes = mebibyte / 4;
const reserveFiles = 32;

export function readRoom(folder: string): Room {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(folder);
  const hasInodes = files > 0;
  return {
    totalBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    totalInodes: hasInodes ? files : null,
    availableInodes: hasInodes ? ffree : null,
  };
}

/** How large the reserve is on such a disk. */
export const reserveBytes = (room: Room): number =>
  Math.min(largestBytes, Math.max(smallestBytes, Math.floor(room.totalBytes / share)));

/** Nearly nothing is left: the time to give the reserve back. */
export function isNearlyFull(room: Room): boolean {
  const inodes = room.availableInodes;
  return room.availableBytes < reserveBytes(room) / 8 || (inodes !== null && inodes < reserveFiles / 4);
}

/** There is room for the reserve, and for half as much beside it. */
export function isRoomy(room: Room): boolean {
  const inodes = room.availableInodes;
  return room.availableBytes >= 1.5 * reserveBytes(room) && (inodes === null || inodes >= 2 * reserveFiles);
}

const blocksOf = (home: string): string => join(reserveFolder(home), 'blocks');
const reserveFolder = (home: string): string => join(home, 'agent', 'reserve');

export const hasReserve = (home: string): boolean => existsSync(blocksOf(home));

/** Short of room: nothing large is begun. */
export function isShort(home: string): boolean {
  return !hasReserve(home) && !isRoomy(readRoom(home));
}

/**
 * Makes the reserve. `allocate` gives a new file so many real blocks, or throws, which leaves none.
 * @returns false when there is no room for it
 */
export async function makeReserve(
  home: string,
  allocate: (file: string, bytes: number) => Promise<void>,
): Promise<boolean> {
  const folder = reserveFolder(home);
  try {
    // Passable: whoever looks whether it is there need not be its owner.
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    for (let at = 0; at < reserveFiles; at += 1) writeFileSync(join(folder, `inode-${at}`), '', { mode: 0o600 });
    await allocate(blocksOf(home), reserveBytes(readRoom(home)));
    return true;
  } catch {
    releaseReserve(home);
    return false;
  }
}

/** Gives it back. Removing needs no room. */
export function releaseReserve(home: string): void {
  rmSync(blocksOf(home), { force: true });
  rmSync(reserveFolder(home), { recursive: true, force: true });
}
