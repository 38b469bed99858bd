// What a program has run into besides memory: how many processes it may have, how many files each may have open. Looked at
// once a second, and cheap: a counter of the kernel's, and the size of /proc/PID/fd (6.2 and later tell the number of
// descriptors there; before, the entries are counted).
import { readdirSync, statSync } from 'node:fs';
import { type Cgroup, refusedProcesses } from './cgroup.ts';

export const reachable = ['processes', 'open-files'] as const;
export type Reached = (typeof reachable)[number];

/** Of an instance's processes, so many are looked at. */
const mostPids = 32;
/** So few descriptors left count as none: the ones that it would need to say so. */
const spare = 8;

export type ReachedLook = {
  group: Cgroup | null;
  pids(): readonly number[];
  /** As many as it may have; asked where the kernel does not count refusals. */
  processes: number;
  openFiles: number;
  /** The group is of this start alone: what was refused before the first look counts. */
  isFresh?: boolean;
};

/** A look tells what was run into since the look before, or is run into now. */
export function reachedLooks({ group, pids, processes, openFiles, isFresh = false }: ReachedLook): () => Reached[] {
  const isCounted = group?.dirs.pids !== undefined;
  let refused = isCounted && !isFresh ? refusedProcesses(group) : 0;
  return () => {
    const found: Reached[] = [];
    const members = pids();
    const refusedNow = isCounted ? refusedProcesses(group) : 0;
    if (isCounted ? refusedNow > refused : members.length >= processes) found.push('processes');
    refused = refusedNow;
    if (members.slice(0, mostPids).some((pid) => openFilesOf(pid) >= openFiles - spare)) found.push('open-files');
    return found;
  };
}

/** 0 when it has gone, or is not ours to look into. */
export function openFilesOf(pid: number): number {
  const path = `/proc/${pid}/fd`;
  try {
    return statSync(path).size || readdirSync(path).length;
  } catch {
    return 0;
  }
}
