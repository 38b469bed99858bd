// Writes one file of a tree into its copies. Most files are small: such a one is written with plain calls, a few
// tens of microseconds each, since handing each of them to a thread costs more than the call. Whoever writes many of them
// gives the agent's other work a turn now and then. Nothing is on the disk before `syncAll` has said so.
import { closeSync, constants, fchmodSync, fchownSync, fsync, openSync, writeSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';
import type { DecodedFile } from './tree-stream.ts';

export type FileCopy = { at: Buffer; uid: number; gid: number; mode: number };

const smallBytes = 256 * 1024;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const mostSyncs = 16;
const isRoot = (): boolean => process.getuid?.() === 0;

/** Puts these files and directories on the disk, a bounded number at once. All of them are written by then: the first sync
 * commits what the file system's journal holds of all, and the others find little left to do. */
export async function syncAll(paths: readonly Buffer[]): Promise<void> {
  const queue = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of queue) {
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        await promisify(fsync)(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }
  };
  await Promise.all(Array.from({ length: mostSyncs }, worker));
}

/** It is read as a whole and written with `writeSmall`; a larger one with `writeLarge`. */
export const isSmall = (file: DecodedFile): boolean => file.size <= smallBytes;

/** Files are made, never replaced. */
export function writeSmall(content: Buffer, copies: readonly FileCopy[]): void {
  for (const copy of copies) {
    const descriptor = openSync(copy.at, createFlags, 0o600);
    try {
      for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
      if (isRoot()) fchownSync(descriptor, copy.uid, copy.gid);
      fchmodSync(descriptor, copy.mode);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Chunk by chunk. The hash is fed with what is written. */
export async function writeLarge(
  file: DecodedFile,
  copies: readonly FileCopy[],
  hash: { update(chunk: Uint8Array): void },
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const handles: fs.FileHandle[] = [];
  for (const copy of copies) handles.push(opened.use(await fs.open(copy.at, createFlags, 0o600)));
  for await (const chunk of file.content) {
    hash.update(chunk);
    await Promise.all(handles.map((handle) => handle.writeFile(chunk)));
  }
  for (const [index, copy] of copies.entries()) {
    const handle = handles[index]!;
    if (isRoot()) await handle.chown(copy.uid, copy.gid);
    await handle.chmod(copy.mode);
  }
}

export async function collect(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}
