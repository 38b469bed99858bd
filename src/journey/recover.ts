// What a start of control does with what the last one left: a change that passed and whose candidate main has held is
// finished (main is the commit point), with the others of its batch; a merge request goes back to the queue, which needs no
// client; every other one ends as an infrastructure failure, its verdict kept; and no release stays half started. Main is asked through its seam, never through a file.
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import { configOf } from '../store/app-config.ts';
import { everyApp } from '../store/apps.ts';
import { noteChange, runningChanges, verdictOfChange } from '../store/changes.ts';
import { inTransaction } from '../store/open.ts';
import { findArtifact, findRelease, liveRelease, nextVersion, startingReleases } from '../store/releases.ts';
import { appendEvent, transition } from '../store/transition.ts';
import { insist } from './insist.ts';
import { persistLanded } from './landed.ts';
import { letGo } from './queue/end-request.ts';
import { eventOf, mainlineOf, nowMs, type World } from './world.ts';

/** Decides about every change and release that has not ended. Routes are switched in the background, until they are. */
export async function recover(world: World): Promise<{ rolledForward: number; ended: number; requeued: number }> {
  const apps = new Map(everyApp(world.database).map((app) => [app.id, app]));
  const forward = new Set<string>();
  const unknown = new Set<string>();
  let ended = 0;
  let requeued = 0;
  const running = runningChanges(world.database);
  for (const change of running) {
    // Of a batch the one that the release names decides for all.
    if (running.some((one) => isLeaderOf(world, one, change))) continue;
    const app = apps.get(change.appId);
    const landed =
      app && change.state === 'passed' ? await hasLanded(world, { ...app, mainBranch: change.branch }, change) : false;
    // A repository that cannot be asked must not keep the others from coming back: its change waits for the next start.
    if (landed === null) unknown.add(change.releaseId!);
    else if (landed === 'overtaken') {
      for (const one of [change, ...running.filter((other) => isLeaderOf(world, change, other))]) {
        landOvertaken(world, one);
        ended += 1;
      }
      world.receiptsDue(app!);
    } else if (app && landed) {
      const riders = running.filter((one) => isLeaderOf(world, change, one));
      rollForward(world, { ...app, mainBranch: change.branch }, change, riders);
      forward.add(change.releaseId!);
    } else if (app && change.how === 'merge') {
      const all = [change, ...running.filter((one) => isLeaderOf(world, change, one))];
      for (const one of all) if (requeue(world, one)) requeued += 1;
    } else {
      endChange(world, change);
      ended += 1;
    }
  }
  for (const release of startingReleases(world.database).filter(
    (one) => !forward.has(one.id) && !unknown.has(one.id),
  )) {
    transition(world.database, {
      table: 'releases',
      id: release.id,
      from: 'starting',
      to: 'failed',
      set: { reason: 'Lockstep was restarted' },
      event: eventOf({ ...release, actor: 'lockstep', releaseId: release.id }, 'release.failed', {
        reason: 'Lockstep was restarted',
      }),
    });
  }
  return { rolledForward: forward.size, ended, requeued };
}

/** The other is of the batch that this one stands for. */
function isLeaderOf(world: World, one: Change, other: Change): boolean {
  if (one.id === other.id || other.releaseId === null || one.releaseId !== other.releaseId) return false;
  return findRelease(world.database, one.appId, one.releaseId)?.changeId === one.id;
}

/** Back to the queue, from which it is taken up again as it was; false: it waits there already. */
function requeue(world: World, change: Change): boolean {
  world.progress.open(change.id);
  if (change.state === 'received') return false;
  const reason = 'Lockstep was restarted before main moved';
  return transition(world.database, {
    ...{ table: 'changes', id: change.id, from: change.state, to: 'received' },
    set: { base: null, candidate: null, tree: null, release_id: null, set_id: null },
    event: eventOf({ ...change, actor: 'lockstep', changeId: change.id }, 'change.requeued', { reason }),
  });
}

/**
 * True when main has held the candidate since the change's base; `overtaken` when what main held after it is live already, so
 * that this must not be switched to any more; null when main cannot be asked.
 */
async function hasLanded(world: World, app: App, change: Change): Promise<boolean | 'overtaken' | null> {
  if (!change.candidate || !change.releaseId || !change.setId) return false;
  try {
    const mainline = mainlineOf(app, await world.repositoryOf(app));
    if ((await mainline.tip()) === change.candidate) return true;
    const values = (await mainline.movedSince(change.base)) ?? [];
    const at = values.indexOf(change.candidate);
    const live = liveRelease(world.database, app.id);
    if (at >= 0 && live && values.slice(at + 1).includes(live.commit)) return 'overtaken';
    return at >= 0;
  } catch (error) {
    world.log({ level: 'error', message: `main of ${app.id} cannot be asked: ${(error as Error).message}` });
    return null;
  }
}

/** Main has held it, and its end could not be written before a later change went live. */
function landOvertaken(world: World, change: Change): void {
  transition(world.database, {
    table: 'changes',
    id: change.id,
    from: 'passed',
    to: 'landed',
    set: { reason: 'a later change was live before this one was written down', ended_at_ms: Math.round(nowMs()) },
    event: eventOf({ ...change, changeId: change.id }, 'change.landed', {
      commit: change.candidate,
      isOvertaken: true,
    }),
  });
}

function rollForward(world: World, app: App, change: Change, riders: readonly Change[]): void {
  const release = findRelease(world.database, app.id, change.releaseId!)!;
  const artifact = findArtifact(world.database, app.id, release.artifactDigest)!;
  const runnable = {
    release,
    label: `v${nextVersion(world.database, app.id)}`,
    artifact,
    config: configOf(world.database, app.id, release.configVersion).entries,
  };
  const progress = [change, ...riders].map(({ id }) => world.progress.open(id));
  const work = async (): Promise<void> => {
    using _turn = await world.lockOf(app.id).take(world.signal);
    // The agent may have this switch already: nothing may go out that routes to what was live before.
    await world.desired.switchTo(app, runnable, world.signal);
    const verdict = verdictOfChange(world.database, app.id, change.id);
    const moments = { ...change.moments, recovered: nowMs() };
    await insist(world, () => {
      noteChange(world.database, change.id, { moments });
      persistLanded(world, app, change, { release }, verdict, moments, null, riders);
    });
    const { version } = liveRelease(world.database, app.id)!;
    for (const one of progress)
      one.end({ ok: true, state: 'landed', reason: null, version, durationMs: nowMs() - change.createdAtMs });
    const about = { ...change, actor: 'lockstep', changeId: change.id, releaseId: release.id };
    const event = eventOf(about, 'recovery.rolled-forward', { commit: change.candidate });
    await insist(world, () => inTransaction(world.database, () => appendEvent(world.database, event)));
    world.announce();
    world.queueGrown(app);
    await letGo(world, app, [change, ...riders]);
  };
  void work().catch((error: Error) =>
    world.log({ level: 'error', message: `recovery of ${change.id}: ${error.message}` }),
  );
}

function endChange(world: World, change: Change): void {
  const reason = 'Lockstep was restarted before main moved; push again (what was checked is kept)';
  transition(world.database, {
    table: 'changes',
    id: change.id,
    from: change.state,
    to: 'infra-error',
    set: { reason, ended_at_ms: Math.round(nowMs()) },
    event: eventOf({ ...change, actor: 'lockstep', changeId: change.id }, 'change.infra-error', { reason }),
  });
}
