// What people should know of the machine's container engine: which limits it does not hold, and what to set. Pure.
import type { EngineLook } from '../../domain/engine.ts';
import type { AgentSurvey } from '../../domain/survey.ts';

export function engineNotes({ engine, filter }: Pick<AgentSurvey, 'engine' | 'filter'>): string[] {
  if (engine === undefined) return [];
  if (engine.state !== 'ready') return engine.state === 'absent' ? [] : [`${engine.why}. ${engine.advice}`];
  return [...limitNotes(engine), ...filterNotes(filter)];
}

function limitNotes({ facts }: Extract<EngineLook, { state: 'ready' }>): string[] {
  const { cgroup, limits, isRootless, storage } = facts;
  const lacking = Object.entries(limits).flatMap(([name, isHeld]) => (isHeld ? [] : [name]));
  return [
    ...(lacking.length === 0
      ? []
      : [
          `containers have no limit of ${lacking.join(', ')} here: ${cgroup.version === '1' ? 'start the kernel with cgroup_enable=memory swapaccount=1, or' : 'delegate the controllers to the engine, or'} do without`,
        ]),
    ...(isRootless
      ? ['the engine runs without root: neither builds nor containers are held to limits that it may not set']
      : []),
    ...(cgroup.driver === 'systemd'
      ? [
          'builds of images are held to 15 minutes and to the room on the disk only, not to memory, CPU or processes: the engine puts their steps among all others (cgroup driver systemd). To have them held, set "exec-opts": ["native.cgroupdriver=cgroupfs"] in /etc/docker/daemon.json and restart it',
        ]
      : []),
    ...(storage === 'overlay2' || storage === 'overlayfs'
      ? []
      : [
          `the engine stores images by ${storage}: starts are slower, and what a container writes into its own root counts to no limit. overlay2 is the usual one`,
        ]),
  ];
}

function filterNotes(filter: AgentSurvey['filter']): string[] {
  return filter?.state === 'none'
    ? [
        'the packet filter has no chain of the engine’s: it was told to leave it alone (iptables: false), or something flushed it all (nft flush ruleset, iptables-restore), and containers reach nothing until the engine is restarted',
      ]
    : [];
}
