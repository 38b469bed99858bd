// What the agent finds when it looks afresh: at the processes, the router, the files and the disk. Facts only, from the
// kernel and the disk and not from what the agent remembers; what they should be is control's to say.
import type { EngineLook } from './engine.ts';
import type { AppId, InstanceId, InstanceSetId, TreeId } from './ids.ts';
import type { InstanceState } from './observed.ts';
import type { Route } from './route.ts';

/** Who is behind an instance. `pid`, `port` are what the agent's record says; the rest is what the kernel says. */
export type ProcessEvidence = {
  instanceId: InstanceId;
  setId: InstanceSetId;
  appId: AppId;
  type: string;
  state: InstanceState;
  pid: number | null;
  port: number | null;
  /** The process of the record lives, with the start time of the record. */
  isAlive: boolean;
  /** Uids of its processes, without repetition. */
  uids: readonly number[];
  /** Its working folder was removed or replaced under it. */
  isFolderGone: boolean;
  /** A process on its port that is none of its own; null: there is none. */
  stranger: { pid: number | null; uid: number | null; executable: string | null; folder: string | null } | null;
  /** One of its own processes listens on the port; null for what has no port. */
  listens: boolean | null;
  /** The image that its container is of, as the engine says; null: it has no container. Left out: it is no image's, or the engine says nothing. */
  image?: string | null;
  /** Images of other containers that run under its name, which only somebody else can have started; left out: there are none. */
  beside?: readonly string[];
};

/** What the router says at this moment, asked for by host. */
export type RouterEvidence = {
  generation: number;
  pid: number;
  /** By host; a host that is not in it has no route. */
  routes: Readonly<Record<string, Route | 'platform'>>;
};

/** A release directory, read from disk. `treeId` is git's own id of what is there, volume links left out. */
export type ReleaseHash = {
  treeId: TreeId;
  files: number;
  bytes: number;
  /** Path within the release -> name of the volume that is linked there. */
  volumes: Readonly<Record<string, string>>;
  /** Files and folders that others than root may write, or that are not root's; at most a few are named. */
  loose: readonly string[];
  /** Answered from an earlier reading: no inode has changed since. */
  isCached: boolean;
  /** Only when it was asked for: every file. Paths as latin1, so that any bytes survive. */
  listing: readonly { path: string; mode: string; blobId: string }[] | null;
};

/** A dependency layer, read from disk; `digest` null: it is not there, `sealed` null: nobody finished it. */
export type LayerHash = { digest: string | null; sealed: string | null; files: number };

/** Everything that `status` needs of one app, in one answer. */
export type AppEvidence = {
  /** The document that the agent acts on. */
  desiredVersion: number;
  routed: InstanceSetId | null;
  processes: readonly ProcessEvidence[];
  /** null: the router does not answer. */
  router: RouterEvidence | null;
  /** null: there is no such release directory, or none was asked for. */
  release: ReleaseHash | null;
  /** Why the release could not be read. */
  releaseProblem: string | null;
};

/** Something on the machine that belongs to nothing that there is; the agent knows how to remove it. */
export type LeftOver = {
  kind: 'record' | 'pipe' | 'folder' | 'copy' | 'process' | 'container' | 'network';
  appId: AppId | null;
  name: string;
};

export type DiskApp = {
  id: AppId;
  /** Names of its volumes. */
  volumes: readonly string[];
  /** It has something besides volumes. */
  hasMore: boolean;
  /** Folders whose owner or mode is not what it should be, in words. */
  open: readonly string[];
};

export type AgentSurvey = {
  desiredVersion: number;
  /** By app: what the agent routes. */
  routed: Readonly<Record<string, InstanceSetId | null>>;
  processes: readonly ProcessEvidence[];
  router: RouterEvidence | null;
  apps: readonly DiskApp[];
  leftOvers: readonly LeftOver[];
  /** Apps of which checks run. */
  checking: readonly AppId[];
  /** What was found damaged on disk at the last start of agent or router, and what was used instead. */
  alarms: readonly string[];
  /** Processes that bear the mark of an instance that there is not. */
  strays: readonly { pid: number; instanceId: string; executable: string | null }[];
  tools: readonly string[];
  disk: { freeBytes: number; totalBytes: number };
  /** The container engine; left out by agents of before. */
  engine?: EngineLook;
  /** The engine's rules in the packet filter, and apps whose network has none any more; left out: nobody can say. */
  filter?: { state: 'kept' | 'none'; cutOff: readonly AppId[] };
  /** Every app has users of its own. */
  hasIdentities: boolean;
};
