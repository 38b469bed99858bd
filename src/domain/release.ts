// A release is artifact + config version, numbered v1, v2, … per app. Its life, as a table:
//
//   starting   its instances are asked for, unrouted            restart: failed, unless its change passed and main moved
//   live       routed; exactly one an app                       restart: reconciled: agent and router are told again
//   retired    a later one took over; kept for rollback         restart: nothing
//   failed     never became healthy, or its change was refused  restart: nothing
import type { AppId, ChangeId, CommitId, Digest, ImageId, InstanceSetId, ReleaseId, TeamId, TreeId } from './ids.ts';
import type { Plan } from './plan.ts';

export const releaseStates = ['starting', 'live', 'retired', 'failed'] as const;
export type ReleaseState = (typeof releaseStates)[number];

export const releaseTransitions: Readonly<Record<ReleaseState, readonly ReleaseState[]>> = {
  starting: ['live', 'failed'],
  live: ['retired'],
  retired: ['live'],
  failed: [],
};

/** What is built from a tree and can run. The digest names its content: the tree, the layer's recipe and the plan. */
export type Artifact = {
  digest: Digest;
  treeId: TreeId;
  /** The dependency layer's key; null when the app needs none (static files). */
  layerKey: string | null;
  /** The layer that checks run in; null when it was not needed. */
  gateLayerKey: string | null;
  /** The built tree that its processes run in; null or left out: they run in the release directory. */
  builtKey?: string | null;
  /** What its processes run in, on the container engine; null or left out: they are processes of the machine. Then it has no layers. */
  image?: ImageArtifact | null;
  plan: Plan;
};

/** An image as far as a release must know it; what else it says of itself (its user, its folder) stands in it. */
export type ImageArtifact = {
  id: ImageId;
  /** The TCP ports that it says it listens on (EXPOSE), ascending. */
  ports: readonly number[];
  /** It says itself what to start (ENTRYPOINT, CMD): a process without a command is that. */
  hasOwnCommand: boolean;
  /** Lockstep wrote its Dockerfile: it runs as the app's own user, on a root that cannot be written. */
  isGenerated: boolean;
};

export type ReleaseCause = 'deploy' | 'rollback' | 'config';

/** A site of documentation: the place ("/", "/services/api/") at the app's address for it, and the content's name. */
export type DocsSite = { at: string; digest: Digest };

export type Release = {
  id: ReleaseId;
  teamId: TeamId;
  appId: AppId;
  /** null until it is live: a number is given only to what went live, so numbers have no gaps. */
  version: number | null;
  cause: ReleaseCause;
  state: ReleaseState;
  commit: CommitId;
  treeId: TreeId;
  artifactDigest: Digest;
  configVersion: number;
  setId: InstanceSetId;
  changeId: ChangeId | null;
  actor: string;
  description: string;
  /** Why it failed; null otherwise. */
  reason: string | null;
  /** The documentation that is served with it. */
  docs: readonly DocsSite[];
  createdAtMs: number;
  liveAtMs: number | null;
};
