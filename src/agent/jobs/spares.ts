// Programs that wait for their jobs (`waiting-job.ts`): which are started, which may be used, when they are ended.
//
// wanted   a gate has ended and named what will come again       -> started, when no check runs and there is room for it
// started  it waits                                              -> taken by its job, or ended
// ended    the job is another piece of work, or something else of its user's has run meanwhile; ten minutes; memory is
//          short; its layer changes; the app goes; this agent goes. A job that comes for it then starts as any other
//
// What runs for one change could reach into a program of the same user that waits for another. So a program counts only for a
// change of which alone something has run since it was started: the checks of one change stand in one gate copy.
import { readFileSync } from 'node:fs';
import { longestAheadMs, mayBeAhead, workOf } from '../../domain/ahead.ts';
import type { AppId, JobId } from '../../domain/ids.ts';
import type { JobSpec } from '../../domain/job.ts';
import type { JobRecord } from './job-folder.ts';
import type { JobRoom } from './job-room.ts';
import { startWaiting, sweepWaiting, type Waiting } from './waiting-job.ts';

export type Spares = {
  /** These of one app's may be started, the first one first; they take the place of those before. */
  want(specs: readonly JobSpec[]): void;
  /**
   * A job begins. null: none was started for it. Else whoever waits for it, which is the job's from now on, or null once
   * nothing of it is left.
   */
  take(spec: JobSpec): Promise<Waiting | null> | null;
  has(id: JobId): boolean;
  layerKeys(appId: AppId): string[];
  end(id: JobId): Promise<void>;
  /** Those of an app, or all. */
  endAll(appId?: AppId): Promise<void>;
  /** Of an earlier agent. */
  sweep(record: JobRecord): void;
};

export type Memory = { totalBytes: number; availableBytes: number };
export type SpareLimits = {
  most: number;
  idleMs: number;
  /** Between two looks whether one may be started, and so long no check has run before. */
  restMs: number;
  memory: () => Memory;
};

const usual: SpareLimits = { most: 6, idleMs: longestAheadMs, restMs: 500, memory: readMemory };

/** What one takes (measured: an interpreter with pytest and coverage has 35 MB), and how much of the machine all may take. */
const spareBytes = 40 * 1024 ** 2;
const shareOfMemory = 1 / 16;
/** Below this share of free memory none is started; below half of it those that wait are ended. */
const leastFree = 0.2;

/** `rank`: how many of its app's are worth more. */
type Wanted = { spec: JobSpec; work: string; rank: number; atMs: number };
type Spare = Wanted & { started: Promise<Waiting>; stopper: AbortController; seenBy: Set<string> };

export function openSpares(given: {
  room: JobRoom;
  limits: Partial<SpareLimits>;
  /** Something of a gate runs. */
  isBusy(): boolean;
  /** Something else of the app's gate identity runs. */
  isUsed(appId: AppId): boolean;
}): Spares {
  const { room } = given;
  const limits = { ...usual, ...given.limits };
  const wanted = new Map<JobId, Wanted>();
  const spares = new Map<JobId, Spare>();
  const ending = new Map<JobId, Promise<void>>();
  let timer: NodeJS.Timeout | null = null;
  let quietAtMs = 0;

  const end = (id: JobId): Promise<void> => {
    const spare = spares.get(id);
    if (spare === undefined) return ending.get(id) ?? Promise.resolve();
    spares.delete(id);
    spare.stopper.abort();
    return whileEnding(id, async () => (await spare.started.catch(() => null))?.end());
  };
  const whileEnding = (id: JobId, work: () => Promise<void> | undefined): Promise<void> => {
    const ended = (async () => work())()
      .catch(() => {}) // what cannot be removed now is found by its record at the next start
      .finally(() => ending.delete(id));
    ending.set(id, ended);
    return ended;
  };

  const endOf = (appId: AppId | undefined): void => {
    const isTheirs = ({ spec }: Wanted): boolean => appId === undefined || spec.appId === appId;
    for (const [id, one] of wanted) if (isTheirs(one)) wanted.delete(id);
    for (const [id, one] of spares) if (isTheirs(one)) void end(id);
  };

  const start = (one: Wanted): void => {
    const { id } = one.spec;
    const stopper = new AbortController();
    const started = startWaiting(one.spec, room, stopper.signal);
    const spare: Spare = { ...one, started, stopper, seenBy: new Set(), atMs: performance.now() };
    spares.set(id, spare);
    const gone = () => void (spares.get(id) === spare && end(id));
    started.then(({ contained }) => contained.ended.then(gone), gone);
  };

  /** `never`: what waits already is worth more. */
  const roomFor = ({ rank }: Wanted): 'now' | 'later' | 'never' => {
    const { totalBytes, availableBytes } = limits.memory();
    const most = Math.min(limits.most, Math.floor((totalBytes * shareOfMemory) / spareBytes));
    if (most === 0 || availableBytes < totalBytes * leastFree) return 'later';
    if (spares.size < most) return 'now';
    // Of those that are worth least to their apps the one that waits longest.
    const least = [...spares.values()].reduce((one, other) => (other.rank > one.rank ? other : one));
    if (least.rank < rank) return 'never';
    void end(least.spec.id);
    return 'now';
  };

  const lookIn = (ms: number): void => {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(look, ms).unref();
  };
  const look = (): void => {
    timer = null;
    const nowMs = performance.now();
    for (const [id, { atMs }] of wanted) if (nowMs - atMs > limits.idleMs) wanted.delete(id);
    for (const [id, { atMs }] of spares) if (nowMs - atMs > limits.idleMs) void end(id);
    if (spares.size > 0) {
      const { totalBytes, availableBytes } = limits.memory();
      if (availableBytes < (totalBytes * leastFree) / 2) for (const id of [...spares.keys()]) void end(id);
    }
    if (given.isBusy()) quietAtMs = nowMs;
    // One at a time: each is a second's work for a core.
    const next = [...wanted.values()].find(({ spec }) => !given.isUsed(spec.appId));
    const room = next !== undefined && nowMs - quietAtMs >= limits.restMs ? roomFor(next) : 'later';
    if (next !== undefined && room !== 'later') {
      wanted.delete(next.spec.id);
      if (room === 'now') start(next);
      quietAtMs = nowMs;
    }
    if (wanted.size > 0) lookIn(limits.restMs);
    else if (spares.size > 0) lookIn(limits.restMs * 10);
  };

  return {
    want(specs) {
      const [first] = specs;
      if (first === undefined) return;
      endOf(first.appId);
      const nowMs = performance.now();
      for (const [rank, spec] of specs.filter(mayBeAhead).entries())
        wanted.set(spec.id, { spec, work: workOf(spec), rank, atMs: nowMs });
      quietAtMs = nowMs;
      lookIn(limits.restMs);
    },
    take(spec) {
      const copy = 'copy' in spec.place ? spec.place.copy : null;
      wanted.delete(spec.id);
      const spare = spares.get(spec.id);
      if (spec.identity === 'gate')
        for (const one of spares.values())
          if (one.spec.appId === spec.appId || one.spec.gateUid === spec.gateUid) one.seenBy.add(copy ?? '');
      if (spare === undefined) return ending.get(spec.id)?.then(() => null) ?? null;
      const isAlone = copy !== null && [...spare.seenBy].every((one) => one === copy);
      if (!isAlone || workOf(spec) !== spare.work) return end(spec.id).then(() => null);
      spares.delete(spec.id);
      return spare.started.catch(() => null);
    },
    has: (id) => spares.has(id) || ending.has(id),
    layerKeys: (appId) =>
      [...spares.values()].flatMap(({ spec }) => (spec.appId === appId ? (spec.layerKey ?? []) : [])),
    end,
    async endAll(appId) {
      endOf(appId);
      await Promise.all(ending.values());
    },
    sweep(record) {
      void whileEnding(record.id, () => sweepWaiting(record, room));
    },
  };
}

function readMemory(): Memory {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { totalBytes: of('MemTotal'), availableBytes: of('MemAvailable') };
}
