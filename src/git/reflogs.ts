// What git notes of each move of a ref, bounded: the log of a main that lands for years, or of a branch that is pushed over and over,
// would grow for ever, be read whole, and keep every commit that it names. Nobody may be at work on the repository.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { atomicWrite } from '../lib/atomic-write.ts';

/** Of each ref, newest first; a line is about 200 bytes. */
const mostMoves = 10_000;
/** A log that cannot hold more than that is not even read. */
const fewestLineBytes = 100;

/** @returns how many moves were forgotten */
export async function trimReflogs(repositoryPath: string, keep = mostMoves): Promise<number> {
  let forgotten = 0;
  const folder = join(repositoryPath, 'logs');
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile() || entry.name.endsWith('.lock')) continue;
    const file = join(entry.parentPath, entry.name);
    const { size, mode } = await stat(file);
    if (size <= keep * fewestLineBytes) continue;
    const newest: string[] = [];
    let count = 0;
    for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) {
      count += 1;
      newest.push(line);
      if (newest.length >= 2 * keep) newest.splice(0, newest.length - keep);
    }
    if (count <= keep) continue;
    const text = newest.slice(-keep).map((line) => `${line}\n`);
    await atomicWrite(file, Buffer.from(text.join(''), 'latin1'), mode & 0o777);
    forgotten += count - keep;
  }
  return forgotten;
}
