// What the agent is made of, as one narrow record: `src/main/agent-wiring.ts` fills it in, and tests do.
import type { AppRef } from '../domain/agent.ts';
import type { EngineLook } from '../domain/engine.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { AppId, NodeId } from '../domain/ids.ts';
import type { JobFolders } from './disk/disk-apps.ts';
import type { Jobs } from './jobs/jobs.ts';
import type { DockerRuntime } from './runtimes/docker/docker-runtime.ts';
import type { RouterPort } from './supervise/routing.ts';
import type { SupervisorParts } from './supervise/supervisor.ts';
import type { Arrivals } from './tree/arrivals.ts';

export type AgentLog = (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void;

export type AgentCoreParts = Pick<
  SupervisorParts,
  'folders' | 'runtime' | 'records' | 'timings' | 'nowMs' | 'wallMs' | 'kernelBoot'
> & {
  prepare: (core: { portsInUse(): ReadonlySet<number> }) => SupervisorParts['prepare'];
  router: RouterPort;
  containers: DockerRuntime;
  hello: Omit<AgentHello, 'protocol' | 'bootId' | 'interpreters' | 'nodeId'>;
  nodeId: NodeId;
  bootId: string;
  interpreters(): Promise<AgentHello['interpreters']>;
  /** What running jobs stand on, and layers in the making: never collected. */
  inUse(appId: AppId): {
    treeIds: readonly string[];
    layerKeys: readonly string[];
    copies: readonly string[];
    isAtWork: boolean;
  };
  checks: Pick<Jobs, 'checking' | 'endChecks'>;
  /** Looks at the container engine, whatever it finds. */
  engine(): Promise<EngineLook>;
  /** Ends the jobs of an app and the making of its layers. */
  endWork(appId: AppId): Promise<unknown>;
  jobFolders: JobFolders;
  /** Ends jobs that have written too much; of checks, drops what they keep as well. */
  endForDisk(appId: AppId, which: 'live' | 'gate'): Promise<void>;
  /** Between two rounds of measuring the apps' disk, in milliseconds. */
  diskRestMs: number;
  /** What a destroyed app left outside of its folders. */
  removeLeavings(app: AppRef): Promise<void>;
  log: AgentLog;
  arrivals: Arrivals;
  /** How long a document that is not the last one waits for control to send that. */
  fallBackMs: number;
  /** How long `putDesired` waits for the router before it says `router-away`. */
  routerWaitMs: number;
};
