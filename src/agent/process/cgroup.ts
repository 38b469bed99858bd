// Limits by the kernel's control groups: version 1 has a directory per controller, version 2 one for all. A limit that
// this machine cannot hold is said, not pretended.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Limits } from '../../domain/plan.ts';
import { seen } from '../../lib/descriptors.ts';
import { readProcess } from './proc.ts';

export type Controller = 'memory' | 'cpu' | 'pids';
/** What an app may be (served, and its release commands) before what merely proves a change, and that before what only waits. */
export type Importance = 'app' | 'job' | 'spare';

export type CgroupSupport = {
  version: 1 | 2 | null;
  root: string;
  enforceable: readonly Controller[];
  why: readonly string[];
};
export type Cgroup = { version: 1 | 2; dirs: Readonly<Partial<Record<Controller, string>>> };

const controllers: readonly Controller[] = ['memory', 'cpu', 'pids'];
/** Empty when the group has gone. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
};
const attempt = (action: () => void): boolean => {
  try {
    action();
    return true;
  } catch {
    return false;
  }
};

/** Prepares `lockstep` under the root and says which limits can be held. */
export function detectCgroups(root = '/sys/fs/cgroup'): CgroupSupport {
  const unified = existsSync(join(root, 'cgroup.controllers'));
  const enforceable = controllers.filter((name) => {
    if (!unified)
      return (
        existsSync(join(root, name, 'cgroup.procs')) &&
        attempt(() => {
          mkdirSync(join(root, name, 'lockstep'), { recursive: true });
          // It may be there already, and another user's.
          accessSync(join(root, name, 'lockstep'), constants.W_OK);
        })
      );
    return attempt(() => {
      mkdirSync(join(root, 'lockstep'), { recursive: true });
      for (const dir of [root, join(root, 'lockstep')]) writeFileSync(join(dir, 'cgroup.subtree_control'), `+${name}`);
    });
  });
  const why = controllers
    .filter((name) => !enforceable.includes(name))
    .map((name) => `the ${name} limit needs a writable cgroup controller`);
  return { version: enforceable.length === 0 ? null : unified ? 2 : 1, root, enforceable, why };
}

/** The group of that name as it is, whether it is there or not. null: this machine has none. `name` is made of ids. */
export function findCgroup(support: CgroupSupport, name: string): Cgroup | null {
  if (support.version === null) return null;
  if (!/^[A-Za-z0-9_-]+$/.test(name)) throw new TypeError(`not a cgroup name: ${name}`);
  const { version, root } = support;
  const dirs: Partial<Record<Controller, string>> = {};
  for (const controller of support.enforceable)
    dirs[controller] = version === 1 ? join(root, controller, 'lockstep', name) : join(root, 'lockstep', name);
  return { version, dirs };
}

/** A check gets a quarter of what an app gets, when both want more than there is; what is started ahead a sixteenth. */
const weights: Readonly<Record<Importance, { shares: number; weight: number }>> = {
  app: { shares: 1024, weight: 100 },
  job: { shares: 256, weight: 25 },
  spare: { shares: 64, weight: 6 },
};

/** Makes (or finds) the group and sets its limits. */
export function openCgroup(support: CgroupSupport, name: string, limits: Limits, who: Importance): Cgroup | null {
  const group = findCgroup(support, name);
  if (group === null) return null;
  const { version, dirs } = group;
  for (const dir of cgroupDirs(group)) mkdirSync(dir, { recursive: true });
  const set = (controller: Controller, file: string, value: string | number): void => {
    if (dirs[controller] !== undefined) writeFileSync(join(dirs[controller], file), String(value));
  };
  const optional = (file: string, value: string | number): boolean => attempt(() => set('memory', file, value)); // swap accounting may be off
  const quota = limits.cpus === null ? null : Math.max(1000, Math.round(limits.cpus * 100_000));
  if (version === 2) {
    set('memory', 'memory.max', limits.memoryBytes);
    optional('memory.swap.max', 0);
    set('cpu', 'cpu.max', `${quota ?? 'max'} 100000`);
    set('cpu', 'cpu.weight', weights[who].weight);
    set('pids', 'pids.max', limits.pids);
  } else {
    optional('memory.memsw.limit_in_bytes', limits.memoryBytes); // first when it grows, again below when it shrinks
    set('memory', 'memory.limit_in_bytes', limits.memoryBytes);
    optional('memory.memsw.limit_in_bytes', limits.memoryBytes);
    set('cpu', 'cpu.cfs_quota_us', quota ?? -1);
    set('cpu', 'cpu.shares', weights[who].shares);
    set('pids', 'pids.max', limits.pids);
  }
  return group;
}

export const cgroupDirs = (group: Cgroup): string[] => [...new Set(Object.values(group.dirs))];

/** The living processes in it. */
export function cgroupPids(group: Cgroup): number[] {
  const pids = cgroupDirs(group).flatMap((dir) => read(join(dir, 'cgroup.procs')).split('\n').map(Number));
  return [...new Set(pids)].filter((pid) => pid > 0 && readProcess(pid) !== null);
}

/** How often the kernel killed something in it for want of memory. */
export function oomKills(group: Cgroup): number {
  if (group.dirs.memory === undefined) return 0;
  const text = read(join(group.dirs.memory, group.version === 1 ? 'memory.oom_control' : 'memory.events'));
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** How often the kernel refused a process in it because there were as many as may be. */
export function refusedProcesses(group: Cgroup): number {
  if (group.dirs.pids === undefined) return 0;
  return Number(/^max (\d+)$/m.exec(read(join(group.dirs.pids, 'pids.events')))?.[1] ?? 0);
}

/** Kills until it is empty; nothing can be forked meanwhile. */
export async function killCgroup(group: Cgroup, pollMs = 5): Promise<void> {
  const { pids } = group.dirs;
  const limit = pids === undefined ? '' : (seen(() => read(join(pids, 'pids.max'))) ?? '').trim();
  if (pids !== undefined) attempt(() => writeFileSync(join(pids, 'pids.max'), '0'));
  let waitMs = pollMs;
  const look = () => seen(() => cgroupPids(group));
  for (let left = look(); left?.length !== 0; left = look()) {
    for (const pid of left ?? []) attempt(() => process.kill(pid, 'SIGKILL'));
    await pause(waitMs);
    waitMs = Math.min(500, waitMs * 2);
  }
  if (pids !== undefined && limit !== '') attempt(() => writeFileSync(join(pids, 'pids.max'), limit));
}

/** Removes the emptied group. False: something of it is still there (a zombie not yet reaped); ask again later. */
export const removeCgroup = (group: Cgroup): boolean =>
  cgroupDirs(group)
    .map((dir) => attempt(() => rmdirSync(dir)) || !existsSync(dir))
    .every(Boolean);
