// What a build gets of a tree: straight from the object store, never from a checkout. Links stay links and lead nowhere here; what
// `.dockerignore` names is left out; bytes and entries are counted before anything is read.
import type { OutgoingFile } from '../../domain/agent.ts';
import { fail } from '../../domain/errors.ts';
import { quoted } from '../../domain/names.ts';
import { defaultTreeCaps, type TreeCaps } from '../../domain/tree-caps.ts';
import type { Ignores } from './ignore.ts';
import { type TarEntry, tarStream } from './tar.ts';

const mostLinkBytes = 4096;

export type ContextParts = {
  files: AsyncIterable<OutgoingFile>;
  ignores: Ignores;
  /** What is built, whether the tree has such a file or not. */
  dockerfile: string;
  caps?: TreeCaps;
};

/** A tar stream. The caller's `files` end with it, also when it is given up. @throws tree-refused, too-large */
export function contextOf(parts: ContextParts): AsyncGenerator<Buffer> {
  return tarStream(entriesOf(parts));
}

async function* entriesOf({
  files,
  ignores,
  dockerfile,
  caps = defaultTreeCaps,
}: ContextParts): AsyncGenerator<TarEntry> {
  const content = Buffer.from(dockerfile);
  yield { path: Buffer.from('Dockerfile'), kind: 'file', size: content.length, content };
  const folders = new Set<string>();
  let entries = 0;
  let bytes = 0;
  for await (const file of files) {
    const name = file.path.toString('utf8');
    refuseName(file.path, caps);
    if (name === 'Dockerfile' || ignores(name)) {
      await passOver(file);
      continue;
    }
    entries += 1;
    bytes += file.size;
    if (entries > caps.entries) throw tooLarge(`more than ${caps.entries} files`);
    if (bytes > caps.totalBytes) throw tooLarge(`more than ${caps.totalBytes} bytes`);
    if (file.mode === '120000' && file.size > mostLinkBytes) throw refused(name, 'a link whose target is too long');
    yield* newFolders(file.path, folders);
    const kind = file.mode === '120000' ? 'link' : file.mode === '100755' ? 'program' : 'file';
    yield { path: file.path, kind, size: file.size, content: file.content };
  }
}

/** Named, so that nobody else decides on their modes. */
function* newFolders(path: Buffer, known: Set<string>): Generator<TarEntry> {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const folder = path.subarray(0, at + 1);
    const key = folder.toString('latin1');
    if (known.has(key)) continue;
    known.add(key);
    yield { path: folder, kind: 'folder', size: 0, content: Buffer.alloc(0) };
  }
}

/** A tree that somebody wrote by hand may hold any name. */
function refuseName(path: Buffer, caps: TreeCaps): void {
  const text = path.toString('latin1');
  if (path.length === 0 || path.length > caps.pathBytes || text.includes('\0'))
    throw refused(path.toString('utf8').slice(0, 200), 'a path that no file can have');
  if (text.split('/').some((part) => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git'))
    throw refused(path.toString('utf8'), 'a path that leaves the tree or is git’s own');
}

/** Its bytes are on the way already. */
async function passOver({ content }: OutgoingFile): Promise<void> {
  if (Buffer.isBuffer(content)) return;
  for await (const _ of content);
}

const refused = (name: string, what: string) =>
  fail('tree-refused', `${quoted(name)}: ${what}`, { advice: 'Take it out of the repository and push again.' });

const tooLarge = (what: string) =>
  fail('too-large', `the build would get ${what}`, { advice: 'Name what it does not need in .dockerignore.' });
