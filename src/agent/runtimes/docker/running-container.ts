// One container that runs. Its end is heard from the engine's events, and noticed all the same when the engine says nothing: by its first
// process, which the kernel knows. It is ended through the kernel too, so that no engine needs to answer for that; only an agent that may not
// signal it asks the engine.
import { setTimeout as pause } from 'node:timers/promises';
import type { Limits } from '../../../domain/plan.ts';
import { enter, isArmed, leave } from '../../../lib/seam.ts';
import type { EngineEvents } from '../../engine/events.ts';
import { readListeners } from '../../health/listeners.ts';
import type { Exit } from '../../health/wait-healthy.ts';
import type { Capture } from '../../process/capture.ts';
import { cgroupPids, oomKills } from '../../process/cgroup.ts';
import { openFilesLimit } from '../../process/limit-means.ts';
import { isAlive, type ProcessIdentity } from '../../process/proc.ts';
import { reachedLooks } from '../../process/reached.ts';
import { untilGone } from '../../process/until-gone.ts';
import { usageOf } from '../process/usage.ts';
import type { Running } from '../runtime.ts';
import { addressOfPid, cgroupOfPid, rootFolderOfPid } from './container-place.ts';
import { exitOf } from './container-spec.ts';
import type { Containers } from './containers.ts';

export type RunningSpec = {
  events: EngineEvents;
  containers: Containers;
  container: string;
  leader: ProcessIdentity;
  limits: Limits;
  /** It was started just now: whatever its groups have counted is of this run. */
  isFresh: boolean;
  /** Asked for when it is to be stopped. */
  stopSignal(): Promise<string>;
  readLog(over: Promise<unknown>): Capture;
};

/** The events are quicker; this is for an engine that says nothing. */
const lookMs = 500;
/** So long may an engine take to say how something ended. */
const sayMs = 5000;
const longestPollMs = 200;
const [lastWordsMs, askAgainMs] = [2000, 2000];

export function runningContainer(spec: RunningSpec): Running {
  const { events, containers, container, leader, limits, isFresh } = spec;
  const group = cgroupOfPid(leader.pid);
  const address = addressOfPid(leader.pid);
  const root = rootFolderOfPid(leader.pid);
  const over = Promise.withResolvers<Exit>();
  const quit = new AbortController();
  const pids = () => (group === null ? [] : cgroupPids(group));
  const killsBefore = group === null || isFresh ? 0 : oomKills(group);
  let [killsHeard, killsSeen] = [0, 0];
  const kills = (): number => {
    if (group !== null) killsSeen = Math.max(killsSeen, oomKills(group) - killsBefore);
    return Math.max(killsSeen, killsHeard);
  };
  let isOver = false;
  let why: string | null = null;
  const end = (exit: { code: number | null; signal: string | null }, isOutOfMemory = false): void => {
    if (isOver) return;
    isOver = true;
    quit.abort();
    unwatch();
    if (isOutOfMemory && kills() === 0) killsHeard = 1;
    over.resolve({ ...exit, isOutOfMemory: kills() > 0, ...(why === null ? {} : { why }) });
  };

  /** @returns false while it runs, as far as the engine knows. Without an engine: nobody knows. */
  const askForEnd = async (): Promise<boolean> => {
    const state = await containers.look(container);
    // Removed behind our back: that ends it, and leaves no code.
    if (state === null) {
      why ??= 'its container was removed';
      end({ code: null, signal: null });
    } else if (!state.isRunning) end(exitOf(state.exitCode), state.isOutOfMemory);
    // Somebody has started it again: it is another run, and none of ours.
    else if (state.pid !== leader.pid && !isAlive(leader)) end({ code: null, signal: null });
    return isOver;
  };
  /** Whether it was killed for want of memory may be told a moment later than that it was killed. */
  const heardEnd = async (exit: { code: number | null; signal: string | null }): Promise<void> => {
    const isAskedFor = exit.signal === 'SIGKILL' && kills() === 0;
    const state = isAskedFor ? await containers.look(container).catch(() => null) : null;
    end(exit, state?.isOutOfMemory ?? false);
  };
  const unwatch = events.watch(container, (event) => {
    if (event.what === 'oom') killsHeard += 1;
    else if (event.what === 'die' && event.exitCode !== null) void heardEnd(exitOf(event.exitCode));
    else void askForEnd().catch(() => {}); // its first process is watched as well
  });
  void (async () => {
    const isGone = await untilGone({ process: leader, outputEnded: null, lookMs, signal: quit.signal });
    if (!isGone) return;
    for (const limit = performance.now() + sayMs; !isOver && performance.now() < limit; await pause(50))
      if (await askForEnd().catch(() => false)) return;
    end({ code: null, signal: null });
  })();
  const log = spec.readLog(over.promise);

  const reached = reachedLooks({ group, pids, processes: limits.pids, openFiles: openFilesLimit, isFresh });
  const signal = async (name: string): Promise<void> => {
    if (!isAlive(leader)) return;
    try {
      process.kill(leader.pid, name as NodeJS.Signals);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ESRCH') return;
      // Not ours to signal, or a name that only the engine knows (SIGRTMIN+3).
      await containers.kill(container, name);
    }
  };
  const goneWithin = async (limitMs: number): Promise<boolean> => {
    let waitMs = 5;
    for (const limit = performance.now() + limitMs; isAlive(leader); waitMs = Math.min(longestPollMs, waitMs * 2)) {
      const leftMs = limit - performance.now();
      if (leftMs <= 0) return false;
      await pause(Math.min(waitMs, leftMs));
    }
    return true;
  };

  return {
    ...leader,
    place: address === null ? null : { host: address, listeners: () => listenersIn(leader.pid) },
    exited: over.promise,
    outputEnded: log.ended,
    lastWordsMs,
    folders: root === null ? [] : [root],
    pids,
    usage: () => usageOf(group, () => []),
    oomKills: kills,
    look() {
      // Nobody reaches it any more, and its address is not given back to it: the next start has another.
      if (address !== null && !isOver && isAlive(leader) && addressOfPid(leader.pid) === null) {
        why ??= 'it was taken from its network';
        void signal('SIGKILL').catch(() => {}); // met at the next look
      }
      return reached();
    },
    async stop(graceMs) {
      const at = isArmed ? enter('runtime.stop') : null;
      let how: 'term' | 'kill' = 'term';
      if (graceMs > 0 && isAlive(leader)) await signal(await spec.stopSignal());
      if (!(await goneWithin(graceMs))) {
        how = 'kill';
        // The end of its first process is that of all of them.
        await signal('SIGKILL');
        // One that somebody has paused dies when the engine lets it go on.
        while (!(await goneWithin(askAgainMs))) await containers.kill(container).catch(() => {}); // asked again
      }
      for (let waitMs = 5; pids().length > 0; waitMs = Math.min(longestPollMs, waitMs * 2)) await pause(waitMs);
      if (isArmed) leave(at);
      return how;
    },
    leave() {
      quit.abort();
      unwatch();
      log.stop();
    },
  };
}

/** The engine's own resolver listens there. */
const resolver = '127.0.0.11';

async function listenersIn(pid: number): ReturnType<typeof readListeners> {
  const all = await readListeners(`/proc/${pid}`).catch(() => []); // it has gone
  return all.filter(({ address }) => address !== resolver);
}
