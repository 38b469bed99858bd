// A git tree as a build looks at it, and as it travels to the agent: small files are read once, in one pass, and kept for
// the next change, which shares most of them.
import type { OutgoingFile } from '../domain/agent.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { CommitId, ObjectId, TreeId } from '../domain/ids.ts';
import { quoted } from '../domain/names.ts';
import { defaultTreeCaps } from '../domain/tree-caps.ts';
import type { Git, TreeEntry } from '../git/git.ts';
import type { TreeView } from './tree-view.ts';

const smallBytes = 256 * 1024;

/** What an entry takes besides its content: most files of a tree may be a few bytes long. */
const entryBytes = 256;

/** Contents of small blobs by id, the least recently used going first. */
export class BlobCache {
  readonly #mostBytes: number;
  readonly #blobs = new Map<ObjectId, Buffer>();
  #bytes = 0;

  constructor(mostBytes = 16 * 1024 * 1024) {
    this.#mostBytes = mostBytes;
  }

  get(id: ObjectId): Buffer | undefined {
    const found = this.#blobs.get(id);
    if (found) {
      this.#blobs.delete(id);
      this.#blobs.set(id, found);
    }
    return found;
  }

  get size(): number {
    return this.#blobs.size;
  }

  put(id: ObjectId, content: Buffer): void {
    if (content.length > smallBytes || this.#blobs.has(id)) return;
    this.#blobs.set(id, content);
    this.#bytes += content.length + entryBytes;
    for (const [oldest, old] of this.#blobs) {
      if (this.#bytes <= this.#mostBytes) break;
      this.#blobs.delete(oldest);
      this.#bytes -= old.length + entryBytes;
    }
  }
}

export type GitTree = {
  id: TreeId;
  entries: readonly TreeEntry[];
  view: TreeView;
  /** Every file of the tree, read one after the other. @throws tree-refused for a submodule */
  files(): AsyncGenerator<OutgoingFile>;
};

/** What the agent would refuse after it had written most of it. */
function refuseOversized(entries: readonly TreeEntry[]): void {
  if (entries.length > defaultTreeCaps.entries)
    throw tooLarge(`The tree has ${entries.length} files; at most ${defaultTreeCaps.entries} are placed.`);
  const bytes = entries.reduce((sum, { size }) => sum + (size ?? 0), 0);
  if (bytes > defaultTreeCaps.totalBytes)
    throw tooLarge(
      `The files of the tree have ${bytes} bytes together; at most ${defaultTreeCaps.totalBytes} are placed.`,
    );
}

function tooLarge(message: string, cause?: Error) {
  return fail('too-large', message, {
    advice: 'Take large or generated files out of the repository and commit again.',
    cause,
  });
}

/** @param commit a commit that has this tree, or the tree itself: it is read before anybody knows the tree's id */
export async function openGitTree(
  git: Git,
  cache: BlobCache,
  commit: CommitId | TreeId,
  signal: AbortSignal,
): Promise<Omit<GitTree, 'id'>> {
  const entries = await git.lsTree(commit, signal).catch((error: Error) => {
    throw isFailure(error, 'too-large') ? tooLarge('The tree lists more files than are read.', error) : error;
  });
  refuseOversized(entries);
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  await warm(git, cache, entries);
  const list = entries.map(({ path, mode }) => ({ path, mode }));
  return {
    entries,
    view: {
      list: () => list,
      async read(path, maxBytes) {
        const entry = byPath.get(path);
        if (entry?.type !== 'blob' || (entry.size ?? 0) > maxBytes) return null;
        return contentOf(git, cache, entry);
      },
    },
    files: () => outgoing(git, cache, entries),
  };
}

/** Reads the small blobs that are not known yet, up to half the cache, in one git process. */
async function warm(git: Git, cache: BlobCache, entries: readonly TreeEntry[]): Promise<void> {
  let left = 8 * 1024 * 1024;
  const wanted = new Set<ObjectId>();
  for (const entry of entries) {
    if (entry.type !== 'blob' || (entry.size ?? 0) > smallBytes || cache.get(entry.id)) continue;
    left -= entry.size ?? 0;
    if (left < 0) break;
    wanted.add(entry.id);
  }
  if (wanted.size === 0) return;
  for await (const blob of git.catFiles(wanted)) cache.put(blob.id, blob.content);
}

async function contentOf(git: Git, cache: BlobCache, entry: TreeEntry): Promise<Buffer> {
  const known = cache.get(entry.id);
  if (known) return known;
  for await (const blob of git.catFiles([entry.id])) {
    cache.put(blob.id, blob.content);
    return blob.content;
  }
  throw fail('git-failed', `the object ${entry.id} could not be read`);
}

async function* outgoing(git: Git, cache: BlobCache, entries: readonly TreeEntry[]): AsyncGenerator<OutgoingFile> {
  const unknown = entries.filter((entry) => entry.type === 'blob' && !cache.get(entry.id));
  const rest = unknown.length === 0 ? null : git.streamFiles(unknown.map(({ id }) => id));
  const pending = new Set(unknown);
  try {
    for (const entry of entries) {
      if (entry.type !== 'blob') {
        throw fail('tree-refused', `${quoted(entry.path)} is a submodule`, {
          advice: 'Submodules cannot be deployed: add the files themselves.',
        });
      }
      const content = pending.has(entry) ? (await rest!.next()).value?.content : await contentOf(git, cache, entry);
      if (content === undefined) throw fail('git-failed', `the object ${entry.id} could not be read`);
      yield {
        mode: entry.mode as OutgoingFile['mode'],
        path: entry.pathBytes,
        size: entry.size!,
        content,
      };
    }
  } finally {
    await rest?.return(undefined);
  }
}
