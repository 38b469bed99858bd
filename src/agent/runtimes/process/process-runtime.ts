// Instances as plain processes: own session, cgroup, identity; output through a FIFO that the instance holds open both
// ways, in a folder of the agent's own (a FIFO that the app could replace by a link would make root read for it).
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { InstanceId } from '../../../domain/ids.ts';
import type { Limits } from '../../../domain/plan.ts';
import { enter, isArmed, leave } from '../../../lib/seam.ts';
import type { Exit } from '../../health/wait-healthy.ts';
import { appCaptureCaps, type Capture, captureFifo, holdOpen } from '../../process/capture.ts';
import {
  type Cgroup,
  type CgroupSupport,
  cgroupDirs,
  cgroupPids,
  findCgroup,
  oomKills,
  openCgroup,
  removeCgroup,
} from '../../process/cgroup.ts';
import { launch } from '../../process/launcher.ts';
import { limitArgv, machineMeans, openFilesLimit } from '../../process/limit-means.ts';
import { lineSplitter } from '../../process/line-splitter.ts';
import { isOverMemory, isWatched } from '../../process/memory-watch.ts';
import { groupOf, isAlive, nobody, type ProcessIdentity } from '../../process/proc.ts';
import { reachedLooks } from '../../process/reached.ts';
import { takeKept } from '../../process/stand-in.ts';
import { terminate } from '../../process/terminate.ts';
import { untilGone } from '../../process/until-gone.ts';
import type { Running, Runtime } from '../runtime.ts';
import { usageOf } from './usage.ts';

export type ProcessRuntimeParts = {
  pipeFolder: string;
  /** Where what instances said while no agent was there is kept; null: nobody keeps it. */
  keptFolder?: string | null;
  /** Makes a fresh FIFO at a path, which the uid may reopen. */
  makePipe(path: string, uid: number | null): Promise<void>;
  cgroups: CgroupSupport;
  openFiles?: number;
};

/** How often an adopted process is looked at; nobody tells us of the end of one that is not our child. */
const lookMs = 100;

const markOf = (id: InstanceId) => `LOCKSTEP_INSTANCE=${id}`;

/** The runtime of this machine's own processes. */
export function processRuntime(parts: ProcessRuntimeParts): Runtime {
  const fifoOf = (id: InstanceId) => join(parts.pipeFolder, id);
  const cgroupOf = (id: InstanceId, limits: Limits) => openCgroup(parts.cgroups, id, limits, 'app');
  const means = machineMeans(parts.cgroups);
  const openFiles = parts.openFiles ?? openFilesLimit;

  const running = (
    id: InstanceId,
    leader: ProcessIdentity,
    group: Cgroup | null,
    capture: Capture | null,
    ended: (quit: AbortSignal) => Promise<{ code: number | null; signal: string | null }>,
    oomBefore: number,
    limits: Limits,
  ): Running => {
    const quit = new AbortController();
    let watchedKills = 0;
    const kills = () => watchedKills + (group === null ? 0 : Math.max(0, oomKills(group) - oomBefore));
    const pids = () => (group === null ? groupOf(leader).map(({ pid }) => pid) : cgroupPids(group));
    const family = { leader, cgroup: group, mark: markOf(id) };
    const reached = reachedLooks({ group, pids, processes: limits.pids, openFiles });
    const exited = ended(quit.signal).then((end): Exit => ({ ...end, isOutOfMemory: kills() > 0 }));
    return {
      pid: leader.pid,
      startTicks: leader.startTicks,
      place: null,
      folders: [],
      lastWordsMs: 200,
      exited,
      outputEnded: capture?.ended ?? Promise.resolve(),
      pids,
      usage: () => usageOf(group, () => groupOf(leader).map(({ pid }) => pid)),
      oomKills: kills,
      async stop(graceMs) {
        const at = isArmed ? enter('runtime.stop') : null;
        const how = await terminate({ ...family, graceMs });
        if (isArmed) leave(at);
        return how;
      },
      look() {
        if (isWatched(group) && isOverMemory(pids(), limits.memoryBytes)) {
          watchedKills += 1;
          void terminate({ ...family, graceMs: 0 }).catch(() => {}); // what is left of it is met at the next look
        }
        return reached();
      },
      leave() {
        quit.abort();
        capture?.stop();
      },
    };
  };

  return {
    async start(spec, sink) {
      const at = isArmed ? enter('runtime.start') : null;
      const fifo = fifoOf(spec.id);
      await mkdir(parts.pipeFolder, { recursive: true, mode: 0o700 });
      await rm(fifo, { force: true });
      await parts.makePipe(fifo, spec.identity?.uid ?? null);
      const group = cgroupOf(spec.id, spec.limits);
      const before = group === null ? 0 : oomKills(group);
      const capture = captureFifo(fifo, sink);
      const letGo = holdOpen(fifo);
      try {
        const launched = await launch({
          argv: spec.argv,
          cwd: spec.cwd,
          env: spec.env,
          fifo,
          exitFile: null,
          cgroups: group === null ? [] : cgroupDirs(group),
          openFiles,
          fileBytes: spec.limits.diskBytes,
          limitArgv: limitArgv(means, spec.limits, 'app'),
          identity: spec.identity,
        });
        void launched.exited.finally(letGo);
        if (isArmed) leave(at);
        return running(spec.id, launched, group, capture, () => launched.exited, before, spec.limits);
      } catch (error) {
        letGo();
        capture.stop();
        throw error;
      }
    },

    async adopt(id, identity, limits, sink) {
      const at = isArmed ? enter('runtime.adopt') : null;
      const before = parts.keptFolder ? await takeKept(parts.keptFolder, id) : Buffer.alloc(0);
      if (!isAlive(identity)) {
        const lines = lineSplitter(sink, appCaptureCaps, () => performance.now());
        lines.push(before);
        lines.end();
        return null;
      }
      const group = cgroupOf(id, limits);
      const capture = openOr(() => captureFifo(fifoOf(id), sink, { before }));
      const ended = async (signal: AbortSignal) => {
        const watch = { process: identity, outputEnded: capture?.ended ?? null, lookMs, signal };
        return (await untilGone(watch)) ? { code: null, signal: null } : new Promise<never>(() => {});
      };
      if (isArmed) leave(at);
      return running(id, identity, group, capture, ended, group === null ? 0 : oomKills(group), limits);
    },

    async sweep(id) {
      await terminate({ leader: nobody, cgroup: findCgroup(parts.cgroups, id), mark: markOf(id), graceMs: 0 });
    },

    async clean(id) {
      const at = isArmed ? enter('runtime.clean') : null;
      await rm(fifoOf(id), { force: true });
      if (parts.keptFolder) await takeKept(parts.keptFolder, id);
      const group = findCgroup(parts.cgroups, id);
      // A zombie that PID 1 has not reaped yet keeps the group; it is empty of life, and asked for again.
      for (let wait = 10; group !== null && !removeCgroup(group) && wait < 5000; wait *= 2)
        await pause(wait, undefined, { ref: false });
      if (isArmed) leave(at);
    },
  };
}

/** A pipe that is gone costs the log, not the instance. */
function openOr(open: () => Capture): Capture | null {
  try {
    return open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
