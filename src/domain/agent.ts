// The agent as control sees it: the seam between thinking and acting. The real one speaks HTTP over a Unix socket
// (`agent/client.ts`); no path crosses it, only ids, documents and streams. Every method throws `agent-away` when the agent
// cannot be reached.
import type { CollectedFolder } from './collected.ts';
import type { DesiredState, Identities } from './desired.ts';
import type { EngineLook } from './engine.ts';
import type { AgentHello } from './hello.ts';
import type { AppId, ImageId, InstanceId, JobId, TreeId } from './ids.ts';
import type { ImageEvent, ImageSpec } from './image.ts';
import type { JobResult, JobSpec } from './job.ts';
import type { LayerEvent, LayerSpec } from './layer.ts';
import type { ImageDetails } from './live.ts';
import type { AgentEvent } from './observed.ts';
import type { ImageQuestion, PullEvent, PullSpec, ResolvedImage } from './pull.ts';
import type { AgentSurvey, AppEvidence, LayerHash, LeftOver, ReleaseHash } from './survey.ts';

/** One line that an app wrote, or that the agent says about it (`type` "lockstep"). */
export type LogLine = { atMs: number; instanceId: InstanceId; type: string; release: string; line: string };

/** A file of a tree on its way to the agent: `path` in bytes as git has it, `content` as long as `size` says. */
export type OutgoingFile = {
  mode: '100644' | '100755' | '120000';
  path: Buffer;
  size: number;
  content: Buffer | AsyncIterable<Uint8Array>;
};

export type AppRef = Identities & { id: AppId };

/** What one instance, or the sum of an app's, uses now. */
export type InstanceUsage = { instanceId: InstanceId; memoryBytes: number; cpuSeconds: number; processes: number };

export type Agent = {
  hello(): Promise<AgentHello>;
  /** Asks agent and router; throws `agent-away` or `router-away`. */
  alive(): Promise<{ desiredVersion: number; routeGeneration: number }>;
  /**
   * Replaces the desired state. Resolves when it is on disk, the first actions have begun, and the router has taken the
   * snapshot that follows from it: then no request is served by what the document no longer routes.
   */
  putDesired(state: DesiredState): Promise<{ version: number; routeGeneration: number }>;
  /** The first event is the whole state. Ends when the connection does; the caller connects again. */
  events(signal: AbortSignal): AsyncIterable<AgentEvent>;
  /**
   * Sends a tree: the agent writes the release directory and, with `copy`, a gate copy of that name, and compares the tree's id.
   * @throws tree-refused, too-large, disk-full
   */
  putTree(
    app: AppRef,
    treeId: TreeId,
    copy: string | null,
    files: AsyncIterable<OutgoingFile>,
  ): Promise<{ files: number; bytes: number; wasThere: boolean }>;
  hasTree(app: AppRef, treeId: TreeId): Promise<boolean>;
  /** A gate copy made from a release directory that is there. */
  makeCopy(app: AppRef, treeId: TreeId, copy: string): Promise<void>;
  dropCopy(app: AppRef, copy: string): Promise<void>;
  /** Makes a layer, or finds it; the last event is `done` or `failed`. Two requests for one key share the work. */
  makeLayer(spec: LayerSpec, signal: AbortSignal): AsyncIterable<LayerEvent>;
  /** The layer is there and whole. */
  hasLayer(app: AppRef, key: string): Promise<boolean>;
  /** A look at the machine's container engine. */
  engine(): Promise<EngineLook>;
  /**
   * Builds an image from a tar stream, or finds it; the last event is `built` or `failed`. The build ends with the signal, and with the
   * connection. @throws engine-away (it went away, or broke off), busy; what the context throws
   */
  buildImage(spec: ImageSpec, context: AsyncIterable<Buffer>, signal: AbortSignal): AsyncIterable<ImageEvent>;
  /** What a tag is at its registry now. @throws no-engine, engine-away, pull-refused, registry-away */
  resolveImage(question: ImageQuestion, signal: AbortSignal): Promise<ResolvedImage>;
  /**
   * Has an image of a registry pulled by its digest, or finds it; the last event is `pulled` or `failed`. It ends with the signal.
   * @throws no-engine, engine-away, registry-away, busy
   */
  pullImage(spec: PullSpec, signal: AbortSignal): AsyncIterable<PullEvent>;
  /** What an image is made of; null: no engine answers, or it has no such image. */
  imageDetails(image: ImageId): Promise<ImageDetails | null>;
  /** The whole image, as other engines load it. @throws no-engine, engine-away, not-found, busy */
  imageArchive(image: ImageId, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Runs a job to its end; the signal cancels it. When the connection breaks (the agent restarts) it is taken up again, by
   * the job's id. @throws agent-away only when the agent stays away
   */
  runJob(spec: JobSpec, options: { signal: AbortSignal; onLine?: (line: string) => void }): Promise<JobResult>;
  /**
   * These jobs of one app will come soon, on another tree: the agent may start their programs, which wait for them (`ahead.ts`), the
   * first one first. What waited for the app before is ended.
   */
  startAhead(specs: readonly JobSpec[]): Promise<void>;
  cancelJob(id: JobId): Promise<void>;
  /**
   * A folder that a job has left (`JobSpec.collect`), once it has ended. A stream that breaks off throws `agent-away`.
   * @throws not-found (no such job or folder), conflict (it runs still), too-large
   */
  collected(id: JobId, name: string): Promise<CollectedFolder>;
  /** The last `count` lines, and with `follow` whatever comes until the signal. */
  logs(
    app: AppId,
    options: { count: number; follow: boolean; instanceId: InstanceId | null },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
  usage(app: AppId): Promise<InstanceUsage[]>;
  /** Removes what an app left on disk; its sets must have left the desired state. Volumes only when asked. */
  deleteApp(app: AppRef, options: { volumes: boolean }): Promise<void>;
  /** A fresh look at the whole machine. */
  survey(): Promise<AgentSurvey>;
  /** A fresh look at one app: its processes, the routes of these hosts, and the release directory of `treeId`. */
  evidence(app: AppRef, treeId: TreeId | null, hosts: readonly string[]): Promise<AppEvidence>;
  /** Reads a release directory from the disk to the last byte. @throws not-found, too-large, timed-out */
  hashTree(app: AppRef, treeId: TreeId, options: { withListing: boolean }): Promise<ReleaseHash>;
  hashLayer(app: AppRef, key: string): Promise<LayerHash>;
  /** The layer counts as not there from now on, and is made anew when it is asked for. */
  distrustLayer(app: AppRef, key: string): Promise<void>;
  /** Writes a release directory anew, in the place of the one that is there. @throws as `putTree` */
  replaceTree(app: AppRef, treeId: TreeId, files: AsyncIterable<OutgoingFile>): Promise<void>;
  /** Owners and modes of the app's folders are put right. */
  mendFolders(app: AppRef): Promise<void>;
  /** Ends the app's checks and removes their copies: to be asked while no change of the app is on its way. */
  endChecks(app: AppRef): Promise<{ jobs: number; copies: number }>;
  /** The router gets its routes again. @throws router-away */
  routeAgain(): Promise<void>;
  /** Removes those that are left over still, and says which. */
  removeLeftOvers(wanted: readonly LeftOver[]): Promise<readonly LeftOver[]>;
  /** Drops release directories, layers and images of an app that are in no list and that no instance or job uses. */
  collect(
    app: AppRef,
    keep: { treeIds: readonly TreeId[]; layerKeys: readonly string[]; imageIds: readonly string[] },
  ): Promise<{ bytesFreed: number }>;
};
