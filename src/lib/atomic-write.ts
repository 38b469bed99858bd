// A durable replacement of one file: a reader after any crash sees the old content whole or the new content whole.
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { enter, isArmed, leave } from './seam.ts';

/** Writes `content` to `file` by temporary file, fsync, rename, fsync of the folder. */
export async function atomicWrite(file: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const at = isArmed ? enter('atomicWrite') : null;
  const temporary = `${file}.tmp-${process.pid}`;
  await writeWhole(temporary, content, mode);
  if (isArmed) leave(at, 'half');
  await rename(temporary, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  if (isArmed) leave(at);
}

/** What could not be written whole leaves nothing. */
async function writeWhole(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(file, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true }).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}
