// Releases that move no commit: a change of config, and a restart. The same artifact gets new instances, which are proved by
// their health and switched to as any release is; when they fail, what was live stays, and so does its config.
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { InstanceSetId, ReleaseId } from '../domain/ids.ts';
import { configBytes } from '../domain/names.ts';
import type { ReleaseCause } from '../domain/release.ts';
import { checkLines } from '../gate/messages.ts';
import type { Turn } from '../lib/semaphore.ts';
import { judgeBoot, waitForSet } from '../release/boot.ts';
import type { Runnable } from '../release/compose.ts';
import { type ConfigEntries, currentConfig, insertConfig } from '../store/app-config.ts';
import { noteApp } from '../store/apps.ts';
import { inTransaction } from '../store/open.ts';
import { findArtifact, liveRelease, replaceSet } from '../store/releases.ts';
import { appendEvent } from '../store/transition.ts';
import { bootRelease, type Candidate, dropCandidate, dropSet, makeCandidate } from './candidate.ts';
import { goLive, isGoodAnswer, settle } from './landed.ts';
import { takeTurn } from './turn.ts';
import { eventOf, newId, nowMs, type World } from './world.ts';

/** Keeps config for an app that has no release yet; the first one runs with it. The version's number. */
export function storeConfig(world: World, app: App, entries: ConfigEntries, actor: string): number {
  const version = inTransaction(world.database, () => {
    const owner = { teamId: app.teamId, appId: app.id };
    const next = insertConfig(world.database, owner, entries, actor, Math.round(nowMs()));
    appendEvent(
      world.database,
      eventOf({ ...owner, actor }, 'config.changed', { version: next, keys: Object.keys(entries) }),
    );
    return next;
  });
  world.announce();
  return version;
}

/** How long a change of config waits for another change of the app before it gives up. */
const turnLimitMs = 60_000;

export type ConfigEdit = (present: ConfigEntries) => ConfigEntries | null;

/**
 * Changes an app's config: `edit` sees the present entries once no other change is on its way, and answers null for "nothing
 * to do". With a live release this begins a new one; without, the values wait for the first.
 * @throws conflict when another change takes too long; too-large for more than any program can be started with
 */
export async function startConfigChange(
  world: World,
  app: App,
  edit: ConfigEdit,
  asked: { actor: string; description: string; cause: ReleaseCause },
): Promise<{ id: ReleaseId | null; version: number }> {
  const turn = await takeTurn(world, app, turnLimitMs);
  let isHandedOn = false;
  try {
    const present = currentConfig(world.database, app.id);
    const entries = edit(present.entries);
    if (entries === null) return { id: null, version: present.version };
    refuseOversized(entries);
    const live = liveRelease(world.database, app.id);
    const artifact = live && findArtifact(world.database, app.id, live.artifactDigest);
    const version = storeConfig(world, app, entries, asked.actor);
    if (!live || !artifact) return { id: null, version };
    const candidate = makeCandidate(world, artifact, {
      app,
      cause: asked.cause,
      commit: live.commit,
      configVersion: version,
      changeId: null,
      actor: asked.actor,
      description: asked.description,
      docs: live.docs,
    });
    isHandedOn = true;
    void releaseConfig(world, candidate, turn);
    return { id: candidate.release.id, version };
  } finally {
    if (!isHandedOn) turn.release();
  }
}

/** Longer than an instance may take to say whether it is healthy: beyond it nobody has heard of it. */
function hearingLimit({ artifact }: Runnable): { signal: AbortSignal; what: string } {
  const ms = artifact.plan.health.timeoutMs + 5 * 60_000;
  return { signal: AbortSignal.timeout(ms), what: `nothing was heard of the new instances in ${ms / 60_000} minutes` };
}

async function releaseConfig(world: World, candidate: Candidate, turn: Turn): Promise<void> {
  using _turn = turn;
  await releaseBeside(world, candidate);
}

/** Starts it beside what is live, and makes it live when it is healthy; else what was live stays. Under the app's lock. */
export async function releaseBeside(world: World, candidate: Candidate): Promise<void> {
  const { app, release, runnable } = candidate;
  const progress = world.progress.open(release.id);
  const startedAtMs = nowMs();
  const finish = (ok: boolean, reason: string | null, version: number | null): void => {
    progress.end({ ok, state: ok ? 'live' : 'failed', reason, version, durationMs: nowMs() - startedAtMs });
    world.announce();
  };
  let isGoing = false;
  try {
    progress.say(`starting ${runnable.label} beside what is live`);
    const limit = hearingLimit(runnable);
    const booted = await bootRelease(world, candidate, AbortSignal.any([world.signal, limit.signal]));
    for (const line of checkLines(booted)) progress.say(line);
    if (booted.outcome !== 'passed') throw new Error(limit.signal.aborted ? limit.what : booted.summary);
    await world.agent.alive();
    // Main does not move here: this transaction is the commit point, and a restart after it goes forward.
    const version = inTransaction(world.database, () => {
      if (isGoodAnswer(booted)) noteApp(world.database, app.id, { wasEverHealthy: true });
      return goLive(world, app, release, release.actor);
    });
    isGoing = true;
    await world.desired.switchTo(app, runnable, world.signal);
    settle(world, app);
    finish(true, null, version);
  } catch (error) {
    const { message } = error as Error;
    world.log({ level: 'warn', message: `release ${release.id}: ${message}` });
    if (!isGoing) await dropCandidate(world, candidate, message);
    finish(false, message, null);
  }
}

/** Begins to replace the live release's instances by new ones of the same release. @throws no-release */
export async function startRestart(world: World, app: App, actor: string): Promise<{ id: ReleaseId }> {
  const live = liveRelease(world.database, app.id);
  if (!live) throw fail('no-release', `${app.name} has no release yet`, { advice: 'Push main first.' });
  const progress = world.progress.open(live.id);
  const startedAtMs = nowMs();
  const finish = (ok: boolean, reason: string | null): void =>
    progress.end({
      ok,
      state: ok ? 'live' : 'failed',
      reason,
      version: live.version,
      durationMs: nowMs() - startedAtMs,
    });
  const work = async (): Promise<void> => {
    using _turn = await world.lockOf(app.id).take(world.signal);
    const present = world.desired.liveRunnable(app);
    if (!present) return finish(false, 'there is no release');
    const setId = newId('set') as InstanceSetId;
    const runnable = { ...present, release: { ...present.release, setId } };
    try {
      await startBeside(world, app, runnable, (line) => progress.say(line));
    } catch (error) {
      await dropSet(world, app, setId);
      throw error;
    }
    inTransaction(world.database, () => {
      replaceSet(world.database, present.release.id, setId);
      appendEvent(
        world.database,
        eventOf({ teamId: app.teamId, appId: app.id, actor, releaseId: present.release.id }, 'app.restarted', {}),
      );
    });
    await world.desired.switchTo(app, runnable, world.signal);
    settle(world, app);
    world.announce();
    finish(true, null);
  };
  void work().catch((error: Error) => {
    world.log({ level: 'warn', message: `restart of ${app.id}: ${error.message}` });
    finish(false, error.message);
  });
  return { id: live.id };
}

/** Resolves when the set is healthy beside what is live; rejects with why it is not. */
async function startBeside(world: World, app: App, runnable: Runnable, say: (line: string) => void): Promise<void> {
  const startedAtMs = nowMs();
  const limit = hearingLimit(runnable);
  await world.desired.startCandidate(app, runnable);
  const signal = AbortSignal.any([world.signal, limit.signal]);
  const end = await waitForSet(world.observations, runnable.release.setId, 1, signal).catch((error: Error) => {
    throw limit.signal.aborted ? new Error(limit.what) : error;
  });
  const booted = judgeBoot(end, startedAtMs, nowMs());
  for (const line of checkLines(booted)) say(line);
  if (booted.outcome !== 'passed') throw new Error(booted.summary);
  await world.agent.alive();
}

/** Sets and unsets some entries; null when that changes nothing. */
export function editOf(wanted: { set: ReadonlyMap<string, string>; unset: readonly string[] }): ConfigEdit {
  return (present) => {
    const next: Record<string, string> = { ...present, ...Object.fromEntries(wanted.set) };
    for (const key of wanted.unset) delete next[key];
    return isSameConfig(present, next) ? null : sortEntries(next);
  };
}

function refuseOversized(entries: ConfigEntries): void {
  const bytes = Object.entries(entries).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  if (bytes <= configBytes) return;
  throw fail('too-large', `the config would hold ${bytes} bytes; at most ${configBytes} fit into an environment`, {
    advice: 'Keep large values in a file in a volume.',
  });
}

export function isSameConfig(one: ConfigEntries, other: ConfigEntries): boolean {
  return JSON.stringify(sortEntries(one)) === JSON.stringify(sortEntries(other));
}

function sortEntries(entries: ConfigEntries): ConfigEntries {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
