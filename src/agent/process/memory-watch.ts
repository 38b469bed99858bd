// Where no control group holds memory, the agent measures it. Resident pages first; only what seems to be above its limit is
// asked for its proportional share, which is exact and dear: forked workers share most of what they have.
import { readFileSync } from 'node:fs';
import type { Cgroup } from './cgroup.ts';

const pageBytes = 4096;
const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has just ended, or is not ours to look into
  }
};

const sum = (pids: readonly number[], of: (pid: number) => number) => pids.reduce((total, pid) => total + of(pid), 0);
const residentBytes = (pid: number) => Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * pageBytes;
const shareBytes = (pid: number) => {
  const kib = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1];
  return kib === undefined ? residentBytes(pid) : Number(kib) * 1024;
};

/** False where a control group holds the limit. */
export const isWatched = (group: Cgroup | null): boolean => group?.dirs.memory === undefined;

export const isOverMemory = (pids: readonly number[], limitBytes: number): boolean =>
  sum(pids, residentBytes) > limitBytes && sum(pids, shareBytes) > limitBytes;
