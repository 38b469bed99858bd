// What the agent has where there is a container engine: images, pulls, exports, the tools of checks, networks that are ready, and the runtime of
// containers, all behind one socket. It opens them and ties them to one another, and knows none of the agent's other parts: what its jobs
// in images need is handed out whole (`forJobs`). Nothing is asked of the engine before somebody needs it; there may be none.
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { engineAt } from '../agent/engine/engine.ts';
import { openFirstStarts } from '../agent/engine/first-starts.ts';
import { lookAtEngine } from '../agent/engine/look.ts';
import type { HomeFolders } from '../agent/folders.ts';
import { BuildCaps, buildLimits } from '../agent/images/build-caps.ts';
import { BuildLeases, usualLeases } from '../agent/images/build-leases.ts';
import { openImageExports } from '../agent/images/image-exports.ts';
import { openImages } from '../agent/images/images.ts';
import { openPulls } from '../agent/images/pulls.ts';
import { openToolVolumes } from '../agent/images/tool-volumes.ts';
import type { ImageRoom } from '../agent/jobs/in-image.ts';
import { openReadyNetworks } from '../agent/jobs/ready-network.ts';
import type { CgroupSupport } from '../agent/process/cgroup.ts';
import { dockerRuntime } from '../agent/runtimes/docker/docker-runtime.ts';
import { placeInContainer } from '../agent/supervise/prepare-container.ts';
import type { BuildNetwork } from '../config/build-network.ts';
import { type AppId, type JobId, makeId, type NodeId } from '../domain/ids.ts';
import { volumeVariable } from '../domain/volume-variable.ts';

export function openContainers(given: {
  /** Where the engine listens. */
  socket: string;
  nodeId: NodeId;
  folders: HomeFolders;
  cgroups: CgroupSupport;
  /** What builds get to reach anything. */
  network: BuildNetwork;
  /** The engine was away and is back. */
  onAgain(): void;
}) {
  const { socket, nodeId, folders, cgroups, network, onAgain } = given;
  const engine = engineAt(socket);
  const tools = openToolVolumes({ engine, node: nodeId });
  const newJobId = (): JobId => makeId('job', Date.now(), randomBytes(16));
  const networks = openReadyNetworks({ engine, node: nodeId, newJobId });
  const starts = openFirstStarts();
  const images = openImages({
    ...{ socket, nodeId, network },
    caps: new BuildCaps(cgroups, buildLimits(availableParallelism()), new BuildLeases(usualLeases, nodeId)),
    onBuild: networks.wantAgain,
  });
  const pulls = openPulls({ socket, look: images.look });
  const runtime = dockerRuntime({ engine, node: nodeId, starts, folder: join(folders.agent, 'containers'), onAgain });

  /** As an instance of the release has it. */
  const live: ImageRoom['live'] = async (spec, tmp) => {
    const image = { id: spec.place.image, isGenerated: spec.place.isGenerated ?? false };
    const parts = { folders, factsOf: runtime.factsOf };
    const app = { ...spec, id: spec.appId };
    const { volumes, ...place } = await placeInContainer(parts, app, image, spec.volumes, tmp);
    const env = Object.fromEntries(volumes.map(({ name, to }) => [volumeVariable(name), to]));
    return { ...place, env, isOwnInit: true, network: await runtime.networkOf(spec.appId) };
  };

  return {
    ...{ images, pulls, tools, networks, runtime },
    exports: openImageExports({ socket, look: images.look }),
    forJobs: { engine, node: nodeId, tools, networks, starts, live } satisfies ImageRoom,
    look: () => lookAtEngine(socket),
    /** Removes what a destroyed app left in the engine; nothing of it runs. */
    async removeApp(id: AppId): Promise<void> {
      await runtime.removeApp(id);
      await Promise.all([tools.collect(id, 0), networks.end(id)]);
      await images.forget(id);
      await pulls.collect(id, new Set());
    },
  };
}
