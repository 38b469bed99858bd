// Makes and removes apps: the row, its repository, and everything that it left on the server.
import { rm } from 'node:fs/promises';
import type { App, Principal } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import { type AppName, type BranchName, parseHostname } from '../domain/names.ts';
import { deleteApp, insertApp } from '../store/apps.ts';
import { inTransaction } from '../store/open.ts';
import { appendEvent } from '../store/transition.ts';
import { eventOf, newId, nowMs, refOf, type World } from './world.ts';

/** @throws name-taken, bad-ref */
export async function createApp(
  world: World,
  principal: Principal,
  wanted: { name: AppName; mainBranch: BranchName | null },
  base: string,
): Promise<App> {
  // It is written into git's configuration, which has a quoting of its own.
  if (wanted.mainBranch && !/^[A-Za-z0-9._/+=@-]+$/.test(wanted.mainBranch)) {
    throw fail('bad-ref', `"${wanted.mainBranch}" cannot be a main branch`, {
      advice: 'Use letters, digits and . _ / + = @ -',
    });
  }
  const app = insertApp(world.database, principal, {
    id: newId('app'),
    name: wanted.name,
    mainBranch: wanted.mainBranch,
    hosts: [parseHostname(`${wanted.name}.${base}`)],
    createdAtMs: Math.round(nowMs()),
  });
  if (!app) throw fail('name-taken', `the name ${wanted.name} is taken`, { advice: 'Choose another name.' });
  inTransaction(world.database, () =>
    appendEvent(
      world.database,
      eventOf({ teamId: app.teamId, appId: app.id, actor: principal.name }, 'app.created', { name: app.name }),
    ),
  );
  await world.repositoryOf(app);
  world.announce();
  // Without the agent the app is there all the same; its route ("nothing is live yet") comes with the next document.
  await world.desired.publish(app).catch((error: Error) => world.log({ level: 'warn', message: error.message }));
  return app;
}

/** Stops everything of the app and removes it; volumes only when asked. */
export async function destroyApp(
  world: World,
  principal: Principal,
  app: App,
  options: { volumes: boolean },
  repositoryPath: string,
): Promise<void> {
  using _turn = await world.lockOf(app.id).take(AbortSignal.any([world.signal, AbortSignal.timeout(60_000)]));
  inTransaction(world.database, () =>
    appendEvent(
      world.database,
      eventOf({ teamId: app.teamId, appId: app.id, actor: principal.name }, 'app.destroyed', { name: app.name }),
    ),
  );
  deleteApp(world.database, principal, app.id);
  world.announce();
  await world.desired.forget(app.id).catch((error: Error) => world.log({ level: 'warn', message: error.message }));
  await rm(repositoryPath, { recursive: true, force: true });
  const isGone = () => (world.observations.ofApp(app.id).length === 0 ? true : null);
  // Instances are drained and stopped first; what is left on disk then goes.
  const work = world.observations
    .waitFor(isGone, AbortSignal.any([world.signal, AbortSignal.timeout(120_000)]))
    .then(() => world.agent.deleteApp(refOf(app), options));
  void work.catch((error: Error) =>
    world.log({ level: 'error', message: `files of ${app.id} are left: ${error.message}` }),
  );
}
