// The desired state: the whole document that control gives the agent, versioned, replaced atomically, kept on disk. The
// agent converges on it, boots from it alone, and makes the router's snapshot from it. It names artifacts by digest and
// the machine by node id, and holds no path of control's.
import type { Kept } from './collected.ts';
import type {
  AppId,
  Digest,
  ImageId,
  InstanceId,
  InstanceSetId,
  JobId,
  NodeId,
  ReleaseId,
  TeamId,
  TreeId,
} from './ids.ts';
import type { AppName, Hostname } from './names.ts';
import type { Command, Limits } from './plan.ts';
import type { ImageArtifact } from './release.ts';

export const agentProtocol = 1;

export type DesiredState = {
  protocol: number;
  /** Grows with every document; the agent refuses an older one. */
  version: number;
  nodeId: NodeId;
  /** Hosts of the platform itself, routed to control. */
  platformHosts: readonly Hostname[];
  apps: readonly DesiredApp[];
};

export type Identities = {
  /** null: identities are shared (not root). */
  liveUid: number | null;
  gateUid: number | null;
  gid: number | null;
};

export type DesiredApp = Identities & {
  id: AppId;
  teamId: TeamId;
  name: AppName;
  hosts: readonly Hostname[];
  /** The set that requests go to; null before the first release. */
  routed: InstanceSetId | null;
  /** The most requests in flight at once; more are shed with an L-code. */
  concurrency: number;
  sets: readonly DesiredSet[];
};

/**
 * The instances of one release that start and stop together. `candidate`: only `web` runs, unrouted; an exit or a missed
 * health limit is final and news at once. `live`: every process type runs and is restarted with back-off.
 * A set that leaves the document is drained (if it was routed), stopped, and killed; nothing of it survives.
 */
export type DesiredSet = {
  id: InstanceSetId;
  releaseId: ReleaseId;
  /** Shown in `x-lockstep-release`, and LOCKSTEP_RELEASE of the instances: "v12" or, before it has a number, the release id. */
  releaseLabel: string;
  stage: 'candidate' | 'live';
  /**
   * `builtKey`: the layer that stands in the place of the tree; null or left out: the release directory itself. `image`: its processes
   * are containers; then it has neither layer nor built tree, and its tree need not be on the machine.
   */
  artifact: {
    digest: Digest;
    treeId: TreeId;
    layerKey: string | null;
    builtKey?: string | null;
    image?: ImageArtifact | null;
  };
  processes: readonly DesiredProcess[];
  health: HealthCheck;
  limits: Limits;
  /** name -> path within the app */
  volumes: Readonly<Record<string, string>>;
};

export type DesiredProcess = {
  type: string;
  count: number;
  /**
   * null: what the image itself starts (its ENTRYPOINT and CMD); only where it has that. With an image words arrive as they are, but for
   * `$PORT`: no place of the agent's (`{tree}`) is filled in.
   */
  command: Command | null;
  /** Everything that the process gets besides what the agent adds (PORT, HOME, TMPDIR, PATH, LOCKSTEP_INSTANCE, volumes). */
  env: Readonly<Record<string, string>>;
};

export type HealthCheck = {
  path: string;
  /** From start; beyond it the instance has failed. */
  timeoutMs: number;
  /** The Host header of a probe: the app's real address. */
  host: string;
  /** A 5xx counts as alive (an app whose main never answered below 500). */
  acceptServerErrors: boolean;
};

// ---- what the agent reports --------------------------------------------------------------------------------------

export const instanceStates = [
  'starting',
  'healthy',
  'unhealthy',
  'backing-off',
  'draining',
  'stopping',
  'stopped',
  'failed',
] as const;
export type InstanceState = (typeof instanceStates)[number];

export type ObservedInstance = {
  id: InstanceId;
  setId: InstanceSetId;
  appId: AppId;
  releaseId: ReleaseId;
  type: string;
  state: InstanceState;
  pid: number | null;
  /** Clock ticks since boot, from /proc/PID/stat: with the pid, the process's identity. */
  startTicks: number | null;
  /** The port that it serves on; null for workers and until known. */
  port: number | null;
  /** The address that it serves at; left out: 127.0.0.1. */
  host?: string;
  restarts: number;
  startedAtMs: number;
  healthyAtMs: number | null;
  /** The status that the last health probe got; null before the first answer. */
  healthStatus: number | null;
  /** Why it failed or crashed, for people: "exited with code 1 after 0.2 s", "out of memory (limit 64 MB)". */
  reason: string | null;
  /** The last log lines of a failed start (at most 50). */
  logTail: readonly string[];
  /** Advice of one line each: "listens on 5000, PORT is ignored". */
  notes: readonly string[];
  /** What of its artifact is not on this machine, so that it could not start; left out: nothing is known to lack. */
  lacks?: readonly ArtifactPart[];
};

export type ArtifactPart = 'tree' | 'layer' | 'image';

export type ObservedState = {
  protocol: number;
  bootId: string;
  /** The version of the desired state that was last applied whole. */
  desiredVersion: number;
  /** The router's snapshot generation that was last acknowledged. */
  routeGeneration: number;
  instances: readonly ObservedInstance[];
};

export const incidents = [
  'crashed',
  'restarted',
  'out-of-memory',
  'healthy',
  /** It was refused something: processes, open files; or its output was dropped. */
  'limit-reached',
  /** It crashes again and again. */
  'crash-loop',
  'unhealthy',
  /** Some of its health probes fail, now and again. */
  'flapping',
  'disk-warning',
  'disk-limit',
  'disk-freed',
] as const;
export type Incident = (typeof incidents)[number];

/** One line of the agent's event stream: the first is the whole state, then what changed. */
export type AgentEvent =
  | { type: 'state'; state: ObservedState }
  | { type: 'instance'; instance: ObservedInstance }
  | { type: 'instance-gone'; id: InstanceId; setId: InstanceSetId; appId: AppId }
  | {
      type: 'incident';
      appId: AppId;
      /** null: it is about the app as a whole. */
      instanceId: InstanceId | null;
      what: Incident;
      reason: string;
      atMs: number;
    };

export const limitNames = ['memory', 'cpu', 'processes', 'open-files', 'disk', 'network'] as const;
export type LimitName = (typeof limitNames)[number];

/**
 * `rlimit`: the kernel holds it for each process (or, for `processes`, for each user). `priority`: by nice values alone.
 * `watched`: the agent measures, and acts when it is crossed. `nothing`: it does not hold.
 */
export const limitMeans = ['cgroup v1', 'cgroup v2', 'rlimit', 'priority', 'watched', 'namespace', 'nothing'] as const;
export type LimitHold = {
  limit: LimitName;
  by: (typeof limitMeans)[number];
  /** What that leaves open, or why it does not hold; null: nothing to say. */
  note: string | null;
};

/** Which promises of section 3 of the design hold on this machine. */
export type Enforcement = {
  identities: boolean;
  /** An instance never has more than its limit for longer than a moment. */
  memory: boolean;
  cpu: boolean;
  pids: boolean;
  /** What does not hold, one line each. */
  why: readonly string[];
  /** One for each limit, in the order of `limitNames`; absent: an agent of before. */
  holds?: readonly LimitHold[];
};

export type AgentHello = {
  protocol: number;
  program: string;
  bootId: string;
  pid: number;
  nodeId: NodeId;
  enforcement: Enforcement;
  /** Builds get certificates of the installation; left out: none. */
  hasCertificates?: boolean;
  /** Interpreters that an app's identity can execute. */
  interpreters: readonly { id: string; kind: 'python' | 'node' | 'go'; version: string }[];
};

// ---- jobs --------------------------------------------------------------------------------------------------------

/** Install and build steps, checks, release commands, `run`: whatever is not ours runs as a job under the agent. */
export type JobSpec = Identities & {
  id: JobId;
  appId: AppId;
  kind: 'install' | 'build' | 'check' | 'release' | 'run';
  /** `live` only for release commands and `run`. */
  identity: 'live' | 'gate';
  /**
   * Where it runs: a throw-away copy of a tree, or an artifact's release directory or built tree (read-only). `isComing`: the tree is sent
   * beside the job, which is launched as soon as its copy is whole. Or an image: then it runs in a container that is thrown away, in the folder
   * that the image says and without tools; of the live identity as an instance would, of the gate as root. A gate's has `{layer}`, read-only: what
   * is in the folder of that name of the image `tools`; and copies of these files of a tree, read-only, in `{job}/tests`.
   */
  place:
    | { copy: string; isComing?: boolean }
    | { treeId: TreeId; builtKey?: string | null }
    | ({ image: ImageId } & InImage);
  /** The folder of the place to run in; left out: its top. */
  folder?: string;
  layerKey: string | null;
  /** Names of tools that must be there, used as `{tool:NAME}`. */
  tools: readonly string[];
  command: Command;
  /**
   * It may be started ahead of its tree: these words come after the command's then. It waits for the end of the FIFO `{begin}`, reads
   * `{begin}.json` (`{"folder": …}`), and behaves from then on as if just started there; without that file it goes (exit 125).
   * Neither command nor env names `{tree}`.
   */
  ahead?: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Small files written read-only into the job's own directory, used as `{job}/NAME`. */
  files: Readonly<Record<string, string>>;
  /** The same, of what differs from tree to tree: a program that was started ahead finds them once its wait has ended. */
  late?: Readonly<Record<string, string>>;
  /** Files that the command writes to `{reports}/NAME`, brought back with the result; at most 16 MiB each. */
  reports: readonly string[];
  /** Folders that the command writes to `{reports}/FOLDER`, by the name under which they are fetched once it has ended. */
  collect?: Readonly<Record<string, string>>;
  /** `none`: it reaches no address but its own loopback, where the machine can hold it to that. */
  network?: 'none';
  /** Volumes are mounted for `live` jobs only. */
  volumes: Readonly<Record<string, string>>;
  deadlineMs: number;
  /** Kept of the output: the first and the last bytes; more is counted and dropped. */
  outputBytes: number;
  limits: Limits;
};

/** What a job in an image has besides it. */
export type InImage = {
  isGenerated?: boolean;
  tools?: ImageId;
  tests?: { treeId: TreeId; files: readonly string[] };
};

export type JobResult = {
  id: JobId;
  /** null when it was killed by a signal or never ran. */
  exitCode: number | null;
  signal: string | null;
  endedBy: 'exit' | 'deadline' | 'cancelled' | 'out-of-memory' | 'disk-limit' | 'lost';
  /** At most the last 200 lines. */
  outputTail: readonly string[];
  outputBytes: number;
  reports: Readonly<Record<string, string>>;
  /** What control has kept of the job's folders, by their names; absent: none was asked for. */
  collected?: Readonly<Record<string, Kept>>;
  /** The image in a container of which it ran, as control adds it; absent: on the machine. */
  ranIn?: ImageId;
  startedAtMs: number;
  durationMs: number;
};

/** One line of a job's stream. */
export type JobEvent = { line: string } | { result: JobResult };

/** A dependency layer, or a built tree, to be made once and then be read-only. */
export type LayerSpec = Identities & {
  key: string;
  appId: AppId;
  /** An interpreter's id from AgentHello; null: none. */
  interpreterId: string | null;
  tools: readonly string[];
  /** Content of the input files by path, base64; written into `{inputs}`. */
  files: Readonly<Record<string, string>>;
  /** Run one after the other under the gate identity; `{layer}`, `{inputs}`, `{python}`, `{tool:NAME}` are filled in. */
  steps: readonly LayerStep[];
  /**
   * A built tree: the layer begins as a copy of this tree, which must be on the machine, and the steps run in it. When they
   * are done the volumes (name -> path within the app) are linked into it. Left out: it begins empty.
   */
  from?: { treeId: TreeId; volumes: Readonly<Record<string, string>> };
  /** Keys of whole layers of the app that it stands on: `{layer:KEY}`, their `bin` is on the PATH of the steps. */
  needs?: readonly string[];
};

export type LayerStep = {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  deadlineMs: number;
  /** Where it runs; left out: `inputs`, of a built tree `layer`. */
  cwd?: 'inputs' | 'layer';
};

export type LayerEvent =
  | { line: string }
  | { done: { key: string; digest: Digest; wasThere: boolean; durationMs: number } }
  | { failed: { exitCode: number | null; step: number; outputTail: readonly string[] } };
