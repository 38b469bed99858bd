// What a landing leaves to do when nobody waits any more: old releases' files and layers go, and the repository is packed.
import type { App } from '../domain/app.ts';
import { maintain } from '../git/repository.ts';
import { worthKeeping } from '../store/releases.ts';
import { refOf, type World } from './world.ts';

/** Releases whose files stay on the server, ready for a rollback. */
export const keptReleases = 10;
const landingsPerPack = 25;
const landingsPerCollection = 5;
const landings = new WeakMap<World, Map<App['id'], number>>();

/** Runs in the background, under the app's lock; a failure is logged and tried again at the next landing. */
export function tidyUp(world: World, app: App): void {
  const counts = landings.get(world) ?? new Map<App['id'], number>();
  landings.set(world, counts);
  const count = (counts.get(app.id) ?? 0) + 1;
  counts.set(app.id, count);
  const work = async (): Promise<void> => {
    if (count % landingsPerCollection !== 0) return;
    // What the next change has placed and not yet started must not be taken for left over.
    using _turn = await world.lockOf(app.id).take(world.signal);
    if (count % landingsPerPack === 0) await maintain(await world.repositoryOf(app));
    await world.agent.collect(refOf(app), worthKeeping(world.database, app.id, keptReleases));
  };
  void work().catch((error: Error) =>
    world.log({ level: 'warn', message: `housekeeping of ${app.id}: ${error.message}` }),
  );
}
