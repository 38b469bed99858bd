// By which means each limit holds on this machine, and what a launch needs for it. Control groups where they can be
// written; else what the kernel holds for one process or one user (rlimits), priorities, and the agent's own looks. What holds by
// nothing is said so. RLIMIT_AS is used for nothing: Node, Go and Java reserve gigabytes of addresses that they never touch.
import { existsSync } from 'node:fs';
import type { LimitHold } from '../../domain/hello.ts';
import type { Limits } from '../../domain/plan.ts';
import type { CgroupSupport, Importance } from './cgroup.ts';
import { hasNetworkNamespaces } from './netless.ts';

/** For each process. A program that leaks stops here; one with `concurrency` requests in flight stays far below. */
export const openFilesLimit = 8192;

/**
 * RLIMIT_DATA counts what a runtime has mapped writable, touched or not: an idle Node 26 maps 570 MB. So it is a backstop
 * far above the limit, against one that takes all memory between two looks.
 */
const dataAllowanceBytes = 1024 ** 3;
const niceness: Readonly<Record<Importance, number>> = { app: 5, job: 10, spare: 10 };

export type MachineMeans = {
  /** Each app has users of its own. */
  hasIdentities: boolean;
  cgroups: CgroupSupport;
  /** /usr/bin/prlimit and /usr/bin/nice are there. */
  hasPrlimit: boolean;
  /** A check with `network: none` gets a network of its own. */
  hasNetworks: boolean;
};

const noCgroups: CgroupSupport = { version: null, root: '', enforceable: [], why: [] };

/** @param cgroups null: none is used */
export const machineMeans = (cgroups: CgroupSupport | null, uid = process.getuid?.() ?? -1): MachineMeans => ({
  hasIdentities: uid === 0,
  cgroups: cgroups ?? noCgroups,
  hasPrlimit: existsSync('/usr/bin/prlimit') && existsSync('/usr/bin/nice'),
  hasNetworks: hasNetworkNamespaces(uid),
});

/** One for each limit, in the order of `limitNames`. */
export function holdsOf({ hasIdentities, cgroups, hasPrlimit, hasNetworks }: MachineMeans): LimitHold[] {
  const group = cgroups.version === 2 ? 'cgroup v2' : 'cgroup v1';
  const has = (name: 'memory' | 'cpu' | 'pids') => cgroups.enforceable.includes(name);
  const noTool = 'neither a writable cgroup controller nor prlimit(1) (util-linux) is there';
  const shared = 'processes are counted for each user, and without root all apps and Lockstep are one user';
  return [
    has('memory')
      ? { limit: 'memory', by: group, note: null }
      : { limit: 'memory', by: 'watched', note: 'measured every second; what is above its limit is ended then' },
    has('cpu')
      ? { limit: 'cpu', by: group, note: null }
      : hasPrlimit
        ? {
            limit: 'cpu',
            by: 'priority',
            note: 'apps and checks come after the platform; a limit in cores does not hold',
          }
        : { limit: 'cpu', by: 'nothing', note: noTool },
    has('pids')
      ? { limit: 'processes', by: group, note: null }
      : hasIdentities && hasPrlimit
        ? { limit: 'processes', by: 'rlimit', note: 'all instances of an app together may have twice the limit of one' }
        : { limit: 'processes', by: 'nothing', note: hasIdentities ? noTool : shared },
    { limit: 'open-files', by: 'rlimit', note: null },
    {
      limit: 'disk',
      by: 'watched',
      note: hasIdentities
        ? 'measured every few seconds; from the limit on writes are refused, one file is never larger than the limit'
        : 'measured every few seconds; without root an app could lift the refusal of its writes',
    },
    hasNetworks
      ? { limit: 'network', by: 'namespace', note: null }
      : {
          limit: 'network',
          by: 'nothing',
          note: 'no network namespace can be made here, and a check with network: none has a network all the same',
        },
  ];
}

/** Put before a command, so that it holds what no control group does; empty where groups hold all. */
export function limitArgv(
  { hasIdentities, cgroups, hasPrlimit }: MachineMeans,
  limits: Limits,
  who: Importance,
): string[] {
  if (!hasPrlimit) return [];
  const misses = (name: 'memory' | 'cpu' | 'pids') => !cgroups.enforceable.includes(name);
  const rlimits = [
    ...(misses('memory') ? [`--data=${limits.memoryBytes + dataAllowanceBytes}`] : []),
    // The old and the new instance of a switch are one user.
    ...(misses('pids') && hasIdentities ? [`--nproc=${2 * limits.pids}`] : []),
  ];
  return [
    ...(misses('cpu') ? ['/usr/bin/nice', '-n', String(niceness[who])] : []),
    ...(rlimits.length > 0 ? ['/usr/bin/prlimit', ...rlimits] : []),
  ];
}
