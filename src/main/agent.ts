// The agent process: wires the agent's parts, ties it to the router's socket, serves control. `up.ts` calls `startAgent`
// in its own process; as a program: LOCKSTEP_HOME=<folder> node agent.ts [--control-uid 990]
import { randomBytes, randomUUID } from 'node:crypto';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AgentCore } from '../agent/agent.ts';
import type { AgentLog } from '../agent/agent-parts.ts';
import { removePartials } from '../agent/collect.ts';
import { enforcementOf } from '../agent/enforcement.ts';
import { engineAt } from '../agent/engine/engine.ts';
import { lookAtEngine } from '../agent/engine/look.ts';
import { type HomeFolders, homeFolders } from '../agent/folders.ts';
import { BuildCaps, buildLimits } from '../agent/images/build-caps.ts';
import { BuildLeases, usualLeases } from '../agent/images/build-leases.ts';
import { openImageExports } from '../agent/images/image-exports.ts';
import { openImages } from '../agent/images/images.ts';
import { openPulls } from '../agent/images/pulls.ts';
import { openToolVolumes } from '../agent/images/tool-volumes.ts';
import { openFifoPool } from '../agent/jobs/fifo-pool.ts';
import { openJobs } from '../agent/jobs/jobs.ts';
import { openReadyNetworks } from '../agent/jobs/ready-network.ts';
import { openLayers } from '../agent/layers/layers.ts';
import { removeLeavings } from '../agent/leavings.ts';
import { detectCgroups } from '../agent/process/cgroup.ts';
import { machineMeans } from '../agent/process/limit-means.ts';
import { openStandIn } from '../agent/process/stand-in.ts';
import { removeTree } from '../agent/remove-tree.ts';
import { keepRoom, type RoomKeeper } from '../agent/room/keep-room.ts';
import { sweepHome } from '../agent/room/sweep-home.ts';
import { dockerRuntime } from '../agent/runtimes/docker/docker-runtime.ts';
import { processRuntime } from '../agent/runtimes/process/process-runtime.ts';
import type { ServerParts } from '../agent/server/routes.ts';
import { serveAgent } from '../agent/server/server.ts';
import { defaultTimings, type Timings } from '../agent/supervise/instance-parts.ts';
import { recordFiles } from '../agent/supervise/instance-record.ts';
import { placeInContainer } from '../agent/supervise/prepare-container.ts';
import { prepareStart } from '../agent/supervise/prepare-start.ts';
import type { RouterPort } from '../agent/supervise/routing.ts';
import { volumeVariable } from '../agent/supervise/start-plan.ts';
import { isToolName, toolsDigest } from '../agent/toolchains/pins.ts';
import { openToolchains } from '../agent/toolchains/toolchains.ts';
import { Arrivals } from '../agent/tree/arrivals.ts';
import { type BuildNetwork, buildNetworkOf, plainNetwork } from '../config/build-network.ts';
import { engineSocketOf, usualEngineSocket } from '../config/engine-socket.ts';
import { errorRegistry, fail, isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import { type AppId, type JobId, makeId } from '../domain/ids.ts';
import { steadyMs } from '../lib/clock.ts';
import { kernelBoot } from '../lib/kernel-boot.ts';
import { createRouterClient } from '../router/client.ts';
import { makeHome, ownNodeId } from './agent-home.ts';
import { claimHome } from './claim-home.ts';
import { endOnUncaught } from './uncaught.ts';
import { programVersion } from './version.ts';

export type AgentOptions = {
  home: string;
  /** Who may speak on the socket beside us; null: nobody. */
  controlUid: number | null;
  routerSocket: string;
  /** Left out: the one behind that socket. */
  router?: RouterPort;
  /** The folder of Lockstep's own program. */
  programRoot: string;
  log: AgentLog;
  timings?: Partial<Timings>;
  /** How long `putDesired` waits for a router that is away; 1000 unless told. */
  routerWaitMs?: number;
  /** How long a document that is not the last one waits for control to send that; 10 s unless told. */
  fallBackMs?: number;
  /** Between two rounds of measuring the apps' disk; 2000 unless told. */
  diskRestMs?: number;
  /** Where the container engine listens; the usual place unless told. */
  engineSocket?: string;
  /** What builds get to reach anything; nothing unless told. */
  buildNetwork?: BuildNetwork;
};

export type RunningAgent = {
  hello: AgentHello;
  /** `instances`: also ends every instance and job; else all runs on, and the next agent takes it up. */
  stop(options: { instances: boolean }): Promise<void>;
};

/** Starts the agent. @throws home-in-use, home-unreachable */
export async function startAgent(given: AgentOptions): Promise<RunningAgent> {
  // Every mode of ours is meant: a stricter mask of the operator's would close jobs and layers to their own identities.
  process.umask(0o022);
  const options = { ...given, log: neverThrows(given.log) };
  const folders = homeFolders(resolve(options.home));
  await makeHome(folders);
  const ready = Promise.withResolvers<ServerParts>();
  ready.promise.catch(() => {});
  // First, so that no second agent takes up the same instances.
  const release = claimHome(folders.agent);
  const { controlUid, log } = options;
  let room: RoomKeeper | null = null;
  const diskIsFull = () => room?.metTheEnd();
  const where = { socketPath: folders.socket, controlUid, log, diskIsFull };
  const server = await serveAgent(ready.promise, where).catch((error: unknown) => {
    release();
    throw error;
  });
  try {
    await removePartials(folders);
    const standIn = await openStandIn({ pipes: folders.pipes, kept: folders.keptOutput });
    const parts = await openParts(options, folders);
    const { core, jobs, layers, images, networks, containers } = parts;
    room = keepRoom({ home: folders.home, sweep: () => sweepHome({ folders, core, jobs, layers }), log });
    ready.resolve(parts);
    return {
      hello: await core.hello(),
      async stop({ instances }) {
        room?.close();
        // Whatever cannot be written down, everything that was started ends (or is left running) all the same.
        const failed: unknown[] = [];
        const steps = [
          () => images.stopAll(),
          () => networks.end(null),
          () => (instances ? Promise.all([jobs.stopAll(), layers.stopAll()]) : jobs.close()),
          () => server.close(),
          () => core.stop({ instances }),
          () => containers[Symbol.dispose](),
          () => (instances ? standIn.end() : standIn.takeOver()),
          () => release(),
        ];
        for (const step of steps) await (async () => step())().catch((error: unknown) => failed.push(error));
        if (failed.length > 0) throw failed[0];
      },
    };
  } catch (error) {
    ready.reject(error);
    await server.close();
    release();
    throw error;
  }
}

/** Long after the start: what is in use has been asked for by then, and nobody waits. */
const oldToolsAfterMs = 600_000;

async function openParts(options: AgentOptions, folders: HomeFolders) {
  const cgroups = detectCgroups();
  const nodeId = await ownNodeId(folders);
  const toolchains = await openToolchains({
    folders,
    programRoot: options.programRoot,
    log: (message, details) => options.log('info', message, details),
  });
  const interpreters = async () => {
    const [pythons, nodes, gos] = await Promise.all([toolchains.interpreters(), toolchains.nodes(), toolchains.gos()]);
    return [...pythons, ...nodes, ...gos].map(({ id, kind, version }) => ({ id, kind, version }));
  };
  const arrivals = new Arrivals();
  const isMaking = (appId: AppId): boolean => layers.inMaking(appId).length > 0;
  const engineSocket = options.engineSocket ?? usualEngineSocket;
  const engine = engineAt(engineSocket);
  const tools = openToolVolumes({ engine, node: nodeId });
  const newJobId = (): JobId => makeId('job', Date.now(), randomBytes(16));
  const networks = openReadyNetworks({ engine, node: nodeId, newJobId });
  const jobs = await openJobs({
    ...{ folders, toolchains, cgroups, arrivals, isMaking },
    images: {
      ...{ engine, node: nodeId, tools, networks },
      async live(spec, tmp) {
        const image = { id: spec.place.image, isGenerated: spec.place.isGenerated ?? false };
        const parts = { folders, factsOf: containers.factsOf };
        const { volumes, ...place } = await placeInContainer(
          parts,
          { ...spec, id: spec.appId },
          image,
          spec.volumes,
          tmp,
        );
        const env = Object.fromEntries(volumes.map(({ name, to }) => [volumeVariable(name), to]));
        return { ...place, env, isOwnInit: true, network: await containers.networkOf(spec.appId) };
      },
    },
  });
  const layers = await openLayers({
    ...{ folders, toolchains, cgroups },
    onMaking: (appId) => void jobs.endAhead(appId).catch(() => {}),
    onMade: (appId) => core.supplied(appId),
  });
  const images = openImages({
    ...{ socket: engineSocket, nodeId, network: options.buildNetwork ?? plainNetwork },
    caps: new BuildCaps(cgroups, buildLimits(availableParallelism()), new BuildLeases(usualLeases, nodeId)),
    onBuild: networks.wantAgain,
  });
  const pulls = openPulls({ socket: engineSocket, look: images.look });
  const exports = openImageExports({ socket: engineSocket, look: images.look });
  const containers = dockerRuntime({
    ...{ engine: engineAt(engineSocket), node: nodeId, folder: join(folders.agent, 'containers') },
    onAgain: () => core.engineIsBack(),
  });
  const pipes = openFifoPool(join(folders.agent, 'pipes-spare'));
  const core: AgentCore = await AgentCore.open({
    folders,
    runtime: processRuntime({
      pipeFolder: folders.pipes,
      keptFolder: folders.keptOutput,
      makePipe: pipes.take,
      cgroups,
    }),
    containers,
    records: recordFiles(folders.instanceRecords),
    timings: { ...defaultTimings, ...options.timings },
    nowMs: () => Math.round(steadyMs()),
    wallMs: Date.now,
    kernelBoot: kernelBoot(),
    router: options.router ?? routerPort(options.routerSocket),
    hello: {
      program: `lockstep-agent/${programVersion} tools/${toolsDigest()}`,
      pid: process.pid,
      enforcement: enforcementOf(machineMeans(cgroups)),
      ...(options.buildNetwork?.certificates ? { hasCertificates: true } : {}),
    },
    nodeId,
    bootId: randomUUID(),
    interpreters,
    arrivals,
    inUse(appId) {
      const { jobs: running, layerKeys, ...others } = jobs.inUse(appId);
      const inMaking = layers.inMaking(appId);
      return { ...others, layerKeys: [...layerKeys, ...inMaking], isAtWork: running + inMaking.length > 0 };
    },
    checks: jobs,
    engine: () => lookAtEngine(engineSocket),
    endWork: (appId) => Promise.all([jobs.stopAll(appId), layers.stopAll(appId), images.stopAll(appId)]),
    jobFolders(appId) {
      const isAtWork = jobs.inUse(appId).jobs + layers.inMaking(appId).length > 0;
      return { ...jobs.folders(appId), gateWork: isAtWork ? null : jobs.begun() + layers.begun() };
    },
    async endForDisk(appId, which) {
      await jobs.endForDisk(appId, which);
      // A layer in the making stands on the cache.
      if (which === 'gate' && layers.inMaking(appId).length === 0) await removeTree(folders.gateCache(appId));
    },
    diskRestMs: options.diskRestMs ?? 2000,
    async removeLeavings(app) {
      await removeLeavings(app, { isGrouped: cgroups.version !== null });
      await containers.removeApp(app.id);
      await Promise.all([tools.collect(app.id, 0), networks.end(app.id)]);
      await images.forget(app.id);
      await pulls.collect(app.id, new Set());
    },
    log: options.log,
    routerWaitMs: options.routerWaitMs ?? 1000,
    fallBackMs: options.fallBackMs ?? 10_000,
    prepare: ({ portsInUse }) => {
      const toolPath = async (name: string) => {
        if (!isToolName(name)) throw fail('bad-config', `There is no tool "${name}".`);
        return toolchains.ensure(name);
      };
      const { factsOf, makeReady } = containers;
      const parts = {
        ...{ folders, portsInUse, toolPath, platformPython: () => toolchains.platformPython() },
        containers: { folders, factsOf, makeReady },
      };
      return (app, set, view) => prepareStart(parts, app, set, view);
    },
  });
  await jobs.adopt();
  setTimeout(() => void toolchains.dropOld().catch(() => {}), oldToolsAfterMs).unref();
  return { core, folders, jobs, layers, images, pulls, exports, tools, networks, containers };
}

/** A log that has no room or no reader costs its lines, not the agent. */
function neverThrows(log: AgentLog): AgentLog {
  return (...said) => {
    try {
      log(...said);
    } catch {
      // There is nobody to tell.
    }
  };
}

/** The narrow view that the agent has of the router. */
function routerPort(socketPath: string): RouterPort {
  const router = createRouterClient(socketPath);
  return {
    hello: (limitMs) => router.hello(limitMs),
    putSnapshot: (snapshot) => router.putSnapshot(snapshot),
    routes: (hosts) => router.routes(hosts),
    drained: async (ids, limitMs) => (await router.drained(ids, limitMs)).drained,
    letGo: (ids) => router.letGo(ids),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { 'control-uid': { type: 'string' } } });
  const home = process.env.LOCKSTEP_HOME ?? join(homedir(), '.lockstep');
  process.stdout.on('error', () => {}); // whoever read it has gone
  const say: AgentLog = (level, message, details = {}) =>
    void process.stdout.write(
      `${JSON.stringify({ at: new Date().toISOString(), from: 'agent', level, message, ...details })}\n`,
    );
  endOnUncaught((message, stack) => say('error', message, { stack }));
  const agent = await startAgent({
    home,
    controlUid: values['control-uid'] === undefined ? null : Number(values['control-uid']),
    routerSocket: homeFolders(home).routerSocket,
    programRoot: dirname(dirname(import.meta.dirname)),
    engineSocket: engineSocketOf(process.env),
    buildNetwork: buildNetworkOf(process.env),
    log: say,
  }).catch((error: unknown) => {
    if (!isFailure(error)) throw error;
    process.stderr.write(`lockstep agent: ${error.message}. ${error.advice ?? ''}\n`);
    process.exit(errorRegistry[error.code].exit);
  });
  say('info', 'ready', { event: 'ready', pid: process.pid, nodeId: agent.hello.nodeId });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void agent.stop({ instances: false }).then(() => process.exit(0)));
  }
}
