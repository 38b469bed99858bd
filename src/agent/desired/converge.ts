// Convergence: from what is wanted and what is there to a list of actions. Pure: the agent looks, asks, acts, looks again.
//
// An instance's states (`sinceMs` is when it entered the one it is in):
//   starting     entered by `start`; ends healthy, or by exit or missed limit (candidate: failed; live: backing-off).
//   healthy      answered its probe (a worker: runs); ends by exit, `drain` or `stop`.
//   unhealthy    runs but stopped answering; ends healthy again, by exit or by `stop`.
//   backing-off  live sets only: no process; ends by `start` of the same id once backOffMs(restarts) have passed.
//   draining     was routed, gets no new requests; ends by `stop` after drainMs, or by exit.
//   stopping     SIGTERM was sent; ends stopped by exit; after stopMs `kill` sends SIGKILL to the whole group.
//   stopped, failed  final, no process. Kept while the set is in the document (a failed candidate is never started again,
//                a failed instance of a live set is), and forgotten with it.
// A restart of the agent changes nothing: adopted instances come with their state and `sinceMs`.

import type { DesiredSet, DesiredState } from '../../domain/desired.ts';
import type { AppId, InstanceId, InstanceSetId } from '../../domain/ids.ts';
import type { InstanceState, ObservedInstance } from '../../domain/observed.ts';

export type InstanceView = ObservedInstance & {
  stage: DesiredSet['stage'];
  /** It has been an upstream: it is drained before it is stopped. */
  wasRouted: boolean;
  sinceMs: number;
  /** When it crashed within the last hour; absent: never. */
  crashedAtMs?: readonly number[];
};

/** Without what only the agent knows. */
export function observedOf(view: InstanceView): ObservedInstance {
  const { stage: _stage, wasRouted: _wasRouted, sinceMs: _sinceMs, crashedAtMs: _crashedAtMs, ...observed } = view;
  return observed;
}

export type Action =
  /** `id` null: a new instance; else the process of that instance again. */
  | { do: 'start'; id: InstanceId | null; appId: AppId; setId: InstanceSetId; type: string }
  | { do: 'promote' | 'drain' | 'stop' | 'kill' | 'forget'; id: InstanceId };

/** Unless the timings say otherwise. */
export const drainMs = 30_000;
export const stopMs = 30_000;
const againMs = 1000;
/** A live instance that was healthy for so long starts its back-off anew. */
export const steadyMs = 60_000;

/** 1, 2, 4 … 60 s before the restart with this number (from 1). */
export function backOffMs(restarts: number): number {
  return Math.min(60_000, 1000 * 2 ** Math.min(6, Math.max(0, restarts - 1)));
}

/** So many crashes within the hour are a crash loop, however well it was in between; told at these numbers. */
export const crashLoops = [3, 10, 30] as const;
const crashMemoryMs = 3_600_000;

/** The crashes of the last hour, with the one of now; no more than are told. */
export const withCrash = (crashedAtMs: readonly number[], nowMs: number): number[] =>
  [...recentCrashes(crashedAtMs, nowMs), nowMs].slice(-crashLoops.at(-1)!);

export const recentCrashes = (crashedAtMs: readonly number[], nowMs: number): number[] =>
  crashedAtMs.filter((atMs) => nowMs - atMs < crashMemoryMs);

/** What an exit makes of an instance. */
export function afterExit(instance: InstanceView, nowMs: number): { state: InstanceState; restarts: number } {
  if (instance.state === 'draining' || instance.state === 'stopping')
    return { state: 'stopped', restarts: instance.restarts };
  if (instance.stage === 'candidate') return { state: 'failed', restarts: instance.restarts };
  const wasSteady = instance.healthyAtMs !== null && nowMs - instance.healthyAtMs >= steadyMs;
  return { state: 'backing-off', restarts: wasSteady ? 1 : instance.restarts + 1 };
}

/** The actions that bring what is there nearer to what is wanted; none when they agree or only time is missing. */
export function converge(
  desired: DesiredState,
  instances: readonly InstanceView[],
  nowMs: number,
  drainLimitMs = drainMs,
): Action[] {
  const actions: Action[] = [];
  const wanted = new Set<InstanceSetId>();
  const bySet = Map.groupBy(instances, ({ setId }) => setId);
  for (const app of desired.apps) {
    for (const set of app.sets) {
      wanted.add(set.id);
      actions.push(...convergeSet(app.id, set, bySet.get(set.id) ?? [], nowMs, drainLimitMs));
    }
  }
  for (const one of instances) if (!wanted.has(one.setId)) actions.push(...leave(one, nowMs, drainLimitMs));
  return actions;
}

/** How long until `converge` has something to do by time alone; null: nothing is waiting. */
export function nextDueMs(instances: readonly InstanceView[], nowMs: number, drainLimitMs = drainMs): number | null {
  const dues = instances.flatMap((one) => {
    if (one.state === 'backing-off') return [one.sinceMs + backOffMs(one.restarts)];
    if (one.state === 'draining') return [one.sinceMs + drainLimitMs];
    // A stop that has failed is tried again now and then.
    if (one.state === 'stopping')
      return [Math.max(one.sinceMs + stopMs, nowMs + (nowMs < one.sinceMs + stopMs ? 0 : againMs))];
    return [];
  });
  return dues.length === 0 ? null : Math.max(0, Math.min(...dues) - nowMs);
}

function convergeSet(
  appId: AppId,
  set: DesiredSet,
  instances: readonly InstanceView[],
  nowMs: number,
  drainLimitMs: number,
): Action[] {
  const actions: Action[] = [];
  if (set.stage === 'live') {
    for (const one of instances) if (one.stage === 'candidate') actions.push({ do: 'promote', id: one.id });
  }
  const types = set.stage === 'candidate' ? set.processes.filter((one) => one.type === 'web') : set.processes;
  for (const { type, count } of types) {
    const ours = instances.filter((one) => one.type === type);
    const leaving = ours.filter(isLeaving);
    const staying = ours.filter((one) => !isLeaving(one)).sort(byWorth);
    for (const one of staying.slice(0, count)) {
      const isDue =
        one.state === 'backing-off'
          ? nowMs - one.sinceMs >= backOffMs(one.restarts)
          : one.state === 'failed' || one.state === 'stopped';
      if (set.stage === 'live' && isDue) actions.push({ do: 'start', id: one.id, appId, setId: set.id, type });
    }
    for (const one of [...leaving, ...staying.slice(count)]) actions.push(...leave(one, nowMs, drainLimitMs));
    for (let at = staying.length; at < count; at += 1)
      actions.push({ do: 'start', id: null, appId, setId: set.id, type });
  }
  for (const one of instances)
    if (!types.some(({ type }) => type === one.type)) actions.push(...leave(one, nowMs, drainLimitMs));
  return actions;
}

function isLeaving(one: InstanceView): boolean {
  return one.state === 'draining' || one.state === 'stopping';
}

const worth: Readonly<Record<InstanceState, number>> = {
  healthy: 0,
  unhealthy: 1,
  starting: 2,
  'backing-off': 3,
  failed: 4,
  stopped: 5,
  draining: 6,
  stopping: 7,
};

function byWorth(a: InstanceView, b: InstanceView): number {
  return worth[a.state] - worth[b.state] || (a.id < b.id ? -1 : 1);
}

function leave(one: InstanceView, nowMs: number, drainLimitMs: number): Action[] {
  switch (one.state) {
    case 'stopped':
    case 'failed':
    case 'backing-off':
      return [{ do: 'forget', id: one.id }];
    case 'stopping':
      return nowMs - one.sinceMs >= stopMs ? [{ do: 'kill', id: one.id }] : [];
    case 'draining':
      return nowMs - one.sinceMs >= drainLimitMs ? [{ do: 'stop', id: one.id }] : [];
    default:
      // One that starts again has nothing in flight.
      return [{ do: one.wasRouted && one.type === 'web' && one.state !== 'starting' ? 'drain' : 'stop', id: one.id }];
  }
}
