// The repairs, by what was found. Each brings about the one right answer and is safe to be made twice; what has none is not
// here. An app's repairs are made together under its turn: files first, then one restart for all that needs one.
import { planAgain } from '../../build/build.ts';
import { openGitTree } from '../../build/git-tree.ts';
import { makeLayer } from '../../build/make-layer.ts';
import type { App } from '../../domain/app.ts';
import type { ProblemCode } from '../../domain/doctor.ts';
import { fail } from '../../domain/errors.ts';
import { isThere } from '../../store/apps.ts';
import { wasDestroyed } from '../../store/events.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { startRestart } from '../config-release.ts';
import { takeTurn } from '../turn.ts';
import { eventOf, mainlineOf, refOf, type World } from '../world.ts';
import { factsOf } from './app-facts.ts';
import type { Found } from './found.ts';

type Attempt = (what: readonly Found[], work: () => Promise<unknown>) => Promise<void>;
type Repair = (world: World, app: App) => Promise<unknown>;

/** What is done to an app under its turn, in this order; `restarts`: its instances are replaced afterwards. */
const repairs: readonly { codes: readonly ProblemCode[]; repair: Repair | null; restarts: boolean }[] = [
  { codes: ['repository-unguarded'], repair: (world, app) => world.reopenRepository(app), restarts: false },
  { codes: ['main-gone', 'main-moved'], repair: restoreMain, restarts: false },
  { codes: ['folder-open'], repair: (world, app) => world.agent.mendFolders(refOf(app)), restarts: false },
  {
    codes: ['served-files-changed', 'served-files-missing', 'served-files-open'],
    repair: writeFilesAnew,
    restarts: true,
  },
  { codes: ['layer-changed', 'layer-missing'], repair: installAnew, restarts: true },
  { codes: ['gate-layer-changed'], repair: giveUpGateLayer, restarts: false },
  { codes: ['not-wanted'], repair: (world, app) => world.desired.publish(app), restarts: false },
  { codes: ['route-missing', 'route-wrong'], repair: (world) => world.agent.routeAgain(), restarts: false },
  { codes: ['process-gone', 'process-swapped', 'wrong-identity'], repair: null, restarts: true },
];

const turnLimitMs = 60_000;
const installLimitMs = 15 * 60_000;
const restartLimitMs = 5 * 60_000;

/** Those that were mended; a repair that fails leaves its problem, and the log says why. */
export async function mend(world: World, list: readonly Found[], actor: string): Promise<Found[]> {
  const mended: Found[] = [];
  const tries = async (what: readonly Found[], work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      const codes = what.map(({ problem }) => problem.code).join(', ');
      world.log({ level: 'warn', message: `doctor: ${codes} could not be mended: ${(error as Error).message}` });
      return false;
    }
  };
  const attempt: Attempt = async (what, work) => {
    if (!(await tries(what, work))) return;
    for (const one of what) note(world, one, actor);
    mended.push(...what);
  };
  const fixable = list.filter(({ problem }) => problem.isFixable);
  for (const one of fixable) {
    const { leftOver, orphan } = one;
    if (leftOver) await attempt([one], () => world.agent.removeLeftOvers([leftOver]));
    else if (orphan) await attempt([one], () => removeOrphan(world, orphan));
  }
  const byApp = Map.groupBy(
    fixable.filter(({ app, leftOver, orphan }) => app && !leftOver && !orphan),
    ({ app }) => app!.id,
  );
  for (const ofApp of byApp.values()) {
    const app = ofApp[0]!.app!;
    const restarting: Found[] = [];
    await tries(ofApp, async () => {
      using _turn = await takeTurn(world, app, turnLimitMs);
      for (const { codes, repair, restarts } of repairs) {
        const theirs = ofApp.filter(({ problem }) => codes.includes(problem.code));
        if (theirs.length === 0) continue;
        if (!restarts) await attempt(theirs, () => repair!(world, app));
        // What a restart completes is noted when that is done.
        else if (repair === null || (await tries(theirs, () => repair(world, app)))) restarting.push(...theirs);
      }
    });
    if (restarting.length > 0) await attempt(restarting, () => restartToItsEnd(world, app, actor));
  }
  return mended;
}

/** main goes back to what is live: the last commit that a verdict let through. What it was moved to stays in its log. */
async function restoreMain(world: World, app: App): Promise<void> {
  const { live, main, mayRestoreMain } = await factsOf(world, app);
  if (live === null || main?.commit === live.commit) return;
  const mainline = mainlineOf(app, await world.repositoryOf(app));
  if (!mayRestoreMain || (await mainline.advance(main?.commit ?? null, live.commit)) === 'moved')
    throw fail('conflict', 'main has moved meanwhile');
}

async function treeOf(world: World, app: App) {
  const { live } = await factsOf(world, app);
  if (live === null) throw fail('no-release', 'nothing is live');
  const { git } = await world.repositoryOf(app);
  return { ...(await openGitTree(git, world.blobs, live.treeId, world.signal)), id: live.treeId };
}

async function writeFilesAnew(world: World, app: App): Promise<void> {
  const tree = await treeOf(world, app);
  await world.agent.replaceTree(refOf(app), tree.id, tree.files());
}

/** The same key gives the same layer; its place stays, since an installation knows where it lies. */
async function installAnew(world: World, app: App): Promise<void> {
  const { artifact } = await factsOf(world, app);
  if (artifact === null) throw fail('no-release', 'nothing is live');
  const hello = await world.hello();
  const { layers } = await planAgain({ app: refOf(app), tree: await treeOf(world, app), hello }, artifact);
  const signal = AbortSignal.any([world.signal, AbortSignal.timeout(installLimitMs)]);
  for (const layer of layers) {
    await world.agent.distrustLayer(refOf(app), layer.key);
    await makeLayer(world.agent, layer, () => {}, signal);
  }
}

async function giveUpGateLayer(world: World, app: App): Promise<void> {
  const { artifact } = await factsOf(world, app);
  const keys = [artifact?.gateLayerKey, ...Object.values(artifact?.plan.partLayers ?? {})];
  for (const key of keys) if (key) await world.agent.distrustLayer(refOf(app), key);
}

async function restartToItsEnd(world: World, app: App, actor: string): Promise<void> {
  const { id } = await startRestart(world, app, actor);
  const signal = AbortSignal.any([world.signal, AbortSignal.timeout(restartLimitMs)]);
  for await (const step of world.progress.follow(id, signal) ?? []) {
    if (!('end' in step)) continue;
    if (!step.end.ok) throw fail('unhealthy', step.end.reason ?? 'the new instances did not become healthy');
    return;
  }
  throw fail('timed-out', 'the restart took too long');
}

/**
 * What the agent has of it can be made again from the repository. The repository goes only with an app that was destroyed: of
 * one that the store merely does not know (an older database was brought back) it may be all that is left.
 */
async function removeOrphan(world: World, id: App['id']): Promise<void> {
  if (isThere(world.database, id)) throw fail('conflict', `${id} is an app again`);
  await world.agent.deleteApp({ id, liveUid: null, gateUid: null, gid: null }, { volumes: false });
  if (wasDestroyed(world.database, id)) await world.forget(id);
}

function note(world: World, { problem, app }: Found, actor: string): void {
  if (app === null) return;
  const about = { teamId: app.teamId, appId: app.id, actor };
  inTransaction(world.database, () =>
    appendEvent(world.database, eventOf(about, 'doctor.fixed', { code: problem.code, what: problem.what })),
  );
  world.announce();
}
