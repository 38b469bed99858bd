// Who is really behind an instance: its recorded process by pid and start time, the users of all of its processes, and who
// holds its port. A process that took the port of one that was killed answers as if it were the app; here it is told apart,
// by the sockets that the instance's own processes hold and by the mark in the environment that they were started with.
// The kernel is asked anew each time, once for however many instances and once for each container's own network.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ProcessEvidence } from '../../domain/survey.ts';
import type { InstanceView } from '../desired/converge.ts';
import { type Listener, readListeners, socketInodes } from '../health/listeners.ts';
import { isAlive, readProcess } from '../process/proc.ts';
import { containerOfPid } from '../runtimes/docker/container-place.ts';
import type { FoundInEngine } from '../runtimes/docker/docker-runtime.ts';
import type { Place } from '../runtimes/runtime.ts';

/** `address`: where the router reaches it. */
export type Looked = {
  view: InstanceView;
  address: string;
  pids: readonly number[];
  /** Of a container: whatever listens in its network is its own. */
  place?: Place | null;
  isImage?: boolean;
};

export type FoundContainer = FoundInEngine['containers'][number];

/** @param containersNow of all instances; asked only when there is one that is an image's; null: nobody answers */
export async function evidenceOf(
  instances: readonly Looked[],
  containersNow: () => Promise<readonly FoundContainer[] | null> = async () => null,
): Promise<ProcessEvidence[]> {
  const containers = instances.some(({ isImage }) => isImage) ? await containersNow() : null;
  const withPort = instances.filter(({ view, place }) => isServing(view) && !place);
  const listeners = withPort.length === 0 ? [] : await readListeners();
  return Promise.all(
    instances.map(async ({ view, address, pids, place = null, isImage = false }) => {
      const { id: instanceId, setId, appId, type, state, pid, port, startTicks } = view;
      const there = isServing(view) && place !== null ? await place.listeners() : listeners;
      const onPort = isServing(view) ? reachedAt(there, address, port!) : [];
      const own = onPort.length === 0 || place !== null ? new Set<number>() : await socketInodes(pids);
      const foreign = place !== null ? [] : onPort.filter(({ inode }) => !own.has(inode));
      const stranger = foreign.length === 0 ? null : await strangerOf(foreign, instanceId);
      return {
        ...{ instanceId, setId, appId, type, state, pid, port },
        isAlive: pid !== null && startTicks !== null && isAlive({ pid, startTicks }),
        uids: [...new Set(pids.flatMap((one) => uidOf(one) ?? []))].sort((a, b) => a - b),
        isFolderGone: pid !== null && isGoneRelease(linkOf(`/proc/${pid}/cwd`), appId),
        stranger: stranger === 'own' ? null : stranger,
        listens: port === null ? null : onPort.length > foreign.length || stranger === 'own',
        ...(isImage && containers !== null ? imagesOf(containers, instanceId, pid) : {}),
      };
    }),
  );
}

/** That in which its process is, by the kernel's word, and what else runs under its name. */
function imagesOf(
  all: readonly FoundContainer[],
  instanceId: string,
  pid: number | null,
): Pick<ProcessEvidence, 'image' | 'beside'> {
  const named = all.filter(({ instance }) => instance === instanceId);
  const id = pid === null ? null : containerOfPid(pid);
  // Where the kernel does not say which it is in (a hybrid of control groups), there is one, or none can be told apart.
  const own = id === null ? named.find(({ isRunning }) => isRunning) : named.find((one) => one.id === id);
  const beside = named.filter((one) => one !== own && one.isRunning).map(({ image }) => image);
  return { image: own?.image ?? null, ...(beside.length === 0 ? {} : { beside }) };
}

/** Processes that bear the mark of an instance of this home that is not among the known ones. */
export function straysOf(
  home: string,
  known: ReadonlySet<string>,
): { pid: number; instanceId: string; executable: string | null }[] {
  const strays = [];
  for (const name of readdirSync('/proc')) {
    const pid = /^\d+$/.test(name) ? Number(name) : null;
    if (pid === null || pid === process.pid) continue;
    const env = textOf(`/proc/${pid}/environ`);
    const instanceId = /(?:^|\0)LOCKSTEP_INSTANCE=(ins_[0-9A-Z]{26})(?:\0|$)/.exec(env)?.[1];
    if (instanceId === undefined || known.has(instanceId) || !`\0${env}`.includes(`\0HOME=${home}/`)) continue;
    if (readProcess(pid) !== null) strays.push({ pid, instanceId, executable: linkOf(`/proc/${pid}/exe`) });
  }
  return strays;
}

/** Who is asked at this address: whoever listens just there, else those that listen everywhere. */
function reachedAt(listeners: readonly Listener[], address: string, port: number): Listener[] {
  const onPort = listeners.filter((one) => one.port === port);
  const exact = onPort.filter((one) => one.address === address);
  const everywhere = isIP(address) === 4 ? ['0.0.0.0', '::'] : ['::'];
  return exact.length > 0 ? exact : onPort.filter((one) => everywhere.includes(one.address));
}

/** A program may remove a folder of its own and stay in it; a release's is ours. */
function isGoneRelease(folder: string | null, appId: string): boolean {
  return folder?.endsWith(' (deleted)') === true && folder.includes(`/${appId}/trees/`);
}

function isServing({ state, port }: InstanceView): boolean {
  return port !== null && (state === 'healthy' || state === 'unhealthy' || state === 'draining');
}

/** Whoever holds one of these sockets; `own` when it was started as part of the instance and has only left its group. */
async function strangerOf(
  foreign: readonly Listener[],
  instanceId: string,
): Promise<'own' | NonNullable<ProcessEvidence['stranger']>> {
  const inodes = new Set(foreign.map(({ inode }) => inode));
  for (const name of readdirSync('/proc')) {
    const pid = /^\d+$/.test(name) ? Number(name) : null;
    if (pid === null) continue;
    const held = await socketInodes([pid]);
    if (![...inodes].some((inode) => held.has(inode))) continue;
    if (`\0${textOf(`/proc/${pid}/environ`)}\0`.includes(`\0LOCKSTEP_INSTANCE=${instanceId}\0`)) return 'own';
    return { pid, uid: uidOf(pid), executable: linkOf(`/proc/${pid}/exe`), folder: linkOf(`/proc/${pid}/cwd`) };
  }
  return { pid: null, uid: null, executable: null, folder: null };
}

function uidOf(pid: number): number | null {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
