// Ends a process and everything that came from it: SIGTERM to its group, time to finish, then SIGKILL to whatever is
// left in its cgroup, session, group, or carries its mark in the environment (a daemon that left them all).
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { seen } from '../../lib/descriptors.ts';
import { type Cgroup, cgroupPids, killCgroup } from './cgroup.ts';
import { groupOf, isAlive, listProcesses, nobody, type ProcessIdentity, readProcess } from './proc.ts';

export type TerminateSpec = {
  leader: ProcessIdentity;
  cgroup: Cgroup | null;
  /** "NAME=value", an environment variable that only these processes have; null: not used. */
  mark: string | null;
  graceMs: number;
  pollMs?: number;
};

const longestWaitMs = 500;

/** The process table is long: it is read once a look. */
function family(spec: TerminateSpec): number[] {
  const there = spec.mark === null && spec.leader.pid === nobody.pid ? [] : listProcesses();
  const marked = spec.mark === null ? [] : there.filter(({ pid }) => hasMark(pid, spec.mark!));
  const all = [...groupOf(spec.leader, () => there), ...marked].map(({ pid }) => pid);
  return [...new Set([...all, ...(spec.cgroup === null ? [] : cgroupPids(spec.cgroup))])].filter(
    (pid) => pid !== process.pid,
  );
}

function hasMark(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
  } catch {
    return false; // gone, or another user's
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** SIGTERM to its process group, when it leads one. False: it could not be seen whether it does. */
function ask(leader: ProcessIdentity): boolean {
  const leads = seen(() => {
    const itself = readProcess(leader.pid);
    const isItself = itself !== null && itself.startTicks === leader.startTicks;
    // One that has ended may have left a group: only then is the process table searched.
    return (isItself && itself.pgid === leader.pid) || groupOf(leader).some(({ pgid }) => pgid === leader.pid);
  });
  if (leads) send(-leader.pid, 'SIGTERM');
  return leads !== null;
}

/** Resolves when none is left: 'term' when they went by themselves, 'kill' when it took SIGKILL. */
export async function terminate(spec: TerminateSpec): Promise<'term' | 'kill'> {
  const pollMs = spec.pollMs ?? 10;
  const until = performance.now() + spec.graceMs;
  // The group's own list where there is one: it is a short file, and the process table a long one.
  const isThere = () =>
    seen(
      () => isAlive(spec.leader) || (spec.cgroup === null ? groupOf(spec.leader) : cgroupPids(spec.cgroup)).length > 0,
    ) ?? true;
  let isAsked = ask(spec.leader);
  while (performance.now() < until && isThere()) {
    await pause(pollMs);
    if (!isAsked) isAsked = ask(spec.leader);
  }
  let how: 'term' | 'kill' = 'term';
  let waitMs = pollMs;
  const look = () => seen(() => family(spec));
  for (let left = look(); left?.length !== 0; left = look()) {
    how = 'kill';
    for (const pid of left ?? []) send(pid, 'SIGKILL');
    if (spec.cgroup !== null) await killCgroup(spec.cgroup);
    await pause(waitMs);
    waitMs = Math.min(longestWaitMs, waitMs * 2); // one that waits for a disk dies when the disk has answered
  }
  return how;
}
