// What a change leaves to do, landed or not, when nobody waits any more: old releases' files and layers go, and the repository
// is packed and rid of what no ref holds (the objects of rejected pushes among it).
import type { App } from '../domain/app.ts';
import { maintain } from '../git/repository.ts';
import { isThere } from '../store/apps.ts';
import { docsWorthKeeping, worthKeeping } from '../store/releases.ts';
import { trimReports } from '../store/reports.ts';
import { dropOld } from '../store/retention.ts';
import { refOf, type World } from './world.ts';

/** Releases whose files stay on the server, ready for a rollback. */
export const keptReleases = 10;
const changesPerPack = 25;
const changesPerCollection = 5;
/** Changes since a thing was last done. */
type Since = { collection: number; pack: number };
const since = new WeakMap<World, Map<App['id'], Since>>();

/** Runs in the background, under the app's lock; a failure is logged and tried again at a later change. */
export function tidyUp(world: World, app: App): void {
  const counts = since.get(world) ?? new Map<App['id'], Since>();
  since.set(world, counts);
  const count = counts.get(app.id) ?? { collection: 0, pack: 0 };
  counts.set(app.id, count);
  count.collection += 1;
  count.pack += 1;
  const warn = (error: Error): void =>
    world.log({ level: 'warn', message: `housekeeping of ${app.id}: ${error.message}` });
  if (count.collection >= changesPerCollection) {
    count.collection = 0;
    void collectApp(world, app).catch(warn);
  }
  if (count.pack >= changesPerPack) {
    world.usesOf(app.id).whenIdle(async () => {
      const isDone = await aloneWith(world, app, async () => maintain(await world.repositoryOf(app), 'now')).catch(
        warn,
      );
      if (isDone) count.pack = 0;
      dropOldRows(world);
    });
  }
}

/** Every so many changes, every hour, and when the disk is short of room. What cannot be written now goes another time. */
export function dropOldRows(world: Pick<World, 'database' | 'rowLimits' | 'log'>): void {
  try {
    dropOld(world.database, world.rowLimits);
  } catch (error) {
    world.log({ level: 'warn', message: `old rows stay: ${(error as Error).message}` });
  }
}

/** What the next change has placed and not yet started must not be taken for left over: under the app's lock. */
export async function collectApp(world: World, app: App): Promise<void> {
  using _turn = await world.lockOf(app.id).take(world.signal);
  if (!isThere(world.database, app.id)) return;
  await world.agent.collect(refOf(app), worthKeeping(world.database, app.id, keptReleases));
  await collectShelf(world, app);
}

/** Documentation and reports that no record names any more go, and the oldest reports beyond what an app may keep. */
export async function collectShelf(world: World, app: Pick<App, 'id'>): Promise<{ bytesFreed: number }> {
  const docs = docsWorthKeeping(world.database, app.id, keptReleases);
  return world.shelf.collect(app.id, new Set([...docs, ...trimReports(world.database, app.id)]));
}

/** Works under the app's lock when that is free. False: it is not, or the app is gone; another time then. */
export async function aloneWith(world: World, app: App, work: () => Promise<void>): Promise<boolean> {
  const lock = world.lockOf(app.id);
  if (lock.isBusy || !isThere(world.database, app.id)) return false;
  using _turn = await lock.take(world.signal);
  await work();
  return true;
}
