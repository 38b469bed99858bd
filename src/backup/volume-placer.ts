// Puts the nodes of volumes into a home that nobody else can enter yet. A node goes only into a folder that was made here for the
// same volume, and only where nothing is: then no link of the archive can be on the way. Owners come from the database, modes
// without setuid and its like; a folder gets its own when it is left,
// since a read-only one would take nothing.
import { chmodSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs';
import { lchown, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Identity } from '../lib/identity.ts';
import { refused } from './container.ts';
import { type EntryHead, wholeOf } from './entries.ts';
import { volumesFolder } from './kept.ts';
import type { KeptApp } from './snapshot.ts';

type NodeHead = Extract<EntryHead, { kind: 'node' }>;
type Owner = Identity | null;

export class VolumePlacer {
  readonly #home: string;
  readonly #isRoot: boolean;
  readonly #counted: { files: number; bytes: number };
  readonly #apps = new Set<string>();
  /** The folders that are open, each in the one before: paths as latin1, with the mode that each gets when it is left. */
  readonly #open: { path: string; mode: number }[] = [];

  constructor(home: string, isRoot: boolean, counted: { files: number; bytes: number }) {
    this.#home = home;
    this.#isRoot = isRoot;
    this.#counted = counted;
  }

  /** @throws bad-backup */
  async place(app: KeptApp, head: NodeHead, data: AsyncIterable<Buffer>): Promise<void> {
    const owner: Owner = this.#isRoot ? { uid: app.liveUid, gid: app.liveUid } : null;
    await this.#ofApp(app, owner);
    const root = join(volumesFolder(this.#home, app.id), head.volume);
    const path = Buffer.from(head.path, 'base64url');
    // Names are bytes; as latin1 each byte is one character.
    const target = path.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), path]);
    const at = target.toString('latin1');
    const parent = at.slice(0, at.lastIndexOf('/'));
    this.#leaveUntil(path.length === 0 ? null : parent);
    if (path.length === 0 ? head.type !== 'directory' : this.#open.length === 0)
      throw refused('it holds a file outside of a folder');
    try {
      if (head.type === 'directory') {
        mkdirSync(target, { mode: 0o700 });
        this.#open.push({ path: at, mode: head.mode });
      } else if (head.type === 'link') symlinkSync(await wholeOf(data, 4096), target);
      else await this.#placeFile(target, head, data);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'EEXIST' || code === 'ENOENT' || code === 'EINVAL'
        ? refused('it holds something twice, or a link to nothing')
        : error;
    }
    if (owner) await lchown(target, owner.uid, owner.gid);
  }

  /** All nodes have come. */
  finish(): void {
    this.#leaveUntil(null);
  }

  /** Leaves folders until `parent` is the innermost; all of them when it is not open. A backup holds a volume depth first. */
  #leaveUntil(parent: string | null): void {
    for (let last = this.#open.at(-1); last && last.path !== parent; last = this.#open.at(-1)) {
      chmodSync(Buffer.from(last.path, 'latin1'), last.mode);
      this.#open.pop();
    }
  }

  async #placeFile(
    target: Buffer,
    head: Extract<NodeHead, { type: 'file' }>,
    data: AsyncIterable<Buffer>,
  ): Promise<void> {
    const handle = await open(target, 'wx', 0o600);
    try {
      for await (const piece of data) {
        await handle.writeFile(piece);
        this.#counted.bytes += piece.length;
      }
      await handle.chmod(head.mode);
      this.#counted.files += 1;
    } finally {
      await handle.close();
    }
    utimesSync(target, head.mtimeMs / 1000, head.mtimeMs / 1000);
  }

  /** The folders around the app's volumes, as the agent makes them. */
  async #ofApp(app: KeptApp, owner: Owner): Promise<void> {
    if (this.#apps.has(app.id)) return;
    this.#apps.add(app.id);
    for (const path of [join(this.#home, 'apps', app.id), volumesFolder(this.#home, app.id)]) {
      mkdirSync(path, { mode: 0o710 });
      chmodSync(path, 0o710);
      if (owner) await lchown(path, 0, owner.gid);
    }
  }
}
