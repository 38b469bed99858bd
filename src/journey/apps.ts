// Makes and removes apps: the row, its repository, and everything that it left on the server.
import { setTimeout as sleep } from 'node:timers/promises';
import type { App, Principal } from '../domain/app.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { ImageReference } from '../domain/image-reference.ts';
import { type AppName, type BranchName, parseHostname } from '../domain/names.ts';
import { deleteApp, insertApp } from '../store/apps.ts';
import { inTransaction } from '../store/open.ts';
import { keepImagesRemoval } from '../store/own-images.ts';
import { endRemoval, keepRemoval, listRemovals, type Removal } from '../store/removals.ts';
import { appendEvent } from '../store/transition.ts';
import { follow } from './images/follow.ts';
import { takeTurn } from './turn.ts';
import { eventOf, newId, nowMs, refOf, type World } from './world.ts';

/** @throws name-taken, bad-ref */
export async function createApp(
  world: World,
  principal: Principal,
  wanted: { name: AppName; mainBranch: BranchName | null; image?: ImageReference | null },
  base: string,
): Promise<App> {
  // It is written into git's configuration, which has a quoting of its own.
  if (wanted.mainBranch && !/^[A-Za-z0-9._/+=@-]+$/.test(wanted.mainBranch)) {
    throw fail('bad-ref', `"${wanted.mainBranch}" cannot be a main branch`, {
      advice: 'Use letters, digits and . _ / + = @ -',
    });
  }
  const id = newId('app');
  // Nobody destroys it before it is whole.
  using _turn = await world.lockOf(id).take(world.signal);
  const app = insertApp(world.database, principal, {
    id,
    name: wanted.name,
    mainBranch: wanted.mainBranch,
    hosts: [parseHostname(`${wanted.name}.${base}`)],
    createdAtMs: Math.round(nowMs()),
  });
  if (!app) throw fail('name-taken', `the name ${wanted.name} is taken`, { advice: 'Choose another name.' });
  try {
    await world.repositoryOf(app);
  } catch (error) {
    deleteApp(world.database, principal, app.id);
    throw error;
  }
  const by = { teamId: app.teamId, appId: app.id, actor: principal.name };
  inTransaction(world.database, () => {
    appendEvent(world.database, eventOf(by, 'app.created', { name: app.name }));
    if (wanted.image) follow(world, app, wanted.image, principal.name);
  });
  world.announce();
  // Without the agent the app is there all the same; its route ("nothing is live yet") comes with the next document.
  await world.desired.publish(app).catch((error: Error) => world.log({ level: 'warn', message: error.message }));
  return app;
}

const turnLimitMs = 60_000;
const longestPauseMs = 1000;

/**
 * Stops everything of the app and removes it; volumes only when asked. What is on disk goes once its instances have ended.
 * @throws conflict when another change of the app takes too long
 */
export async function destroyApp(
  world: World,
  principal: Principal,
  app: App,
  options: { volumes: boolean },
): Promise<void> {
  using _turn = await takeTurn(world, app, turnLimitMs);
  inTransaction(world.database, () => {
    appendEvent(
      world.database,
      eventOf({ teamId: app.teamId, appId: app.id, actor: principal.name }, 'app.destroyed', { name: app.name }),
    );
    keepImagesRemoval(world.database, app.name);
    keepRemoval(world.database, { ref: refOf(app), volumes: options.volumes });
    deleteApp(world.database, principal, app.id);
  });
  world.announce();
  await world.desired.forget(app.id).catch((error: Error) => world.log({ level: 'warn', message: error.message }));
  removeLeftOvers(world, app.id);
  world.imagesGone();
}

/** Files of destroyed apps, also of those that an earlier control had not come to: in the background, until they are gone. */
export function removeLeftOvers(world: World, only: App['id'] | null = null): void {
  for (const removal of listRemovals(world.database)) {
    if (only !== null && removal.ref.id !== only) continue;
    void remove(world, removal).catch((error: Error) =>
      world.log({
        level: 'warn',
        message: `files of ${removal.ref.id} are left until the next start: ${error.message}`,
      }),
    );
  }
}

async function remove(world: World, { ref, volumes }: Removal): Promise<void> {
  await world.forget(ref.id);
  for (let pauseMs = 10; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    await world.desired.publishUntilDone(null, world.signal);
    // Instances are drained and stopped first; what is left on disk then goes.
    const { observations } = world;
    const isGone = () => (observations.isConnected && observations.ofApp(ref.id).length === 0 ? true : null);
    await observations.waitFor(isGone, AbortSignal.any([world.signal, AbortSignal.timeout(120_000)]));
    try {
      await world.agent.deleteApp(ref, { volumes });
      return endRemoval(world.database, ref.id);
    } catch (error) {
      // It died in the midst of it, or has its instances again for a moment: the next one is asked, who removes what is left.
      if (!isFailure(error, 'agent-away', 'conflict')) throw error;
      await sleep(pauseMs, undefined, { signal: world.signal });
    }
  }
}
