// What serves and is not on the agent's machine is sent again: after a restore the home has repositories and no releases, and a
// folder may have been removed behind our back. The agent says what lacks; the tree comes from the repository, the layer is
// made from the artifact's own recipe, the image of its tree. It is the live release only: a candidate brings its files with it.
import { planAgain } from '../build/build.ts';
import { openGitTree } from '../build/git-tree.ts';
import { makeLayer } from '../build/make-layer.ts';
import type { App } from '../domain/app.ts';
import type { AppId } from '../domain/ids.ts';
import type { ArtifactPart, ObservedInstance } from '../domain/observed.ts';
import { Semaphore } from '../lib/semaphore.ts';
import type { Runnable } from '../release/compose.ts';
import { everyApp, isThere } from '../store/apps.ts';
import { supplyImage } from './supply-image.ts';
import { refOf, type World } from './world.ts';

/** Apps that are supplied at once. */
const atOnce = 2;

export class Supply {
  readonly #world: World;
  readonly #running = new Set<AppId>();
  readonly #places = new Semaphore(atOnce);

  constructor(world: World) {
    this.#world = world;
  }

  /** Hears of instances; returns at once. What failed is tried again when the agent says again that it lacks. */
  hear(instances: readonly ObservedInstance[]): void {
    const apps = new Set(instances.filter((one) => one.lacks?.length).map((one) => one.appId));
    for (const id of apps) {
      if (this.#running.has(id)) continue;
      this.#running.add(id);
      void this.#supply(id)
        .catch((error: Error) => {
          if (!this.#world.signal.aborted)
            this.#world.log({
              level: 'error',
              message: `what is live of ${id} cannot be sent again: ${error.message}`,
            });
        })
        .finally(() => this.#running.delete(id));
    }
  }

  async #supply(id: AppId): Promise<void> {
    const world = this.#world;
    // After a restore everything lacks at once.
    using _place = await this.#places.take(world.signal);
    // A change that is on its way may be about to replace what lacks.
    using _turn = await world.lockOf(id).take(world.signal);
    const app = everyApp(world.database).find((one) => one.id === id);
    const live = app && world.desired.liveRunnable(app);
    if (!app || !live) return;
    const lacks = new Set(world.observations.ofSet(live.release.setId).flatMap((one) => one.lacks ?? []));
    if (lacks.size === 0) return;
    await sendAgain(world, app, live, lacks);
    world.log({ level: 'warn', message: `sent again to the agent: ${[...lacks].join(' and ')} of ${app.name}` });
  }
}

/** Sends the tree, and makes the layer or the image, of what is live. @throws no-interpreter, install-failed, agent-away, … */
async function sendAgain(world: World, app: App, live: Runnable, lacks: ReadonlySet<ArtifactPart>): Promise<void> {
  const { artifact } = live;
  const { git } = await world.repositoryOf(app);
  if (!isThere(world.database, app.id)) return await world.forget(app.id);
  const opened = await openGitTree(git, world.blobs, artifact.treeId, world.signal);
  const tree = { ...opened, id: artifact.treeId };
  if (!(await world.agent.hasTree(refOf(app), tree.id)))
    await world.agent.putTree(refOf(app), tree.id, null, tree.files());
  if (lacks.has('image')) await supplyImage(world, app, live, tree);
  if (!lacks.has('layer')) return;
  const { layers, notes } = await planAgain({ app: refOf(app), tree, hello: await world.hello() }, artifact);
  for (const note of notes) world.log({ level: 'warn', message: `${app.name}: ${note}` });
  for (const layer of layers) await makeLayer(world.agent, layer, () => {}, world.signal);
}
