// The last snapshot on disk (`lib/list-file.ts`): checked by checksums, with the generation before it beside it, which is what the
// router boots from when the current one is damaged. It refuses to treat damage as "no routes". A save is answered when the death
// of the router cannot lose it; the disk follows. What the power takes from it the agent has, synced (`of-this-boot.ts`).
import { diskFailure } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';
import type { RouteSnapshot } from '../domain/route.ts';
import { ListFile } from '../lib/list-file.ts';
import { parseSnapshot } from './snapshot-parse.ts';

/** `source` none: a first start, neither file exists. `problem`: what was wrong with the current file, for the log. */
export type LoadedSnapshot = {
  snapshot: RouteSnapshot | null;
  source: 'current' | 'previous' | 'none';
  problem: string | null;
};

/** Where the generation before the current one is. */
export const previousOf = (file: string): string => `${file}.previous`;

export class SnapshotFile {
  readonly #file: ListFile<RouteSnapshot>;

  constructor(file: string) {
    this.#file = new ListFile(file, 'routes', parseSnapshot, 'written');
  }

  /**
   * The current snapshot, or the previous one with the reason.
   * @throws home-unreachable when a snapshot was there and none can be read
   */
  async load(): Promise<LoadedSnapshot> {
    const { document, from, alarm } = await this.#file.load();
    if (document !== null || alarm === null) return { snapshot: document, source: from, problem: alarm };
    throw fail('home-unreachable', `No route snapshot can be read: ${alarm}`, {
      advice: 'The agent sends a new one as soon as it is connected; until then every request is answered with 503.',
    });
  }

  /**
   * Replaces the snapshot, as far as a router that is killed needs; a valid current one becomes the previous one, a damaged one never does.
   * @throws disk-full, disk-failed: the routes stay as they are until it can be written
   */
  async save({ routes, ...head }: RouteSnapshot): Promise<void> {
    try {
      await this.#file.save(head, routes);
    } catch (error) {
      throw diskFailure(error, 'The route snapshot could not be written') ?? error;
    }
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#file.settled();
  }
}

/** What is on disk, for whoever only looks. @throws home-unreachable */
export const loadSnapshot = (file: string): Promise<LoadedSnapshot> => new SnapshotFile(file).load();
