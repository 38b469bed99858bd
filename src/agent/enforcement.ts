// Which of the promises about identities and limits hold on this machine, and why not. Said, never pretended.
import type { Enforcement } from '../domain/hello.ts';
import { holdsOf, type MachineMeans } from './process/limit-means.ts';

export function enforcementOf(means: MachineMeans): Enforcement {
  const holds = holdsOf(means);
  const by = (limit: string) => holds.find((one) => one.limit === limit)?.by ?? 'nothing';
  const isShared = !means.hasIdentities;
  const weak = holds.filter(
    ({ limit }) =>
      (['memory', 'cpu', 'processes'].includes(limit) && !by(limit).startsWith('cgroup')) ||
      (limit === 'network' && by(limit) === 'nothing'),
  );
  return {
    identities: means.hasIdentities,
    memory: by('memory') !== 'nothing',
    cpu: by('cpu').startsWith('cgroup'),
    pids: by('processes') !== 'nothing',
    why: [
      ...(isShared ? ['identities are shared: Lockstep does not run as root, so every app runs as the same user'] : []),
      ...weak.map(
        ({ limit, by, note }) => `${limit}: ${by === 'nothing' ? `no limit holds, since ${note}` : `${by}, ${note}`}`,
      ),
    ],
    holds,
  };
}
