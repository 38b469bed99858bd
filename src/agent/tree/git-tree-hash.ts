// git's object ids (SHA-1), computed from what was really written: the agent compares the tree's id with the one that
// control named, so a tree that was changed on its way never starts.
import { createHash } from 'node:crypto';

/** A hash that, fed with `size` bytes, ends as the blob's id. */
export function blobHash(size: number): { update(chunk: Uint8Array): void; id(): string } {
  const hash = createHash('sha1').update(`blob ${size}\0`);
  return { update: (chunk) => void hash.update(chunk), id: () => hash.digest('hex') };
}

export type HashedFile = { mode: string; path: Buffer; blobId: string };

type Directory = Map<string, Directory | { mode: string; blobId: string }>;

/** The id of the tree object that holds these files, as `git write-tree` gives it. Paths must have passed `pathGuard`. */
export function gitTreeId(files: Iterable<HashedFile>): string {
  const root: Directory = new Map();
  for (const file of files) {
    const parts = file.path.toString('latin1').split('/');
    const name = parts.pop()!;
    let directory = root;
    for (const part of parts) {
      const next = directory.get(part);
      if (next instanceof Map) directory = next;
      else {
        const made: Directory = new Map();
        directory.set(part, made);
        directory = made;
      }
    }
    directory.set(name, { mode: file.mode, blobId: file.blobId });
  }
  return directoryId(root);
}

function directoryId(directory: Directory): string {
  // git sorts a directory as if its name ended with a slash: `a.b` comes before the directory `a`.
  const sorted = [...directory]
    .map(([name, node]) => ({ name, node, key: Buffer.from(node instanceof Map ? `${name}/` : name, 'latin1') }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  const lines = sorted.map(({ name, node }) => {
    const [mode, id] = node instanceof Map ? ['40000', directoryId(node)] : [node.mode, node.blobId];
    return Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(id, 'hex')]);
  });
  const body = Buffer.concat(lines);
  return createHash('sha1').update(`tree ${body.length}\0`).update(body).digest('hex');
}
