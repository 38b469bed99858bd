// Branches that git stores by itself (all but main) leave their event in the ledger all the same: what the repository holds
// after a push is compared with what it held before.
import type { App } from '../domain/app.ts';
import type { AppId, ObjectId } from '../domain/ids.ts';
import { parseBranch } from '../domain/names.ts';
import type { Repository } from '../git/repository.ts';
import { noteBranch } from './push.ts';
import type { World } from './world.ts';

/** Every push reads them all. */
export const mostBranches = 5000;

export class StoredBranches {
  readonly #world: World;
  readonly #known = new Map<AppId, ReadonlyMap<string, ObjectId>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Before a push: what there is. Asked of git once for each app, then remembered. */
  async look(app: App, repository: Repository): Promise<void> {
    if (!this.#known.has(app.id)) this.#known.set(app.id, await repository.git.listRefs('refs/heads/'));
  }

  /** How many more there may be, as of the last look. */
  left(app: App): number {
    return mostBranches - (this.#known.get(app.id)?.size ?? 0);
  }

  /** After a push: an event for each branch but main that was stored, moved or removed. */
  async note(app: App, repository: Repository, actor: string): Promise<void> {
    const before = this.#known.get(app.id) ?? new Map<string, ObjectId>();
    const now: ReadonlyMap<string, ObjectId> = await repository.git.listRefs('refs/heads/');
    this.#known.set(app.id, now);
    for (const ref of new Set([...before.keys(), ...now.keys()])) {
      const branch = parseBranch(ref.slice('refs/heads/'.length));
      const id = now.get(ref) ?? null;
      if (branch !== app.mainBranch && id !== (before.get(ref) ?? null))
        noteBranch(this.#world, app, branch, id, actor);
    }
  }

  forget(id: AppId): void {
    this.#known.delete(id);
  }
}
