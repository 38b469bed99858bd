// What a change leaves to do, landed or not, when nobody waits any more: old releases' files and layers go, and the repository is packed.
import type { App } from '../domain/app.ts';
import { maintain } from '../git/repository.ts';
import { isThere } from '../store/apps.ts';
import { worthKeeping } from '../store/releases.ts';
import { refOf, type World } from './world.ts';

/** Releases whose files stay on the server, ready for a rollback. */
export const keptReleases = 10;
const changesPerPack = 25;
const changesPerCollection = 5;
const changes = new WeakMap<World, Map<App['id'], number>>();

/** Runs in the background, under the app's lock; a failure is logged and tried again at a later change. */
export function tidyUp(world: World, app: App): void {
  const counts = changes.get(world) ?? new Map<App['id'], number>();
  changes.set(world, counts);
  const count = (counts.get(app.id) ?? 0) + 1;
  counts.set(app.id, count);
  const work = async (): Promise<void> => {
    if (count % changesPerCollection !== 0) return;
    // What the next change has placed and not yet started must not be taken for left over.
    using _turn = await world.lockOf(app.id).take(world.signal);
    if (!isThere(world.database, app.id)) return;
    if (count % changesPerPack === 0) await maintain(await world.repositoryOf(app));
    await world.agent.collect(refOf(app), worthKeeping(world.database, app.id, keptReleases));
  };
  void work().catch((error: Error) =>
    world.log({ level: 'warn', message: `housekeeping of ${app.id}: ${error.message}` }),
  );
}
