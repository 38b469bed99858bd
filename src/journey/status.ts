// Is what is on main what is live? Asked of everybody who knows: main (through its seam), the store, the agent and the
// router. IN SYNC is said only when all of them agree.
import type { App } from '../domain/app.ts';
import type { ObservedInstance } from '../domain/desired.ts';
import type { CommitId, Digest, TreeId } from '../domain/ids.ts';
import { runningChanges } from '../store/changes.ts';
import { liveRelease, startingReleases } from '../store/releases.ts';
import { mainlineOf, type World } from './world.ts';

export type SyncStatus = {
  state: 'IN SYNC' | 'DRIFTED' | 'DEPLOYING' | 'EMPTY';
  why: string;
  main: { commit: CommitId; tree: TreeId } | null;
  release: { version: number | null; artifact: Digest; commit: CommitId; tree: TreeId } | null;
  instances: readonly ObservedInstance[];
  router: { release: string | null };
};

export async function statusOf(world: World, app: App, triesLeft = 3): Promise<SyncStatus> {
  const live = liveRelease(world.database, app.id);
  const [main, fresh] = await Promise.all([
    mainOf(world, app),
    world.agent.alive().then(
      (alive) => ({ alive, problem: null }),
      (error: Error) => ({ alive: null, problem: error.message }),
    ),
  ]);
  // A release that went live between the questions: they are asked again, of one moment.
  if (triesLeft > 0 && liveRelease(world.database, app.id)?.id !== live?.id) return statusOf(world, app, triesLeft - 1);
  const instances = world.observations.ofApp(app.id);
  // The router has acknowledged a snapshot made from this document or a later one: then it serves the live set.
  const isRouted =
    fresh.alive !== null &&
    live !== null &&
    world.desired.isTaken &&
    fresh.alive.desiredVersion >= world.desired.version;
  const facts = {
    main,
    release: live && {
      version: live.version,
      artifact: live.artifactDigest,
      commit: live.commit,
      tree: live.treeId,
    },
    instances,
    router: { release: isRouted ? `v${live.version}` : null },
  };
  const say = (state: SyncStatus['state'], why: string): SyncStatus => ({ state, why, ...facts });

  const running = runningChanges(world.database).find((change) => change.appId === app.id);
  if (running) return say('DEPLOYING', `change #${running.number} is ${running.state}`);
  if (startingReleases(world.database).some((one) => one.appId === app.id))
    return say('DEPLOYING', 'a release is starting');
  if (live === null) {
    return main === null
      ? say('EMPTY', 'nothing was pushed yet')
      : say('DRIFTED', 'main has a commit and nothing is live');
  }
  if (main === null) return say('DRIFTED', 'a release is live and main is gone');
  if (main.commit !== live.commit || main.tree !== live.treeId)
    return say('DRIFTED', `main is ${main.commit.slice(0, 7)}, live is ${live.commit.slice(0, 7)}`);
  if (fresh.problem !== null) return say('DRIFTED', fresh.problem);
  if (!isRouted) return say('DRIFTED', 'the router has not taken the last routes yet');
  const web = instances.filter((one) => one.setId === live.setId && one.type === 'web');
  const healthy = web.filter((one) => one.state === 'healthy');
  if (healthy.length === 0) {
    const one = web[0];
    return say(
      'DRIFTED',
      one ? `the web instance is ${one.state}${one.reason ? `: ${one.reason}` : ''}` : 'no instance runs',
    );
  }
  return say('IN SYNC', `v${live.version} is live and is main (${live.commit.slice(0, 7)})`);
}

async function mainOf(world: World, app: App): Promise<SyncStatus['main']> {
  if (app.mainBranch === null) return null;
  const repository = await world.repositoryOf(app);
  const commit = await mainlineOf(app, repository).tip();
  const tree = commit && (await repository.git.treeOf(commit));
  return commit && tree ? { commit, tree } : null;
}
