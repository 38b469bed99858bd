// One program with everything that comes from it: launched in its own session with limits, captured, watched to its end,
// and swept afterwards, so that nothing of it survives. It outlives this agent; `adopt` takes one up again. Used for jobs
// and for the steps of a layer.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Limits } from '../../domain/plan.ts';
import { seen } from '../../lib/descriptors.ts';
import type { Identity } from '../../lib/identity.ts';
import { type Capture, captureFifo, jobCaptureCaps } from '../process/capture.ts';
import {
  type Cgroup,
  type CgroupSupport,
  cgroupDirs,
  cgroupPids,
  type Importance,
  oomKills,
  openCgroup,
  removeCgroup,
} from '../process/cgroup.ts';
import { launch } from '../process/launcher.ts';
import { limitArgv, machineMeans, openFilesLimit } from '../process/limit-means.ts';
import type { CaptureSink } from '../process/line-splitter.ts';
import { isOverMemory, isWatched } from '../process/memory-watch.ts';
import { netlessArgv } from '../process/netless.ts';
import { groupOf, isAlive, nobody, type ProcessIdentity } from '../process/proc.ts';
import { terminate } from '../process/terminate.ts';
import { untilGone } from '../process/until-gone.ts';

export type ContainedSpec = {
  /** Names the cgroup; made of ids. */
  name: string;
  /** "NAME=value" of its environment, which nothing else has. */
  mark: string;
  fifo: string;
  exitFile: string;
  limits: Limits;
  importance: Importance;
  cgroups: CgroupSupport | null;
};

export type ContainedLaunch = {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  identity: Identity | null;
  /** It gets a network of its own, with nothing in it. */
  isNetless?: boolean;
};

/** `code` as a shell tells it (128 + signal); null: the launcher went without leaving one. */
export type ContainedEnd = { code: number | null; isOutOfMemory: boolean };

export type Contained = {
  process: ProcessIdentity;
  ended: Promise<ContainedEnd>;
  /** SIGTERM, the grace, SIGKILL to all of it. */
  stop(graceMs: number): Promise<void>;
  /** Stops watching; the program goes on and `ended` never settles. */
  leave(): void;
};

const drainMs = 2000;
const adoptedLookMs = 50;
const memoryLookMs = 1000;

export async function startContained(
  spec: ContainedSpec,
  what: ContainedLaunch,
  sink: CaptureSink,
): Promise<Contained> {
  // A group of this name that waits for its removal goes now, and never while what is started here is in it.
  removeLeftGroups(spec.name);
  const cgroup = spec.cgroups === null ? null : openCgroup(spec.cgroups, spec.name, spec.limits, spec.importance);
  const capture = captureFifo(spec.fifo, sink, { caps: jobCaptureCaps });
  try {
    const { isNetless, ...program } = what;
    const launched = await launch({
      ...program,
      fifo: spec.fifo,
      exitFile: spec.exitFile,
      cgroups: cgroup === null ? [] : cgroupDirs(cgroup),
      openFiles: openFilesLimit,
      fileBytes: spec.limits.diskBytes,
      limitArgv: [
        ...limitArgv(machineMeans(spec.cgroups), spec.limits, spec.importance),
        ...(isNetless ? netlessArgv() : []),
      ],
    });
    return watched(spec, launched, cgroup, capture, launched.exited);
  } catch (error) {
    capture.stop();
    if (cgroup !== null) removeCgroup(cgroup);
    throw error;
  }
}

/** Takes up what an earlier agent started; it may be gone by now. null: it is not known which process that was. */
export function adoptContained(
  spec: Omit<ContainedSpec, 'fifo'> & {
    /** null: nobody listens any more. */
    fifo: string | null;
  },
  known: ProcessIdentity | null,
  sink: CaptureSink,
): Contained {
  // The pid of one that is gone may be another's by now, and so may its session: what it left is known by its mark.
  const process = known !== null && isAlive(known) ? known : nobody;
  // A group of this name that waits for its removal goes now, and never while what is started here is in it.
  removeLeftGroups(spec.name);
  const cgroup = spec.cgroups === null ? null : openCgroup(spec.cgroups, spec.name, spec.limits, spec.importance);
  let capture: Capture | null = null;
  const gone = new AbortController();
  if (spec.fifo !== null && process !== nobody) capture = captureFifo(spec.fifo, sink, { caps: jobCaptureCaps });
  // The launcher holds the FIFO to its end: end-of-file is news at once. The looks are the safety net.
  const watch = { process, outputEnded: capture?.ended ?? null, lookMs: adoptedLookMs, signal: gone.signal };
  return watched(spec, process, cgroup, capture, untilGone(watch), () => gone.abort());
}

function watched(
  spec: Omit<ContainedSpec, 'fifo'>,
  process: ProcessIdentity,
  cgroup: Cgroup | null,
  capture: Capture | null,
  gone: Promise<unknown>,
  leave: () => void = () => {},
): Contained {
  let isLeft = false;
  const family = { leader: process, cgroup, mark: spec.mark };
  // The launched child does not keep this process here; whoever waits for its end does.
  const hold = setInterval(() => {}, 60_000);
  let isOverItsMemory = false;
  const lookAtMemory = () => {
    const pids = seen(() => groupOf(process).map(({ pid }) => pid));
    if (pids === null || !isOverMemory(pids, spec.limits.memoryBytes)) return;
    isOverItsMemory = true;
    void terminate({ ...family, graceMs: 0 }).catch(() => {}); // the next look finds what is left
  };
  const looks = isWatched(cgroup) ? setInterval(lookAtMemory, memoryLookMs).unref() : undefined;
  const watch = async (): Promise<ContainedEnd> => {
    await gone;
    clearInterval(hold);
    clearInterval(looks);
    if (isLeft) return new Promise<never>(() => {});
    const isOutOfMemory = isOverItsMemory || (cgroup !== null && (seen(() => oomKills(cgroup)) ?? 0) > 0);
    // Nothing can come out of an empty group: then nothing is left, and the process table need not be searched.
    if (process === nobody || cgroup === null || seen(() => cgroupPids(cgroup))?.length !== 0)
      await terminate({ ...family, graceMs: 0 });
    if (cgroup !== null) removeLater(spec.name, cgroup);
    if (capture !== null) {
      const limit = new AbortController();
      await Promise.race([capture.ended, pause(drainMs, undefined, { signal: limit.signal }).catch(() => {})]);
      limit.abort();
      capture.stop();
      await capture.ended;
    }
    return { code: exitCode(spec.exitFile), isOutOfMemory };
  };
  return {
    process,
    ended: watch(),
    stop: async (graceMs) => void (await terminate({ ...family, graceMs })),
    leave() {
      isLeft = true;
      clearInterval(hold);
      clearInterval(looks);
      leave();
      capture?.stop();
    },
  };
}

/** Milliseconds: a removal costs the kernel several, and whoever waits for the job's result goes first. */
const restMs = 300;

/** Empty groups that wait for their removal, by name. */
const leftGroups = new Map<string, Cgroup>();

/** Zombies that PID 1 has not reaped yet keep a group for a while. */
function removeLater(name: string, cgroup: Cgroup, waitMs = restMs): void {
  leftGroups.set(name, cgroup);
  const timer = setTimeout(() => {
    if (leftGroups.get(name) !== cgroup) return;
    if (removeCgroup(cgroup) || waitMs >= 60_000) leftGroups.delete(name);
    else removeLater(name, cgroup, waitMs * 2);
  }, waitMs);
  timer.unref();
}

/** Removes at once what waits, or the one of this name; from then on nobody removes that one later. */
export function removeLeftGroups(only?: string): void {
  for (const [name, cgroup] of leftGroups) {
    if (only !== undefined && name !== only) continue;
    const isGone = removeCgroup(cgroup);
    if (isGone || only !== undefined) leftGroups.delete(name);
  }
}

function exitCode(file: string): number | null {
  try {
    const text = readFileSync(file, 'latin1');
    return /^\d{1,3}\n$/.test(text) ? Number(text) : null;
  } catch {
    return null; // it was killed with its launcher
  }
}
