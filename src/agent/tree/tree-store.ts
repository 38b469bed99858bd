// The trees of the apps on this machine: one for what is served, and copies that the gate may write in. A tree comes as a stream of
// which the id is computed anew; nothing is taken on trust.
import type { AppRef } from '../../domain/agent.ts';
import { fail } from '../../domain/errors.ts';
import type { AppId, TreeId } from '../../domain/ids.ts';
import { ensureAppFolders, type HomeFolders } from '../folders.ts';
import { removeTree } from '../remove-tree.ts';
import type { Arrivals } from './arrivals.ts';
import { copyTree, type Placed, placeTree } from './place-tree.ts';
import { decodeTree } from './tree-stream.ts';

export type TreeStoreParts = {
  folders: HomeFolders;
  arrivals: Arrivals;
  /** Makes the links to the app's volumes in a tree that has taken another's place. */
  linkVolumes(app: AppRef, treeId: TreeId): Promise<void>;
  /** A tree of the app has come. */
  supplied(appId: AppId): void;
};

export class TreeStore {
  readonly #parts: TreeStoreParts;
  readonly #folders: HomeFolders;

  constructor(parts: TreeStoreParts) {
    this.#parts = parts;
    this.#folders = parts.folders;
  }

  /** Writes the stream twice, as `placeTree` says. @throws tree-refused, too-large, disk-full, conflict */
  async put(
    app: AppRef,
    treeId: TreeId,
    copy: string | null,
    body: AsyncIterable<Uint8Array>,
    isReplacing = false,
  ): Promise<Placed> {
    await ensureAppFolders(this.#folders, app);
    const path = copy === null ? null : this.#folders.copy(app.id, copy);
    const coming = path === null ? null : this.#parts.arrivals.coming(path);
    let isThere = false;
    try {
      const placed = await placeTree(decodeTree(body), {
        expectedTreeId: treeId,
        release: {
          path: this.#folders.tree(app.id, treeId),
          gid: app.gid,
          // What is in the way of visitors for a moment only: the links to the app's volumes are the next thing that is made.
          replace: isReplacing ? () => this.#parts.linkVolumes(app, treeId) : null,
        },
        gate: path === null ? null : { path, uid: app.gateUid, gid: app.gid },
        onGateCopy: () => {
          isThere = true;
          coming?.arrived();
        },
      });
      this.#parts.supplied(app.id);
      return placed;
    } catch (error) {
      if (!isThere) coming?.failed(error);
      throw error;
    }
  }

  async makeCopy(app: AppRef, treeId: TreeId, copy: string): Promise<void> {
    await ensureAppFolders(this.#folders, app);
    const to = this.#folders.copy(app.id, copy);
    await copyTree(this.#folders.tree(app.id, treeId), to, app.gateUid, app.gid).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw fail('not-found', `The tree ${treeId} is not on this machine.`, { advice: 'Send it first.' });
    });
  }

  async dropCopy(appId: AppId, copy: string): Promise<void> {
    await removeTree(this.#folders.copy(appId, copy));
  }
}
