// What a git that was ended in the middle leaves in a repository: objects that were still arriving, packs that were being
// written, and locks, of which one on a branch would refuse every push for ever. Nobody may be at work on what is removed:
// the caller says how old a thing must be to be nobody's; what is older than the machine's start is nobody's in any case.
import { readdir, rm, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';

const inObjects = /^(?:tmp_objdir-|incoming-|tmp_obj_)/;
const inPacks = /^(?:\.tmp-|tmp_)/;

/**
 * What was there before this process began was left by the gits of a dead one: nobody waits for objects that were arriving at
 * them. (Locks are left to whoever opens the repository: a git that outlived its control may be about to let go of one.)
 */
export async function removeQuarantines(repositories: string): Promise<void> {
  for (const name of await namesIn(repositories))
    await removeLeftOvers(join(repositories, name), performance.now(), 'arrivals');
}

/** After the start, in milliseconds. */
const laterLooksMs = [2000, 10_000, 25_000];
const quarantine = /^(?:tmp_objdir|incoming)-/;

/**
 * The git of a push outlives its control for a moment. On a busy machine it makes its folder only then, when the next control has looked, and leaves
 * it there: a git that is ended by a signal (here: nobody reads it) removes none. So this is looked for again, a few times.
 * @param whenIdle does the work when no push of this process is under way at the repository
 */
export function removeLateQuarantines(
  repositories: string,
  whenIdle: (repository: string, work: () => Promise<void>) => void,
  looksMs: readonly number[] = laterLooksMs,
): void {
  const quarantinesIn = async (objects: string): Promise<string[]> =>
    (await namesIn(objects)).filter((name) => quarantine.test(name)).map((name) => join(objects, name));
  const look = async (): Promise<void> => {
    for (const name of await namesIn(repositories)) {
      const objects = join(repositories, name, 'objects');
      if ((await quarantinesIn(objects)).length === 0) continue;
      whenIdle(name, async () => {
        for (const path of await quarantinesIn(objects)) await rm(path, { recursive: true, force: true });
      });
    }
  };
  for (const ms of looksMs) setTimeout(() => void look(), ms).unref();
}

/**
 * A lock is held for a moment, and says by its age that it is nobody's. What arrives does not: the folder of a push that is still
 * being sent is as old as its beginning. So `arrivals` go only where no push can be under way that began before.
 * @returns the paths that were removed
 */
export async function removeLeftOvers(
  repositoryPath: string,
  olderThanMs: number,
  what: 'all' | 'arrivals' | 'locks' = 'all',
): Promise<string[]> {
  const objects = join(repositoryPath, 'objects');
  // One moment for all: a removal may take long, and what began meanwhile is not older for that.
  const nowMs = Date.now();
  const bootedAtMs = nowMs - uptime() * 1000;
  const found: string[] = [];
  if (what !== 'locks') {
    for (const name of await namesIn(objects)) if (inObjects.test(name)) found.push(join(objects, name));
    for (const name of await namesIn(join(objects, 'pack')))
      if (inPacks.test(name)) found.push(join(objects, 'pack', name));
  }
  if (what !== 'arrivals')
    found.push(...(await locksBelow(repositoryPath, false)), ...(await locksBelow(join(repositoryPath, 'refs'), true)));
  const removed: string[] = [];
  for (const path of found) {
    const changedAtMs = (await stat(path).catch(() => null))?.mtimeMs;
    if (changedAtMs === undefined) continue;
    if (changedAtMs >= bootedAtMs && nowMs - changedAtMs < olderThanMs) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(path);
  }
  return removed;
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function locksBelow(folder: string, recursive: boolean): Promise<string[]> {
  const names = await readdir(folder, { recursive }).catch(() => []);
  return names.filter((name) => name.endsWith('.lock')).map((name) => join(folder, name));
}
