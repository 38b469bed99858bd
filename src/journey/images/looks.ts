// Looks at apps' images: what a tag is now, and when that is not what is live, its deploy. At most one look an app is on its way; whoever asks
// in the meantime is answered by the next, which begins when it has ended, so a hundred notices are two looks. What was asked for is in the store
// until it has ended: a restart takes it up. A registry that does not answer is asked again a few times, at growing distances, and then not.
// A deploy whose image is not the tag's any more when somebody asks ends, and the newer one goes live; but not more often in a row than a few times, or
// who pushes without a pause would have nothing live.
import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import { imageText } from '../../domain/image-reference.ts';
import type { Outcome } from '../../receive/notices/answer-sender.ts';
import { appsWithLooksDue, endLook, followedImage, type LookDue, lookDue, noteSeen } from '../../store/app-images.ts';
import { appOfId } from '../../store/apps.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, type World } from '../world.ts';
import { beginImageDeploy, resolveImage } from './deploy-image.ts';

export type LookParts = {
  /** Tells a sender who wanted to hear how it ended; once, whatever comes of it. */
  answer(callbackUrl: string, outcome: Outcome): Promise<unknown>;
  /** The pauses before the registry is asked again; milliseconds. */
  pausesMs?: readonly number[];
};

const usualPausesMs = [1000, 5000, 20_000, 60_000];
/** A change that came first has moved main: the commit is made again. */
const mostConflicts = 5;
const mostSuperseded = 3;

/** A deploy on its way. `asks`: of those who asked since it began. */
type UnderWay = { digest: string; stop: AbortController; asks: number };

type Ended = {
  outcome: 'live' | 'landed' | 'failed';
  why: string;
  digest: string | null;
  changeId: App['id'] | string | null;
};

export class ImageLooks {
  readonly #world: World;
  readonly #parts: LookParts;
  readonly #running = new Map<App['id'], Promise<void>>();
  readonly #deploys = new Map<App['id'], UnderWay>();
  /** Deploys in a row that made room for a newer one. */
  readonly #superseded = new Map<App['id'], number>();

  constructor(world: World, parts: LookParts) {
    this.#world = world;
    this.#parts = parts;
  }

  /** Sees to what is due; returns at once. */
  look({ id }: Pick<App, 'id'>): void {
    if (this.#running.has(id)) {
      this.#askedAgain(id);
      return;
    }
    const work = this.#untilNoneIsDue(id)
      .catch((error: Error) => {
        if (!this.#world.signal.aborted)
          this.#world.log({ level: 'error', message: `image of ${id}: ${error.message}` });
      })
      .finally(() => this.#running.delete(id));
    this.#running.set(id, work);
  }

  /** What the last control did not come to. */
  takeUp(): void {
    for (const id of appsWithLooksDue(this.#world.database)) this.look({ id });
  }

  /** Resolves when no look of the app is on its way. */
  async rest(id: App['id']): Promise<void> {
    while (this.#running.has(id)) await this.#running.get(id);
  }

  async #untilNoneIsDue(id: App['id']): Promise<void> {
    const { database, signal } = this.#world;
    // A deploy may come while the event before it is still being written: whoever asks again is seen here.
    for (let due = lookDue(database, id); due !== null && !signal.aborted; due = lookDue(database, id)) {
      const app = appOfId(database, id);
      if (!app) return;
      const ended = await this.#once(app, due);
      signal.throwIfAborted();
      this.#note(app, due, ended);
      await this.#tell(app, due, ended);
    }
  }

  async #once(app: App, { actor }: LookDue): Promise<Ended> {
    const { signal } = this.#world;
    const pauses = [...(this.#parts.pausesMs ?? usualPausesMs)];
    for (let conflicts = 0; ; ) {
      const image = followedImage(this.#world.database, app.id);
      if (!image) return failed('the app follows no image any more');
      try {
        const stop = new AbortController();
        const deploy = await beginImageDeploy(this.#world, app, image, actor, stop.signal);
        const { digest } = deploy;
        if (deploy.state === 'live')
          return { outcome: 'live', why: `${imageText(image)} is live already`, digest, changeId: null };
        this.#deploys.set(app.id, { digest, stop, asks: 0 });
        const end = await deploy.end.finally(() => this.#deploys.delete(app.id));
        const isPassedBy = stop.signal.aborted && end.state !== 'landed';
        this.#superseded.set(app.id, isPassedBy ? (this.#superseded.get(app.id) ?? 0) + 1 : 0);
        const changeId = deploy.change.id;
        if (isPassedBy) return { ...failed(`superseded: ${(stop.signal.reason as Error).message}`), digest, changeId };
        if (end.state === 'conflict' && ++conflicts < mostConflicts) continue;
        return end.state === 'landed'
          ? { outcome: 'landed', why: `v${end.version} is live`, digest, changeId }
          : { ...failed(end.reason ?? end.state), digest, changeId };
      } catch (error) {
        const pauseMs = isFailure(error, 'registry-away', 'engine-away', 'agent-away', 'busy')
          ? pauses.shift()
          : undefined;
        if (pauseMs === undefined) return failed((error as Error).message);
        await sleep(pauseMs, undefined, { signal });
      }
    }
  }

  /** Ends the deploy on its way when the tag is another image by now; the look that was asked for comes next. */
  #askedAgain(id: App['id']): void {
    const deploy = this.#deploys.get(id);
    if (deploy === undefined) return;
    deploy.asks += 1;
    // Somebody is asking; he asks again.
    if (deploy.asks > 1) return;
    void this.#makeRoom(id, deploy).catch((error: Error) => {
      if (!this.#world.signal.aborted) this.#world.log({ level: 'error', message: `image of ${id}: ${error.message}` });
    });
  }

  async #makeRoom(id: App['id'], deploy: UnderWay): Promise<void> {
    const { database } = this.#world;
    for (let heard = 0; heard < deploy.asks; ) {
      heard = deploy.asks;
      const [app, image] = [appOfId(database, id), followedImage(database, id)];
      if (!app || !image || (this.#superseded.get(id) ?? 0) >= mostSuperseded) break;
      // A registry that says nothing now is asked by the next look.
      const now = await resolveImage(this.#world, app, image).catch(() => deploy.digest);
      if (now === deploy.digest) continue;
      deploy.stop.abort(new Error(`${imageText(image)} is ${now} by now`));
      return;
    }
    deploy.asks = 0;
  }

  /** What has become due in the meantime stays. */
  #note(app: App, due: LookDue, { outcome, why, digest, changeId }: Ended): void {
    const { database } = this.#world;
    inTransaction(database, () => {
      endLook(database, app.id, due);
      if (digest !== null) noteSeen(database, app.id, digest);
      appendEvent(
        database,
        eventOf({ teamId: app.teamId, appId: app.id, actor: due.actor }, 'image.looked', {
          ...{ outcome, why: why.slice(0, 500), digest, change: changeId },
        }),
      );
    });
    this.#world.announce();
  }

  async #tell(app: App, { callbackUrls }: LookDue, { outcome, why }: Ended): Promise<void> {
    const state = outcome === 'failed' ? 'failure' : 'success';
    const told = { state, description: why, targetUrl: this.#world.urlOf(app) } as const;
    for (const url of callbackUrls)
      await this.#parts.answer(url, told).catch((error: Error) => {
        const message = `the sender of a notice for ${app.name} was not told: ${error.message}`;
        this.#world.log({ level: 'warn', message });
      });
  }
}

const failed = (why: string): Ended => ({ outcome: 'failed', why, digest: null, changeId: null });
