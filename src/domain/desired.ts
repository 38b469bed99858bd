// The desired state: the whole document that control gives the agent, versioned, replaced atomically, kept on disk. The
// agent converges on it, boots from it alone, and makes the router's snapshot from it. It names artifacts by digest and
// the machine by node id, and holds no path of control's. What comes back is in `observed.ts`.
import type { AppId, Digest, InstanceSetId, NodeId, ReleaseId, TeamId, TreeId } from './ids.ts';
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
