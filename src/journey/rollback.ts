// Back to an earlier release. Main gets a revert commit whose tree is that release's, so main and live stay equal; its tree
// has passed before, so nothing is checked again. Back to the tree that main has already, only the config changes.
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import { carryOut } from '../journey.ts';
import { configOf } from '../store/app-config.ts';
import { isThere } from '../store/apps.ts';
import { liveRelease, releaseOfVersion } from '../store/releases.ts';
import { isSameConfig, startConfigChange } from './config-release.ts';
import { receiveChange } from './receive-change.ts';
import { RunningChange } from './running-change.ts';
import { mainlineOf, nowMs, type World } from './world.ts';

export type RollbackAsked = { version: number | null; withConfig: boolean; actor: string };
export type RollbackStarted =
  | { kind: 'change'; id: ReturnType<typeof receiveChange>['id'] }
  | { kind: 'release'; id: Release['id'] };

/** @throws no-release, not-found, conflict */
export async function startRollback(world: World, app: App, asked: RollbackAsked): Promise<RollbackStarted> {
  const requestedAtMs = nowMs();
  const live = liveRelease(world.database, app.id);
  if (!live) throw fail('no-release', `${app.name} has no release yet`, { advice: 'Push main first.' });
  const version = asked.version ?? live.version! - 1;
  const target = releaseOfVersion(world.database, app.id, version);
  if (!target) {
    throw fail('not-found', `${app.name} has no release v${version}`, { advice: 'See lockstep releases.' });
  }
  const hasOtherConfig = target.configVersion !== live.configVersion;
  if (target.treeId === live.treeId) {
    if (asked.withConfig && hasOtherConfig) {
      const { entries } = configOf(world.database, app.id, target.configVersion);
      const started = await startConfigChange(world, app, (now) => (isSameConfig(now, entries) ? null : entries), {
        actor: asked.actor,
        description: `config of v${version}`,
        cause: 'rollback',
      });
      if (started.id) return { kind: 'release', id: started.id };
    }
    throw fail('conflict', `v${version} has the code that is live`, {
      advice: hasOtherConfig ? 'Add --config to bring its config back too.' : 'Nothing needs to change.',
    });
  }
  const repository = await world.repositoryOf(app);
  // Its commit is on no branch until main has moved.
  using held = new DisposableStack();
  held.use(await world.usesOf(app.id).begin());
  const mainline = mainlineOf(app, repository);
  const base = (await mainline.tip())!;
  const baseTree = await repository.git.treeOf(base);
  const signature = { name: 'Lockstep', email: 'lockstep@localhost', atSeconds: Math.floor(requestedAtMs / 1000) };
  const commit = await repository.git.commitTree({
    tree: target.treeId,
    parents: [base],
    message: `Roll back to v${version}\n\nThe tree is that of ${target.commit}.\nAsked for by ${asked.actor}.\n`,
    author: signature,
    committer: signature,
  });
  const change = receiveChange(world, app, {
    how: 'rollback',
    actor: asked.actor,
    base,
    head: commit,
    moments: { requested: requestedAtMs, received: nowMs() },
  });
  const asker = { say: () => {}, isGone: () => false, signal: world.signal, isRecheck: false };
  const endAt = async (state: 'conflict' | 'infra-error', reason: string) =>
    new RunningChange(world, change, { candidate: commit, tree: target.treeId }, asker).end(state, reason);
  let isBegun = false;
  const work = async (): Promise<void> => {
    using _turn = await world.lockOf(app.id).take(world.signal);
    using _slot = await world.gateSlots.take(world.signal);
    if (!isThere(world.database, app.id)) return void (await endAt('infra-error', 'the app was destroyed'));
    // What had the turn before may have moved main: this commit would no longer follow on it.
    if ((await mainline.tip()) !== base)
      return void (await endAt('conflict', 'main moved while the rollback waited for its turn; ask for it again'));
    isBegun = true;
    await carryOut(
      world,
      {
        app,
        change,
        repository,
        candidate: commit,
        tree: target.treeId,
        baseTree,
        reading: null,
        configVersion: asked.withConfig ? target.configVersion : null,
        description: `rolled back to v${version}`,
      },
      asker,
    );
  };
  world.progress.open(change.id);
  const untilItsEnd = held.move();
  void work()
    .catch(async (error: Error) => {
      world.log({ level: 'error', message: `rollback ${change.id}: ${error.message}` });
      if (!isBegun && !world.signal.aborted) await endAt('infra-error', error.message).catch(() => {});
    })
    .finally(() => untilItsEnd.dispose());
  return { kind: 'change', id: change.id };
}
