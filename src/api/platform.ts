// What the doors may ask of the platform: one record of verbs and questions, the same for REST, the command line and later
// the dashboard. Each takes the principal first and answers only within its team and scope: what is foreign is `not-found`.
// The right itself is checked by the door (each route declares it) before a verb is called.
import type { LogLine } from '../domain/agent.ts';
import type { App, Principal, Right, Token } from '../domain/app.ts';
import type { KnownBuildSecret } from '../domain/build-inputs.ts';
import type { Change, ChangeState, Priority } from '../domain/change.ts';
import type { DoctorRepair, DoctorReport, Problem } from '../domain/doctor.ts';
import type { Verdict } from '../domain/gate.ts';
import type { FlakyTest } from '../domain/gate-run.ts';
import type { Heard, Hook, KnownRegistry, NoticeSent, RegistryLogin } from '../domain/hook.ts';
import type {
  ChangeId,
  CommitId,
  Digest,
  HookId,
  ImageId,
  InstanceId,
  JobId,
  ReleaseId,
  TokenId,
  TreeId,
} from '../domain/ids.ts';
import type { ImageReference } from '../domain/image-reference.ts';
import type { JobEvent } from '../domain/job.ts';
import type { LedgerEvent } from '../domain/ledger.ts';
import type { LiveFacts } from '../domain/live.ts';
import type { AppName, BranchName, EnvKey } from '../domain/names.ts';
import type { ObservedInstance } from '../domain/observed.ts';
import type { Freed, OwnImages } from '../domain/own-image.ts';
import type { Badge, BadgeMetric, Quality, ReportItem } from '../domain/quality.ts';
import type { Release } from '../domain/release.ts';
import type { FileAnswer } from './answer.ts';

export type { Badge, BadgeMetric, Quality, ReportItem };

export type AppStatus = {
  app: AppName;
  state: 'IN SYNC' | 'DRIFTED' | 'DEPLOYING' | 'EMPTY';
  /** One sentence: why it is not IN SYNC, or what is live. */
  why: string;
  main: { commit: CommitId; tree: TreeId } | null;
  release: { version: number | null; artifact: Digest; commit: CommitId; tree: TreeId } | null;
  /** What the release runs in, and the image of each of its containers, as the engine says; null: it is none of images. */
  image: { id: ImageId; containers: readonly { instance: InstanceId; image: string | null }[] } | null;
  instances: readonly ObservedInstance[];
  /** What the router itself says that it serves at the app's first host, and by which routes. */
  router: { release: string | null; generation: number | null; instances: readonly InstanceId[] };
  /** git's id of what lies in the release directory, computed from the disk. */
  served: { tree: TreeId; files: number } | null;
  problems: readonly Problem[];
  url: string;
  /** Of its documentation; null: what is live has none. */
  docsUrl: string | null;
};

export type ConfigState = {
  version: number /** Values are null unless they were asked for with the right. */;
  entries: Readonly<Record<string, string | null>>;
};

/** Long work that has begun: what to follow. */
export type Started = { kind: 'change'; id: ChangeId } | { kind: 'release'; id: ReleaseId };

/** One step of long work: a line for people; the last one says how it ended. */
export type Progress =
  | { line: string }
  | { end: { ok: boolean; state: string; reason: string | null; version: number | null; durationMs: number } };

/** What a dry run says: would it merge into main as it is now, and pass? */
export type MergeCheck = {
  mergeable: 'yes' | 'no' | 'unknown';
  head: CommitId;
  /** null: there is no main yet, or main has all of it. */
  base: CommitId | null;
  reason: string | null;
  conflicts: readonly string[];
  verdict: Verdict | null;
};

/** One of the two at least; with both, the branch must be at that commit. */
export type MergeSource = { branch: BranchName | null; head: CommitId | null };

export type NumberedEvent = LedgerEvent & { seq: number };
export type ChangeDetail = Change & { verdict: Verdict | null };
/** `running`: those that have not ended. */
export type ChangeFilter = ChangeState | 'running' | null;
/** `lines[0]` is line number `from`. */
export type SourceLines = { file: string; line: number; from: number; lines: string[] };

export type Platform = {
  /** The address of an app's first host, e.g. `http://blog.localhost:8080`. */
  urlOf(app: App): string;
  /** The address of the documentation of what is live; null: it has none. */
  docsUrlOf(app: App): string | null;
  /** The address that git pushes to, e.g. `http://127.0.0.1:8080/blog.git`. */
  gitUrlOf(app: App): string;
  /** null: the secret is unknown, expired or revoked. */
  principalOf(secret: string): Principal | null;

  /** @throws name-taken */
  createApp(
    principal: Principal,
    wanted: { name: AppName; mainBranch: BranchName | null; image: ImageReference | null },
  ): Promise<App>;
  /** The image that the app follows; null: its code comes from its repository. */
  followedImage(app: App): ImageReference | null;
  /** In the order of names, after `after` ('' at first). */
  listApps(principal: Principal, after: string, limit: number): App[];
  /** @throws not-found */
  findApp(principal: Principal, name: AppName): App;
  /** Stops and removes the app; its volumes stay on disk unless `volumes`. */
  destroyApp(principal: Principal, app: App, options: { volumes: boolean }): Promise<void>;
  status(principal: Principal, app: App): Promise<AppStatus>;

  /** What is live, for whoever wants to run the same elsewhere. @throws no-release */
  live(principal: Principal, app: App): Promise<LiveFacts>;
  /** The image of what is live, whole. @throws no-release, not-found (it is none), no-engine, engine-away, agent-away, busy */
  liveImage(principal: Principal, app: App, signal: AbortSignal): Promise<FileAnswer>;

  /** Looks at everything that the principal may see, or at one app. */
  examine(principal: Principal, app: App | null): Promise<DoctorReport>;
  /** The same, and mends what has one right answer. */
  repair(principal: Principal, app: App | null): Promise<DoctorRepair>;

  /** Newest first, created before the release `before` (null: from the newest). */
  listReleases(principal: Principal, app: App, before: ReleaseId | null, limit: number): Release[];
  /** @throws not-found */
  findRelease(principal: Principal, app: App, id: ReleaseId): Release;
  /** The signed receipt, as a file, by the number or the id of its release. @throws not-found */
  receipt(principal: Principal, app: App, which: number | ReleaseId): string;
  /** What verifies receipts. */
  publicKey(): { keyId: string; pem: string };
  /**
   * `version` null: the release before the live one. Lands a revert commit (a change) or, when the tree is main's already and
   * `withConfig`, only makes a release with that config. @throws no-release, conflict (already there), not-found
   */
  startRollback(
    principal: Principal,
    app: App,
    wanted: { version: number | null; withConfig: boolean },
  ): Promise<Started>;
  /** A new set of instances of the live release, health-checked and switched. @throws no-release */
  startRestart(principal: Principal, app: App): Promise<Started>;
  /** Follows long work from its beginning (lines are kept a while) to its end. */
  follow(principal: Principal, app: App, id: ChangeId | ReleaseId, signal: AbortSignal): AsyncIterable<Progress>;

  /**
   * The same commit twice is one request. `override`: why an admin lets it past the checks.
   * @throws no-release, not-found, busy, conflict (main has it; the branch is elsewhere)
   */
  startMerge(
    principal: Principal,
    app: App,
    wanted: MergeSource & { priority: Priority; override: string | null; allowsWeaker: boolean },
  ): Promise<Started>;
  /** Waits for the checks, so long and no longer. @throws not-found, conflict */
  checkMerge(principal: Principal, app: App, wanted: MergeSource & { allowsWeaker: boolean }): Promise<MergeCheck>;
  /** Those that have not ended, in their order. */
  listMerges(principal: Principal, app: App): Change[];
  /** @throws not-found; conflict when it has ended or is about to land */
  cancelMerge(principal: Principal, app: App, id: ChangeId): Promise<void>;

  listChanges(principal: Principal, app: App, before: number | null, limit: number, filter?: ChangeFilter): Change[];
  /** By its id or its number. @throws not-found */
  findChange(principal: Principal, app: App, which: ChangeId | number): ChangeDetail;
  /** The lines around the findings of a change, bounded; what the repository no longer has is left out. */
  sourceOf(principal: Principal, app: App, change: ChangeDetail): Promise<SourceLines[]>;

  /** The files that a change's checks reported. @throws not-found: none are kept */
  listReports(principal: Principal, app: App, id: ChangeId): Promise<readonly ReportItem[]>;
  /** One of them, by its path. @throws not-found */
  openReport(principal: Principal, app: App, id: ChangeId, path: string): Promise<FileAnswer>;
  /** Figures of the newest `count` releases that a change became, the oldest first. */
  quality(principal: Principal, app: App, count: number): readonly Quality[];
  /** The tests that were flaky three times or more in the last 20 gates, most often first. */
  flakyTests(principal: Principal, app: App): readonly FlakyTest[];
  badge(principal: Principal, app: App, metric: BadgeMetric): Promise<Badge>;
  isBadgePublic(principal: Principal, app: App): boolean;
  setBadgePublic(principal: Principal, app: App, isPublic: boolean): void;
  /** Somebody who may read the badge of the app of this name without a token; null: its owner has not said so. */
  anyoneFor(name: string): Principal | null;

  config(principal: Principal, app: App, options: { reveal: boolean }): ConfigState;
  /** `started` null: nothing changed, or the app has no release yet (the values wait for the first). */
  changeConfig(
    principal: Principal,
    app: App,
    wanted: { set: ReadonlyMap<EnvKey, string>; unset: readonly EnvKey[] },
  ): Promise<{ version: number; started: Started | null }>;

  /** Without their values, which no answer has. */
  buildSecrets(principal: Principal, app: App): readonly KnownBuildSecret[];
  /** All that there are then. @throws too-large */
  changeBuildSecrets(
    principal: Principal,
    app: App,
    wanted: { set: ReadonlyMap<string, string>; unset: readonly string[] },
  ): readonly KnownBuildSecret[];

  logs(
    principal: Principal,
    app: App,
    options: { count: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
  /** Ledger events after `afterSeq`, oldest first; with `follow` whatever comes. `app` null: all that the principal may see. */
  events(
    principal: Principal,
    app: App | null,
    options: { afterSeq: number; limit: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<NumberedEvent>;

  /** Runs a command with the live release's code, config, volumes and identity. @throws no-release */
  startRun(principal: Principal, app: App, argv: readonly string[]): Promise<{ id: JobId }>;
  /** Output from its beginning (bounded), then the result. @throws not-found */
  followRun(principal: Principal, app: App, id: JobId, signal: AbortSignal): AsyncIterable<JobEvent>;
  cancelRun(principal: Principal, app: App, id: JobId): Promise<void>;

  listTokens(principal: Principal): Token[];
  /** The secret is shown once. Never more rights or a wider scope than the principal's own. @throws forbidden */
  createToken(
    principal: Principal,
    wanted: { name: string; rights: readonly Right[]; apps: readonly AppName[] | null; expiresAtMs: number | null },
  ): { token: Token; secret: string };
  /** @throws not-found */
  revokeToken(principal: Principal, id: TokenId): void;

  listHooks(principal: Principal, app: App): readonly Hook[];
  /** The secret is shown once. @throws name-taken, too-large */
  createHook(principal: Principal, app: App, name: string): { hook: Hook; secret: string };
  /** @throws not-found */
  rotateHook(principal: Principal, app: App, id: HookId): { hook: Hook; secret: string };
  /** @throws not-found */
  deleteHook(principal: Principal, app: App, id: HookId): void;
  /** Whoever sends it proves it by the hook's secret. @throws unauthenticated, busy, bad-request */
  hearNotice(sent: NoticeSent): Heard;

  /**
   * `image` null: the one that the app follows; else it follows that from now on. `started` null: it is live already.
   * @throws not-found (it follows none), conflict, pull-refused, registry-away, no-engine, engine-away
   */
  startImageDeploy(
    principal: Principal,
    app: App,
    image: ImageReference | null,
  ): Promise<{ image: ImageReference; started: Started | null }>;

  /** Words of the command that runs after each deploy of its image; null: none. */
  afterCommand(principal: Principal, app: App): readonly string[] | null;
  /** @throws not-found: it follows no image */
  changeAfterCommand(principal: Principal, app: App, argv: readonly string[] | null): void;

  listRegistries(principal: Principal): readonly KnownRegistry[];
  /** @throws too-large */
  setRegistry(principal: Principal, login: RegistryLogin): KnownRegistry;
  /** @throws not-found */
  forgetRegistry(principal: Principal, host: string): void;

  /** @throws not-found (no registry is run here), registry-away */
  ownImages(principal: Principal, app: App): Promise<OwnImages>;
  /** @throws not-found (no registry is run here), bad-request for a repository of another app, too-large */
  setImageVisibility(principal: Principal, app: App, repository: string, isPublic: boolean): void;
  /** null: the usual. @throws not-found (no registry is run here) */
  setImageQuota(principal: Principal, app: App, mostBytes: number | null): void;
  /** @throws not-found (no registry is run here), busy while somebody pushes, registry-away */
  tidyRegistry(): Promise<Freed>;

  /** The stored answer of an Idempotency-Key, null when it is new. @throws idempotency-mismatch */
  recallAnswer(principal: Principal, key: string, fingerprint: string): { status: number; body: string } | null;
  keepAnswer(principal: Principal, key: string, fingerprint: string, answer: { status: number; body: string }): void;

  /** For `GET /api/v1/platform`: address, base, versions, what is enforced here. */
  about(): Promise<{
    url: string;
    base: string;
    version: string;
    enforcement: Readonly<Record<string, unknown>>;
    home: string;
  }>;
};
