// What every step of the journey works with: the store, the agent, the repositories, the clock, and the turns that keep
// two changes of one app apart. Made once by control; a step takes it as its first parameter.
import type { DatabaseSync } from 'node:sqlite';
import type { BlobCache } from '../build/git-tree.ts';
import type { Agent, AppRef } from '../domain/agent.ts';
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { AppId, ReleaseId } from '../domain/ids.ts';
import type { EventType, LedgerEvent } from '../domain/ledger.ts';
import type { ImageLogin } from '../domain/pull.ts';
import { branchRef } from '../git/argv.ts';
import type { Repository } from '../git/repository.ts';
import { steadyMs } from '../lib/clock.ts';
import type { Semaphore } from '../lib/semaphore.ts';
import type { Uses } from '../lib/uses.ts';
import { localMainline } from '../mainline/local.ts';
import type { Mainline } from '../mainline/mainline.ts';
import type { Shelf } from '../published/shelf.ts';
import type { Observations } from '../release/observations.ts';
import type { RetentionLimits } from '../store/retention.ts';
import type { DesiredPublisher } from './desired.ts';
import type { JobsAhead } from './jobs-ahead.ts';
import { newId } from './new-id.ts';
import type { ProgressBook } from './progress.ts';

export { idsFollow, newId } from './new-id.ts';

export type World = {
  database: DatabaseSync;
  agent: Agent;
  observations: Observations;
  desired: DesiredPublisher;
  progress: ProgressBook;
  blobs: BlobCache;
  /** What the gate's jobs left: documentation and reports. */
  shelf: Shelf;
  /** Checks that the agent starts before they are asked for. */
  ahead: JobsAhead;
  /** Gates at once on this machine. */
  gateSlots: Semaphore;
  /** One change, release or destruction of an app at a time. */
  lockOf(id: AppId): Semaphore;
  repositoryOf(app: App): Promise<Repository>;
  /** Opens it anew: hooks, configuration and HEAD are put right. */
  reopenRepository(app: App): Promise<Repository>;
  /** What of it is not as we leave it, in words. */
  unguardedParts(app: App): Promise<string[]>;
  /** Ids of the apps whose repositories lie on the disk. */
  listRepositories(): Promise<AppId[]>;
  /** Whoever has objects in an app's repository that no ref holds yet uses it; what drops such objects works alone. */
  usesOf(id: AppId): Uses;
  /** How much of what has happened the store keeps. */
  rowLimits: RetentionLimits;
  /** Removes the repository of a destroyed app, and what is kept in memory for it. */
  forget(id: AppId): Promise<void>;
  urlOf(app: App): string;
  /** The address of its documentation, whether there is any or not. */
  docsUrlOf(app: Pick<App, 'name'>): string;
  gitUrlOf(app: App): string;
  /** This Lockstep's own registry: how images name it, and as whom the engine pulls an app's. null: there is none. */
  ownRegistry: { host: string; loginOf(app: Pick<App, 'id'>): ImageLogin } | null;
  /** An app was destroyed: what it has in the own registry goes soon, and before its name is used again. */
  imagesGone(): void;
  /** The agent's word about itself, asked once per agent process. */
  hello(): Promise<AgentHello>;
  /** Something of the app has gone live: its receipt is made soon, beside everything else. */
  receiptsDue(app: Pick<App, 'id'>): void;
  /** Something has happened that the app's merge requests may have waited for: the queue looks, beside everything else. */
  queueGrown(app: Pick<App, 'id'>): void;
  /** The ledger has grown. */
  announce(): void;
  log(line: Record<string, unknown>): void;
  /** Raised when control ends. */
  signal: AbortSignal;
};

/** Milliseconds since the epoch, with fractions, and never going back within a process. */
export const nowMs = steadyMs;

export function refOf(app: App): AppRef {
  return { id: app.id, liveUid: app.liveUid, gateUid: app.gateUid, gid: app.gid };
}

export function mainlineOf(app: App, repository: Repository): Mainline {
  return localMainline(repository.privileged, branchRef(app.mainBranch!));
}

/** An event of the ledger about a change or a release; `data` is allow-listed by whoever calls. */
export function eventOf(
  about: {
    teamId: App['teamId'];
    appId: AppId | null;
    actor: string;
    changeId?: Change['id'] | null;
    releaseId?: ReleaseId | null;
  },
  type: EventType,
  data: Record<string, unknown> = {},
): LedgerEvent {
  return {
    id: newId('evt'),
    teamId: about.teamId,
    appId: about.appId,
    changeId: about.changeId ?? null,
    releaseId: about.releaseId ?? null,
    type,
    actor: about.actor,
    atMs: Math.round(nowMs()),
    data,
  };
}
