// What an instance uses now: from its control group where there is one, else summed over its processes.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, cgroupPids } from '../../process/cgroup.ts';

export type Usage = { memoryBytes: number; cpuSeconds: number; processes: number };

const ticksPerSecond = 100;
const pageBytes = 4096;
const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has just ended
  }
};

/** `pids` is asked only where the group does not know. Memory is without the file cache that the kernel can drop. */
export function usageOf(group: Cgroup | null, pids: () => readonly number[]): Usage {
  const members = group === null ? pids() : cgroupPids(group);
  return {
    memoryBytes: (group === null ? null : groupMemory(group)) ?? sum(members, residentBytes),
    cpuSeconds: (group === null ? null : groupCpu(group)) ?? sum(members, cpuSecondsOf),
    processes: members.length,
  };
}

function groupMemory(group: Cgroup): number | null {
  const dir = group.dirs.memory;
  if (dir === undefined) return null;
  const used = Number(read(join(dir, group.version === 1 ? 'memory.usage_in_bytes' : 'memory.current')));
  const cached = /^(?:total_inactive_file|inactive_file) (\d+)$/m.exec(read(join(dir, 'memory.stat')))?.[1] ?? 0;
  return Math.max(0, used - Number(cached));
}

function groupCpu(group: Cgroup): number | null {
  const dir = group.dirs.cpu;
  if (dir === undefined) return null;
  if (group.version === 2) return Number(/^usage_usec (\d+)$/m.exec(read(join(dir, 'cpu.stat')))?.[1] ?? 0) / 1e6;
  return existsSync(join(dir, 'cpuacct.usage')) ? Number(read(join(dir, 'cpuacct.usage'))) / 1e9 : null;
}

function residentBytes(pid: number): number {
  return Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * pageBytes;
}

function cpuSecondsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

function sum(members: readonly number[], of: (pid: number) => number): number {
  return members.reduce((total, pid) => total + of(pid), 0);
}
