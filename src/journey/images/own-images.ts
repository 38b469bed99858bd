// The images in this Lockstep's own registry: what is public, how much an app's may be, what has been pushed and not been heard of, and what goes
// because nothing needs it. What lies on the registry's disk is asked of who runs it; what is needed is known here: tags, and the digests of
// releases that a rollback may go back to. The images of a destroyed app go before anybody is let in under its name again.
import type { App, Principal } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { parseDigest } from '../../domain/image-reference.ts';
import {
  appOfRepository,
  type Freed,
  type OwnImages,
  type RegistryDisk,
  type RegistryKeeper,
  type RegistryNeeds,
} from '../../domain/own-image.ts';
import { followedImage, noteSeen, seenDigest } from '../../store/app-images.ts';
import { everyApp } from '../../store/apps.ts';
import { inTransaction } from '../../store/open.ts';
import { endImagesRemoval, imagesRemovals, listPublic, quotaOf, setPublic, setQuota } from '../../store/own-images.ts';
import { liveRelease, pulledDigests } from '../../store/releases.ts';
import { appendEvent } from '../../store/transition.ts';
import { keptReleases } from '../housekeeping.ts';
import { eventOf, type World } from '../world.ts';

export type OwnImagesParts = {
  /** As images name the registry. */
  host: string;
  keeper: RegistryKeeper;
  /** Who is at it. */
  use: {
    isChanged: boolean;
    cameFor(app: string): number;
    measured(app: string): void;
    pushing(): string | null;
    runningOf(app: string): number;
    forget(app: string): void;
    alone<T>(work: () => Promise<T>): Promise<T | null>;
  };
  /** The digest of a tag; null: it has none. @throws what says that the registry does not answer */
  digestOf(repository: string, tag: string): Promise<string | null>;
  /** Whether the repository has tags: all that it has. */
  tagsOf(repository: string): Promise<readonly string[]>;
  /** As if the registry had told it. */
  pushed(app: App, repository: string, tag: string, actor: string): void;
};

/** Nothing was changed: all the same once a day, for what a broken push has left. */
const dayMs = 24 * 3_600_000;
/** What has come since may be on its way to be deployed, or to be named by what comes next. */
const usualGraceMs = 3_600_000;
const mostRepositories = 1000;

export class OwnImagesBook {
  readonly #world: World;
  readonly #parts: OwnImagesParts;
  readonly #bytes = new Map<string, number>();
  #measuring: Promise<RegistryDisk> | null = null;
  #tidiedAtMs = Number.NEGATIVE_INFINITY;

  constructor(world: World, parts: OwnImagesParts) {
    this.#world = world;
    this.#parts = parts;
  }

  /** Bytes that the app may still push. Measured anew before it is said that there are none. */
  async roomOf(app: Pick<App, 'id' | 'name'>): Promise<number> {
    const most = quotaOf(this.#world.database, app.id);
    const known = this.#bytes.get(app.name);
    const guess = known === undefined ? 0 : most - known - this.#parts.use.cameFor(app.name);
    if (guess > most / 10) return guess;
    await this.#measure();
    return most - (this.#bytes.get(app.name) ?? 0);
  }

  /** @throws registry-away */
  async of(app: App): Promise<OwnImages> {
    const { database } = this.#world;
    const disk = await this.#measure();
    const open = new Set(listPublic(database, app.id));
    const found = new Map(
      disk.repositories.filter(({ name }) => appOfRepository(name) === app.name).map((one) => [one.name, one]),
    );
    const names = [...new Set([...found.keys(), ...open])].sort();
    return {
      repositories: names.map((name) => ({
        ...{ name, isPublic: open.has(name), bytes: found.get(name)?.bytes ?? 0, tags: found.get(name)?.tags ?? 0 },
      })),
      bytes: disk.bytesOfApps[app.name] ?? 0,
      mostBytes: quotaOf(database, app.id),
    };
  }

  /** Whether anybody may pull it. @throws bad-request for another app's; too-large for more than an app may have */
  setVisibility(principal: Principal, app: App, repository: string, isPublic: boolean): void {
    const { database } = this.#world;
    if (appOfRepository(repository) !== app.name)
      throw fail('bad-request', `${repository} is no repository of ${app.name}`, {
        advice: `Its own are ${app.name}, and whatever lies below ${app.name}/.`,
      });
    inTransaction(database, () => {
      if (!setPublic(database, app, repository, isPublic)) return;
      if (listPublic(database, app.id).length > mostRepositories)
        throw fail('too-large', `${app.name} has ${mostRepositories} public repositories`);
      this.#note(principal, app, { repository, isPublic });
    });
    this.#world.announce();
  }

  /** @param mostBytes null: the usual */
  setQuota(principal: Principal, app: App, mostBytes: number | null): void {
    const { database } = this.#world;
    inTransaction(database, () => {
      setQuota(database, app, mostBytes);
      this.#note(principal, app, { mostBytes: quotaOf(database, app.id) });
    });
    this.#world.announce();
  }

  /** What nothing needs goes. @param graceMs younger images stay. @throws busy while somebody pushes; registry-away */
  async tidy(graceMs = 0): Promise<Freed> {
    const { use, keeper } = this.#parts;
    await this.dropGone();
    const before = await this.#measure();
    const after = await use.alone(async () => {
      // What is changed from here on waits, and is for the next time.
      use.isChanged = false;
      return this.#noted(await keeper.tidy({ ...this.#needs(), graceMs }));
    });
    if (after === null)
      throw fail(
        'busy',
        use.pushing() ? `something is being pushed to ${use.pushing()}` : 'somebody is at the registry',
        {
          advice: 'Try again when that has ended.',
        },
      );
    this.#tidiedAtMs = performance.now();
    const images = (disk: RegistryDisk): number => disk.repositories.reduce((sum, { needless }) => sum + needless, 0);
    return {
      repositories: before.repositories.length - after.repositories.length,
      images: images(before) - images(after),
      bytes: before.bytes - after.bytes,
    };
  }

  /** When there may be something to do. */
  async tidyIfDue(): Promise<void> {
    const { use } = this.#parts;
    const isDay = performance.now() - this.#tidiedAtMs > dayMs;
    if ((!use.isChanged && !isDay) || use.pushing() !== null) return;
    const disk = await this.#measure();
    const isNeedless = disk.repositories.some(({ needless }) => needless > 0);
    if (!isNeedless && !isDay) return;
    const freed = await this.tidy(usualGraceMs);
    this.#world.log({ level: 'info', message: 'the registry was tidied', ...freed });
  }

  /** The images of destroyed apps. Nobody is let in to them any more; whoever was is waited for by coming again. */
  async dropGone(): Promise<void> {
    const { database } = this.#world;
    const { use, keeper } = this.#parts;
    const names = imagesRemovals(database).filter((name) => use.runningOf(name) === 0);
    if (names.length === 0) return;
    await keeper.drop(names);
    use.isChanged = true;
    for (const name of names) use.forget(name);
    inTransaction(database, () => {
      for (const name of names) endImagesRemoval(database, name);
    });
  }

  /** Tags that name something else than what was looked at last: their notices were lost. */
  async findLostPushes(): Promise<void> {
    for (const app of everyApp(this.#world.database)) {
      const image = followedImage(this.#world.database, app.id);
      if (image === null) await this.#findFirst(app);
      else if (image.host === this.#parts.host && image.digest === null && image.tag !== null)
        await this.#compare(app, image.path, image.tag);
    }
  }

  async #compare(app: App, path: string, tag: string): Promise<void> {
    const { database } = this.#world;
    const digest = await this.#parts.digestOf(path, tag);
    const seen = seenDigest(database, app.id);
    if (digest === null || digest === seen) return;
    // A version that did not write it down has deployed it, or rolled it back.
    if (seen === null && liveRelease(database, app.id) !== null)
      inTransaction(database, () => noteSeen(database, app.id, digest));
    else this.#parts.pushed(app, path, tag, 'lockstep');
  }

  /** An app that has nothing yet follows the first tag that was pushed. */
  async #findFirst(app: App): Promise<void> {
    if (app.mainBranch !== null || liveRelease(this.#world.database, app.id) !== null) return;
    const [tag, ...more] = await this.#parts.tagsOf(app.name);
    if (tag !== undefined && more.length === 0) this.#parts.pushed(app, app.name, tag, 'lockstep');
  }

  #measure(): Promise<RegistryDisk> {
    this.#measuring ??= this.#parts.keeper
      .measure(this.#needs())
      .then((disk) => this.#noted(disk))
      .finally(() => {
        this.#measuring = null;
      });
    return this.#measuring;
  }

  #noted(disk: RegistryDisk): RegistryDisk {
    for (const { name } of everyApp(this.#world.database)) {
      this.#bytes.set(name, disk.bytesOfApps[name] ?? 0);
      this.#parts.use.measured(name);
    }
    return disk;
  }

  #needs(): RegistryNeeds {
    const { database } = this.#world;
    const apps = everyApp(database);
    const keep = apps.flatMap(({ id }) => pulledDigests(database, id, keptReleases));
    return {
      apps: apps.map(({ name }) => name),
      keep: [...new Set(keep.filter((one) => parseDigest(one) !== null))],
      graceMs: 0,
    };
  }

  #note({ name: actor }: Principal, app: App, data: Record<string, unknown>): void {
    const by = { teamId: app.teamId, appId: app.id, actor };
    appendEvent(this.#world.database, eventOf(by, 'registry.repository-changed', data));
  }
}
