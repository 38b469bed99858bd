// A durable replacement of one file: a reader after any crash sees the old content whole or the new content whole.
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes `content` to `file` by temporary file, fsync, rename, fsync of the folder. */
export async function atomicWrite(file: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
