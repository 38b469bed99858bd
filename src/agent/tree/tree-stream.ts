// How a git tree travels from control to the agent: a framed stream of files, so that no path of one process is opened
// by the other. The decoder trusts nothing: it refuses what could reach outside the place where the tree is written
// (absolute paths, '..', '.git', a path below a symlink), duplicates, submodules, and whatever is beyond its caps.
//
// Frame: "LSTREE1\n", then per file 'F' mode:u32 pathLength:u32 size:u64 path bytes, then 'Z' fileCount:u32, then the end.
import { fail, type LockstepError } from '../../domain/errors.ts';
import { quoted } from '../../domain/names.ts';
import { defaultTreeCaps, type TreeCaps } from '../../domain/tree-caps.ts';

export type TreeMode = '100644' | '100755' | '120000';

/** A file on its way: `content` must be read to its end before the next file is asked for. Paths are bytes, as in git. */
export type TreeFile = { mode: TreeMode; path: Buffer; size: number; content: Buffer | AsyncIterable<Uint8Array> };
export type DecodedFile = TreeFile & { content: AsyncIterable<Buffer> };

/** Of an answer that holds a collected folder: what does not come, as JSON in percent-encoding. */
export const leftOutHeader = 'x-lockstep-left-out';

const magic = Buffer.from('LSTREE1\n');
const headBytes = 16;
const modes: ReadonlyMap<number, TreeMode> = new Map([
  [0o100644, '100644'],
  [0o100755, '100755'],
  [0o120000, '120000'],
]);
const longestLink = 4095;

/** A path for people: bytes that are not UTF-8 and control characters become readable. */
export const showPath = (path: Buffer): string => quoted(path.toString('utf8'));

export function refuse(message: string, advice: string): LockstepError {
  return fail('tree-refused', message, { advice });
}

const broken = (what: string): LockstepError =>
  refuse(`The stream of the tree is broken: ${what}.`, 'Send the tree again; nothing of it was kept.');

/** Remembers the paths of one tree and throws `tree-refused` for one that must not be written beside the others. */
export function pathGuard(): (path: Buffer, mode: TreeMode) => void {
  const files = new Map<string, TreeMode>();
  const directories = new Set<string>();
  return (path, mode) => {
    const shown = showPath(path);
    if (path.includes(0)) throw refuse(`The path ${shown} holds a NUL byte.`, 'Rename the file and commit again.');
    const key = path.toString('latin1');
    if (key.startsWith('/')) throw refuse(`The path ${shown} is absolute.`, 'Commit paths relative to the repository.');
    const parts = key.split('/');
    for (const part of parts) {
      if (part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git')
        throw refuse(
          `The path ${shown} has the component ${quoted(part)}.`,
          'Remove it from the tree and commit again.',
        );
      if (part.length > 255)
        throw refuse(`The path ${shown} has a name of more than 255 bytes.`, 'Give it a shorter name.');
    }
    if (files.has(key) || directories.has(key))
      throw refuse(`The path ${shown} is in the tree twice.`, 'Run "git fsck" in your clone; this tree is damaged.');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      const above = files.get(parent);
      if (above !== undefined)
        throw refuse(
          `The path ${shown} is below a ${above === '120000' ? 'symlink' : 'file'}.`,
          'Run "git fsck" in your clone; this tree is damaged.',
        );
      directories.add(parent);
    }
    files.set(key, mode);
  };
}

/** Small pieces travel together: each would wake both ends. */
const blockBytes = 64 * 1024;

/** The stream's bytes. A content that is not of its announced size ends the stream with an error. */
export async function* encodeTree(files: AsyncIterable<TreeFile> | Iterable<TreeFile>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(files)) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < blockBytes) continue;
    yield Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  yield Buffer.concat(held, bytes);
}

async function* piecesOf(files: AsyncIterable<TreeFile> | Iterable<TreeFile>): AsyncGenerator<Buffer> {
  yield magic;
  let count = 0;
  for await (const file of files) {
    const head = Buffer.alloc(1 + headBytes);
    head.write('F', 0, 'latin1');
    head.writeUInt32BE(Number.parseInt(file.mode, 8), 1);
    head.writeUInt32BE(file.path.length, 5);
    head.writeBigUInt64BE(BigInt(file.size), 9);
    yield Buffer.concat([head, file.path]);
    let sent = 0;
    for await (const chunk of Buffer.isBuffer(file.content) ? [file.content] : file.content) {
      sent += chunk.length;
      if (sent > file.size) break;
      if (chunk.length > 0) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    }
    if (sent !== file.size) throw broken(`${showPath(file.path)} is not of the size that git gave`);
    count += 1;
  }
  const end = Buffer.alloc(5);
  end.write('Z', 0, 'latin1');
  end.writeUInt32BE(count, 1);
  yield end;
}

/** Reads exact numbers of bytes from a stream of chunks of any size. */
function byteReader(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done === true) return false;
      held = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return true;
  };
  const some = async (most: number): Promise<Buffer> => {
    if (!(await more())) throw broken('it ends too early');
    const part = held.subarray(0, most);
    held = held.subarray(part.length);
    return part;
  };
  const take = async (length: number): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; left -= parts.at(-1)!.length) parts.push(await some(left));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  };
  return { some, take, atEnd: async () => !(await more()), close: async () => void (await chunks.return?.()) };
}

/** The files of a stream, one after the other. Throws `tree-refused` or `too-large`; the source is closed in any case. */
export async function* decodeTree(
  source: AsyncIterable<Uint8Array>,
  caps: TreeCaps = defaultTreeCaps,
): AsyncGenerator<DecodedFile> {
  const reader = byteReader(source);
  const guard = pathGuard();
  const tooLarge = (message: string) =>
    fail('too-large', message, { advice: 'Take large or generated files out of the repository and commit again.' });
  try {
    if (!(await reader.take(magic.length)).equals(magic)) throw broken('it does not begin like one');
    let count = 0;
    let total = 0;
    for (;;) {
      const kind = (await reader.take(1)).toString('latin1');
      if (kind === 'Z') {
        if ((await reader.take(4)).readUInt32BE(0) !== count) throw broken('files are missing');
        if (!(await reader.atEnd())) throw broken('something follows its end');
        return;
      }
      if (kind !== 'F') throw broken('a frame of unknown kind');
      const head = await reader.take(headBytes);
      const mode = modes.get(head.readUInt32BE(0));
      const pathLength = head.readUInt32BE(4);
      const bigSize = head.readBigUInt64BE(8);
      if (++count > caps.entries) throw tooLarge(`The tree has more than ${caps.entries} files.`);
      if (pathLength > caps.pathBytes)
        throw refuse(`A path of the tree is longer than ${caps.pathBytes} bytes.`, 'Give it a shorter path.');
      if (bigSize > BigInt(caps.totalBytes - total))
        throw tooLarge(`The files of the tree are larger than ${caps.totalBytes} bytes together.`);
      const size = Number(bigSize);
      total += size;
      const path = await reader.take(pathLength);
      if (mode === undefined)
        throw refuse(
          `${showPath(path)} is of git mode ${head.readUInt32BE(0).toString(8)}.`,
          head.readUInt32BE(0) === 0o160000
            ? 'Submodules cannot be deployed: add the files themselves.'
            : 'Only files, executable files and symlinks can be deployed.',
        );
      guard(path, mode);
      if (mode === '120000' && (size === 0 || size > longestLink))
        throw refuse(`The symlink ${showPath(path)} has a target of ${size} bytes.`, 'Remove the link.');
      let left = size;
      const content = (async function* () {
        while (left > 0) {
          const part = await reader.some(left);
          left -= part.length;
          yield part;
        }
      })();
      yield { mode, path, size, content };
      while (left > 0) left -= (await reader.some(left)).length;
    }
  } finally {
    await reader.close();
  }
}
