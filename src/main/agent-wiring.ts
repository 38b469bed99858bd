// What the agent is made of and how its parts know of one another: the one place where jobs, layers, containers, toolchains and the core meet. What
// needs a container engine is opened in `agent-containers.ts`. Holds nothing itself, and starts nothing but what the parts start.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AgentCore } from '../agent/agent.ts';
import type { AgentLog } from '../agent/agent-parts.ts';
import { enforcementOf } from '../agent/enforcement.ts';
import type { HomeFolders } from '../agent/folders.ts';
import { openFifoPool } from '../agent/jobs/fifo-pool.ts';
import { openJobs } from '../agent/jobs/jobs.ts';
import { openLayers } from '../agent/layers/layers.ts';
import { removeLeavings } from '../agent/leavings.ts';
import { detectCgroups } from '../agent/process/cgroup.ts';
import { machineMeans } from '../agent/process/limit-means.ts';
import { removeTree } from '../agent/remove-tree.ts';
import { processRuntime } from '../agent/runtimes/process/process-runtime.ts';
import { defaultTimings, type Timings } from '../agent/supervise/instance-parts.ts';
import { recordFiles } from '../agent/supervise/instance-record.ts';
import { prepareStart } from '../agent/supervise/prepare-start.ts';
import type { RouterPort } from '../agent/supervise/routing.ts';
import { isToolName, toolsDigest } from '../agent/toolchains/pins.ts';
import { openToolchains } from '../agent/toolchains/toolchains.ts';
import { Arrivals } from '../agent/tree/arrivals.ts';
import { type BuildNetwork, plainNetwork } from '../config/build-network.ts';
import { usualEngineSocket } from '../config/engine-socket.ts';
import { fail } from '../domain/errors.ts';
import type { AppId } from '../domain/ids.ts';
import { steadyMs } from '../lib/clock.ts';
import { kernelBoot } from '../lib/kernel-boot.ts';
import { createRouterClient } from '../router/client.ts';
import { openContainers } from './agent-containers.ts';
import { ownNodeId } from './agent-home.ts';
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

/** Long after the start: what is in use has been asked for by then, and nobody waits. */
const oldToolsAfterMs = 600_000;

export async function openParts(options: AgentOptions, folders: HomeFolders) {
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
  const containers = openContainers({
    ...{ socket: options.engineSocket ?? usualEngineSocket, nodeId, folders, cgroups },
    network: options.buildNetwork ?? plainNetwork,
    onAgain: () => core.engineIsBack(),
  });
  const images = containers.forJobs;
  // One pool for all who need pipes: to fill one is a program, and every start of the agent waits for it.
  const fifos = openFifoPool(join(folders.agent, 'fifos'));
  const jobs = await openJobs({ folders, toolchains, cgroups, arrivals, isMaking, images, fifos });
  const layers = await openLayers({
    ...{ folders, toolchains, cgroups, fifos },
    onMaking: (appId) => void jobs.endAhead(appId).catch(() => {}),
    onMade: (appId) => core.supplied(appId),
  });
  const core: AgentCore = await AgentCore.open({
    folders,
    runtime: processRuntime({
      pipeFolder: folders.pipes,
      keptFolder: folders.keptOutput,
      makePipe: fifos.take,
      cgroups,
    }),
    containers: containers.runtime,
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
    engine: containers.look,
    endWork: (appId) => Promise.all([jobs.stopAll(appId), layers.stopAll(appId), containers.images.stopAll(appId)]),
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
    },
    log: options.log,
    routerWaitMs: options.routerWaitMs ?? 1000,
    fallBackMs: options.fallBackMs ?? 10_000,
    prepare: ({ portsInUse }) => {
      const toolPath = async (name: string) => {
        if (!isToolName(name)) throw fail('bad-config', `There is no tool "${name}".`);
        return toolchains.ensure(name);
      };
      const { factsOf, makeReady } = containers.runtime;
      const parts = {
        ...{ folders, portsInUse, toolPath, platformPython: () => toolchains.platformPython() },
        containers: { folders, factsOf, makeReady },
      };
      return (app, set, view) => prepareStart(parts, app, set, view);
    },
  });
  await jobs.adopt();
  setTimeout(() => void toolchains.dropOld().catch(() => {}), oldToolsAfterMs).unref();
  return { core, folders, jobs, layers, containers };
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
