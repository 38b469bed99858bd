// Which of the promises about identities and limits hold on this machine, and why not. Said, never pretended.
import type { Enforcement } from '../domain/desired.ts';
import type { CgroupSupport } from './process/cgroup.ts';

/** @param uid of this process */
export function enforcementOf(uid: number, cgroups: CgroupSupport): Enforcement {
  const isRoot = uid === 0;
  const holds = (name: 'memory' | 'cpu' | 'pids') => isRoot && cgroups.enforceable.includes(name);
  const shared = 'identities are shared: Lockstep does not run as root, so every app runs as the same user';
  return {
    identities: isRoot,
    memory: holds('memory'),
    cpu: holds('cpu'),
    pids: holds('pids'),
    why: [...(isRoot ? [] : [shared]), ...cgroups.why],
  };
}
