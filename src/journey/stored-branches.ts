// Branches that git stores by itself (all but main) leave their event in the ledger all the same: what the repository holds
// after a push is compared with what it held before.
import type { App } from '../domain/app.ts';
import type { AppId, ObjectId } from '../domain/ids.ts';
import { branchOfRef } from '../domain/names.ts';
import type { Repository } from '../git/repository.ts';
import { noteBranch } from './push.ts';
import type { World } from './world.ts';

/** Branches and tags together: every push reads them all. */
export const mostRefs = 5000;

type Refs = { branches: ReadonlyMap<string, ObjectId>; count: number };

export class StoredBranches {
  readonly #world: World;
  readonly #known = new Map<AppId, Refs>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Before a push: what there is. Asked of git once for each app, then remembered. */
  async look(app: App, repository: Repository): Promise<void> {
    if (!this.#known.has(app.id)) this.#known.set(app.id, await refsOf(repository));
  }

  /** How many more branches and tags there may be, as of the last look. */
  left(app: App): number {
    return mostRefs - (this.#known.get(app.id)?.count ?? 0);
  }

  /** After a push: an event for each branch but main that was stored, moved or removed. */
  async note(app: App, repository: Repository, actor: string): Promise<void> {
    const before = this.#known.get(app.id)?.branches ?? new Map<string, ObjectId>();
    const refs = await refsOf(repository);
    const now = refs.branches;
    this.#known.set(app.id, refs);
    for (const ref of new Set([...before.keys(), ...now.keys()])) {
      const branch = branchOfRef(ref);
      const id = now.get(ref) ?? null;
      if (branch !== null && branch !== app.mainBranch && id !== (before.get(ref) ?? null))
        noteBranch(this.#world, app, branch, id, actor);
    }
  }

  forget(id: AppId): void {
    this.#known.delete(id);
  }
}

async function refsOf(repository: Repository): Promise<Refs> {
  const all = [...(await repository.git.listRefs('refs/'))];
  const branches = all.filter(([ref]) => ref.startsWith('refs/heads/'));
  const tags = all.filter(([ref]) => ref.startsWith('refs/tags/'));
  return { branches: new Map(branches), count: branches.length + tags.length };
}
