// What an app may leave outside of its own folders: files in places that everybody may write, and shared memory, queues and
// semaphores of the kernel's. Known by the app's own uids, so only root removes them, when the app is destroyed. Its
// processes are ended by their control group and their mark; where there are no groups, by the uid as well. One installation
// as root owns these uids: two on one machine would take each other's for their own.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppRef } from '../domain/agent.ts';
import { run } from '../exec/exec.ts';
import { listProcesses } from './process/proc.ts';
import { removeTree } from './remove-tree.ts';

/** Folders where an identity can make files that is given none. */
const sharedPlaces = ['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue'] as const;

/** A kind of the kernel's IPC: its table in /proc/sysvipc, and the option by which ipcrm removes one. */
const ipcKinds = { shm: '-m', msg: '-q', sem: '-s' } as const;

const uidsOf = ({ liveUid, gateUid }: AppRef): Set<number> =>
  new Set([liveUid, gateUid].filter((uid): uid is number => uid !== null && process.getuid?.() === 0));

/** Nothing of the app may run any more. @param isGrouped every process of it was in a control group */
export async function removeLeavings(app: AppRef, { isGrouped }: { isGrouped: boolean }): Promise<void> {
  const uids = uidsOf(app);
  if (uids.size === 0) return;
  if (!isGrouped) await endProcesses(uids);
  for (const place of sharedPlaces) for (const path of entriesOf(place, uids)) await removeTree(path);
  for (const [kind, option] of Object.entries(ipcKinds)) {
    const ids = ipcIds(read(`/proc/sysvipc/${kind}`), uids);
    const words = ids.flatMap((id) => [option, String(id)]);
    if (words.length > 0) await run(['/usr/bin/ipcrm', ...words], { env: {}, timeoutMs: 10_000 });
  }
}

/** The entries of a shared place that belong to one of these; what lies deeper belongs to somebody else's folder. */
export function entriesOf(place: string, uids: ReadonlySet<number>): Buffer[] {
  return namesIn(place)
    .map((name) => within(place, name))
    .filter((path) => uids.has(ownerOf(path) ?? -1));
}

/**
 * What lies in the shared places, by its owner; what many ask for is looked at once. Everybody may put a million names there:
 * `step` is waited for at each.
 */
export async function entriesByOwner(
  step: () => Promise<void>,
  places: readonly string[] = sharedPlaces,
): Promise<Map<number, Buffer[]>> {
  const found = new Map<number, Buffer[]>();
  for (const place of places) {
    // Its type as text is wrong: with this encoding names are buffers.
    const entries = await opendir(place, { encoding: 'buffer' as 'utf8' }).catch(() => null);
    if (entries === null) continue; // not on this machine
    for await (const entry of entries) {
      await step();
      const path = within(place, entry.name as unknown as Buffer);
      const uid = ownerOf(path);
      if (uid === null) continue;
      const theirs = found.get(uid);
      if (theirs === undefined) found.set(uid, [path]);
      else theirs.push(path);
    }
  }
  return found;
}

/** Names as bytes: an app's need not be text. */
const within = (place: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${place}/`), name]);

/** null: it has gone, or may not be looked at (what a user has mounted there, not even by root). */
function ownerOf(path: Buffer): number | null {
  try {
    return lstatSync(path).uid;
  } catch {
    return null;
  }
}

/** Ids of the objects in a table of /proc/sysvipc that one of these owns or made. */
export function ipcIds(table: string, uids: ReadonlySet<number>): number[] {
  const [head = '', ...rows] = table.trimEnd().split('\n');
  const columns = head.trim().split(/\s+/);
  const at = ['uid', 'cuid'].map((name) => columns.indexOf(name));
  return rows.flatMap((row) => {
    const values = row.trim().split(/\s+/).map(Number);
    return at.some((column) => uids.has(values[column] ?? -1)) ? [values[1]!] : [];
  });
}

/** Kills until none is left; each has forked its last by then. */
async function endProcesses(uids: ReadonlySet<number>): Promise<void> {
  const left = () =>
    listProcesses().filter(({ pid }) => uids.has(lstatSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? -1));
  for (let waitMs = 5; ; waitMs = Math.min(500, waitMs * 2)) {
    const pids = left().map(({ pid }) => pid);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has gone meanwhile.
      }
    }
    await pause(waitMs);
  }
}

function namesIn(folder: string): Buffer[] {
  try {
    return readdirSync(folder, { encoding: 'buffer' });
  } catch {
    return []; // not on this machine
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // a kernel without it
  }
}
