// The last snapshot on disk: `sha256:<hex>` on the first line, then the JSON. The generation before it is kept beside it,
// and is what the router boots from when the current one is damaged. It refuses to treat damage as "no routes".
import { createHash } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { diskFailure } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';
import type { RouteSnapshot } from '../domain/route.ts';
import { atomicWrite } from '../lib/atomic-write.ts';
import { parseSnapshot, snapshotText } from './snapshot-parse.ts';

/** `source` none: a first start, neither file exists. `problem`: what was wrong with the current file, for the log. */
export type LoadedSnapshot = {
  snapshot: RouteSnapshot | null;
  source: 'current' | 'previous' | 'none';
  problem: string | null;
};

/** Where the generation before the current one is. */
export const previousOf = (file: string): string => `${file}.previous`;

/**
 * Replaces the snapshot durably; a valid current one becomes the previous one, a damaged one never does.
 * @param isCurrentGood true when the caller itself wrote or read the current file whole; else it is read again here
 * @throws disk-full, disk-failed: the routes stay as they are until it can be written
 */
export async function saveSnapshot(file: string, snapshot: RouteSnapshot, isCurrentGood = false): Promise<void> {
  try {
    if (isCurrentGood || (await read(file)).snapshot !== null) {
      const temporary = `${previousOf(file)}.tmp-${process.pid}`;
      await rm(temporary, { force: true });
      await link(file, temporary).then(() => rename(temporary, previousOf(file)), passWhenGone);
    }
    const json = snapshotText(snapshot, '');
    await atomicWrite(file, `sha256:${sha256(json)}\n${json}\n`);
  } catch (error) {
    throw diskFailure(error, 'The route snapshot could not be written') ?? error;
  }
}

/**
 * The current snapshot, or the previous one with the reason.
 * @throws home-unreachable when a snapshot was there and none can be read
 */
export async function loadSnapshot(file: string): Promise<LoadedSnapshot> {
  const current = await read(file);
  if (current.snapshot !== null) return { snapshot: current.snapshot, source: 'current', problem: null };
  const previous = await read(previousOf(file));
  if (previous.snapshot !== null) return { snapshot: previous.snapshot, source: 'previous', problem: current.problem };
  if (current.absent && previous.absent) return { snapshot: null, source: 'none', problem: null };
  throw fail(
    'home-unreachable',
    `No route snapshot can be read: ${current.problem}; the one before it: ${previous.problem}`,
    {
      advice: 'The agent sends a new one as soon as it is connected; until then every request is answered with 503.',
    },
  );
}

async function read(file: string): Promise<{ snapshot: RouteSnapshot | null; absent: boolean; problem: string }> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { snapshot: null, absent, problem: absent ? `${file} is not there` : (error as Error).message };
  }
  try {
    const end = content.indexOf('\n');
    const json = content.slice(end + 1, -1);
    if (content.slice(0, end) !== `sha256:${sha256(json)}`) throw new Error('its checksum does not match');
    return { snapshot: parseSnapshot(JSON.parse(json)), absent: false, problem: '' };
  } catch (error) {
    return { snapshot: null, absent: false, problem: `${file}: ${(error as Error).message}` };
  }
}

function passWhenGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
