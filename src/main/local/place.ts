// Where a developer's containers are: the engine of this machine, a home of our own with volumes and records, and the very runtime that an agent
// has. What a command that was killed has left in the engine is removed by the next one.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Engine, engineAt } from '../../agent/engine/engine.ts';
import { lookAtEngine } from '../../agent/engine/look.ts';
import { type HomeFolders, homeFolders } from '../../agent/folders.ts';
import { BuildCaps, buildLimits } from '../../agent/images/build-caps.ts';
import { type Images, openImages } from '../../agent/images/images.ts';
import { openPulls, type Pulls } from '../../agent/images/pulls.ts';
import { detectCgroups } from '../../agent/process/cgroup.ts';
import { identify, isAlive } from '../../agent/process/proc.ts';
import { removeTree } from '../../agent/remove-tree.ts';
import { type DockerRuntime, dockerRuntime } from '../../agent/runtimes/docker/docker-runtime.ts';
import { type BuildNetwork, plainNetwork } from '../../config/build-network.ts';
import type { EngineFound } from '../../config/developer-engine.ts';
import type { EngineFacts } from '../../domain/engine.ts';
import { fail } from '../../domain/errors.ts';
import { type AppId, type InstanceId, type NodeId, parseId } from '../../domain/ids.ts';
import { atomicWrite } from '../../lib/atomic-write.ts';
import { makeHome, ownNodeId } from '../agent-home.ts';
import { localTag } from './own-images.ts';

export type LocalPlace = {
  socket: string;
  facts: EngineFacts;
  engine: Engine;
  folders: HomeFolders;
  /** The name of this machine: its containers and networks bear it, so that no agent on the same engine takes them for its own. */
  node: NodeId;
  runtime: DockerRuntime;
  pulls: Pulls;
  /** What a build gets to reach anything. */
  network: BuildNetwork;
  /** @param node whose images are made: the labels of an image are a part of it */
  imagesOf(node: NodeId): Images;
  /** From now on this process is why an instance is there. */
  hold(app: AppId, id: InstanceId): Promise<void>;
  /** Whatever there is of it is removed: container, folder, record, and the app's network when nobody is in it. */
  letGo(app: AppId, id: InstanceId): Promise<void>;
  close(): void;
};

/** @throws no-engine (it says what to install), engine-away */
export async function openLocalPlace(
  found: EngineFound,
  home: string,
  network: BuildNetwork = plainNetwork,
): Promise<LocalPlace> {
  if (found.socket === null) throw fail('no-engine', found.why, { advice: found.advice });
  const { socket } = found;
  const look = await lookAtEngine(socket);
  if (look.state !== 'ready')
    throw fail(look.state === 'hung' ? 'engine-away' : 'no-engine', `no container engine: ${look.why}`, {
      advice: look.state === 'forbidden' ? 'Be in the group that owns the socket (usually docker).' : look.advice,
    });
  if (look.facts.isRootless)
    throw fail('no-engine', `the engine at ${socket} is rootless: its containers have no address on this machine`, {
      advice: 'Name one that is not: LOCKSTEP_ENGINE=/var/run/docker.sock',
    });
  const folders = homeFolders(home);
  await makeHome(folders);
  const node = await ownNodeId(folders);
  const engine = engineAt(socket);
  const folder = join(folders.agent, 'containers');
  const runtime = dockerRuntime({ engine: engineAt(socket), node, folder, onAgain: () => {} });
  const caps = new BuildCaps(detectCgroups(), buildLimits(availableParallelism()));
  const records = join(home, 'runs');
  const recordOf = (id: string) => join(records, id);
  const place: LocalPlace = {
    ...{ socket, facts: look.facts, engine, folders, node, runtime, network },
    pulls: openPulls({ socket, look: async () => look }),
    imagesOf: (nodeId) => openImages({ socket, nodeId, caps, network, tagOf: localTag }),
    async hold(app, id) {
      await mkdir(records, { recursive: true, mode: 0o700 });
      await atomicWrite(recordOf(id), JSON.stringify({ app, ...identify(process.pid) }));
    },
    async letGo(app, id) {
      await runtime.clean(id);
      await removeTree(folders.instance(app, id));
      await rm(recordOf(id), { force: true });
      await runtime.removeApp(app).catch(() => {}); // somebody else's run of the app is in it
    },
    close: () => runtime[Symbol.dispose](),
  };
  await sweep(place, records);
  return place;
}

async function sweep({ letGo }: LocalPlace, records: string): Promise<void> {
  for (const name of await readdir(records).catch(() => [])) {
    const text = await readFile(join(records, name), 'utf8').catch(() => '{}');
    const { app, pid, startTicks } = parsed(text);
    const [id, appId] = [parseId('ins', name), parseId('app', String(app))];
    if (id === null || appId === null || isAlive({ pid: Number(pid), startTicks: Number(startTicks) })) continue;
    await letGo(appId, id);
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
