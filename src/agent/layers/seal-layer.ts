// Takes a finished layer out of the hands of the identity that made it: everything root's, no write bit, and a digest over
// what it holds. From the top down: a folder is taken and closed before it is read, so that nothing in it can be exchanged
// for a link on the way. Thousands of tiny files: synchronous calls cost a tenth of queued ones, so they are made in short
// turns that let the agent do its other work in between.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import { fail } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';

const turnMs = 4;
const chunk = Buffer.alloc(256 * 1024);

/** @param gid the app's group, which may read it; null: shared, the owner stays. */
export function sealLayer(layer: string, gid: number | null): Promise<Digest> {
  return walk(layer, { gid }).then(({ digest }) => digest);
}

/** The digest of what a sealed layer holds now; changes nothing. */
export function readSealed(layer: string): Promise<{ digest: Digest; files: number }> {
  return walk(layer, null);
}

/** @param seal null: only look */
async function walk(layer: string, seal: { gid: number | null } | null): Promise<{ digest: Digest; files: number }> {
  const isRoot = process.getuid?.() === 0;
  const lines: string[] = [];
  let files = 0;
  const waiting = [''];
  let turn = performance.now();
  const breathe = async (): Promise<void> => {
    if (performance.now() - turn < turnMs) return;
    await otherWork();
    turn = performance.now();
  };
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    await breathe();
    const at = join(layer, path);
    if (isRoot && seal !== null) lchownSync(at, 0, seal.gid ?? 0);
    const entry = lstatSync(at);
    const name = JSON.stringify(path);
    if (entry.isSymbolicLink()) lines.push(`l ${name} ${JSON.stringify(readlinkSync(at))}`);
    else if (entry.isDirectory()) {
      // Without root the owner is the app itself: a folder that it cannot write, nobody could remove.
      if (seal !== null) chmodSync(at, isRoot ? 0o550 : 0o750);
      lines.push(`d ${name}`);
      for (const child of readdirSync(at)) waiting.push(join(path, child));
    } else if (entry.isFile()) {
      // A sealed one that was opened since shows by its mode.
      const mode = seal === null ? entry.mode & 0o7777 : (entry.mode & 0o111) === 0 ? 0o440 : 0o550;
      if (seal !== null) chmodSync(at, mode);
      files += 1;
      lines.push(`f ${name} ${mode} ${entry.size} ${await contentHash(at, breathe)}`);
    } else
      throw fail('install-failed', `An installation left ${name}, which is neither file nor folder nor link.`, {
        advice: 'Take the package that makes it out of the requirements.',
      });
  }
  const digest = `sha256:${createHash('sha256').update(lines.sort().join('\n')).digest('hex')}` as Digest;
  return { digest, files };
}

async function contentHash(path: string, breathe: () => Promise<void>): Promise<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const digest = createHash('sha256');
    for (;;) {
      // No other work between read and update: the chunk is shared.
      const got = readSync(fd, chunk);
      if (got === 0) return digest.digest('hex');
      digest.update(chunk.subarray(0, got));
      await breathe();
    }
  } finally {
    closeSync(fd);
  }
}
