// A durable replacement of one file: a reader after any crash sees the old content whole or the new content whole.
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { enter, isArmed, leave } from './seam.ts';

/** Writes `content` to `file` by temporary file, fsync, rename, fsync of the folder. */
export async function atomicWrite(file: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const at = isArmed ? enter('atomicWrite') : null;
  const temporary = `${file}.tmp-${process.pid}`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
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
