// One collected folder as one file: the contents one after the other, then a table of what lies where, then the table's
// length and hash. One file is written whole or not at all, costs two syncs instead of thousands, and goes with one removal.
// Its name is the digest of paths and contents, so that the same folder is kept once, however many commits bring it.
//
//   "LSPACK1\n" | contents | table (JSON: [path, offset, size, sha256] each, in the order of the paths) | length u32 | sha256
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type CollectedFile, mostCollected } from '../domain/collected.ts';
import { fail } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { enter, isArmed, leave } from '../lib/seam.ts';

const magic = Buffer.from('LSPACK1\n');
const footBytes = 4 + 32;
const mostTableBytes = 16 * 1024 ** 2;
/** Small contents are written together. */
const blockBytes = 256 * 1024;

export type PackedFile = { offset: number; size: number; sha256: string };
export type Packed = { digest: Digest; files: number; bytes: number; hasIndex: boolean };

export const packName = (digest: Digest): string => `${digest.replace(':', '-')}.pack`;

/** Writes the files of a folder. What is there already under the same digest is kept. @throws too-large, and what the disk throws */
export async function writePack(
  folder: string,
  files: AsyncIterable<CollectedFile>,
  limits = mostCollected,
): Promise<Packed> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const partial = join(folder, `partial-${process.pid}-${randomBytes(6).toString('hex')}`);
  const handle = await open(partial, 'wx', 0o600);
  try {
    const at = isArmed ? enter('writePack') : null;
    const table = await writeContents(handle, files, limits);
    const { digest, bytes } = digestOf(table);
    await handle.sync();
    await handle.close();
    if (isArmed) leave(at, 'half');
    const place = join(folder, packName(digest));
    await rename(partial, place);
    // A pack that was there before is as new as this one: nobody removes it as old.
    await utimes(place, new Date(), new Date());
    await syncFolder(folder);
    if (isArmed) leave(at);
    return { digest, files: table.length, bytes, hasIndex: table.some(([path]) => path === 'index.html') };
  } finally {
    await handle.close().catch(() => {});
    await rm(partial, { force: true });
  }
}

type Row = [path: string, offset: number, size: number, sha256: string];

async function writeContents(
  handle: FileHandle,
  files: AsyncIterable<CollectedFile>,
  limits: typeof mostCollected,
): Promise<Row[]> {
  const rows: Row[] = [];
  const known = new Set<string>();
  let held: Uint8Array[] = [magic];
  let heldBytes = 0;
  let offset = magic.length;
  const flush = async () => {
    if (held.length > 0) await handle.writev(held);
    held = [];
    heldBytes = 0;
  };
  for await (const { path, size, content } of files) {
    if (!isPlainPath(path) || known.has(path))
      throw fail('bad-request', 'a collected file has no plain path of its own');
    known.add(path);
    const start = offset;
    const hash = createHash('sha256');
    for await (const chunk of content) {
      hash.update(chunk);
      held.push(chunk);
      heldBytes += chunk.length;
      offset += chunk.length;
      if (offset - magic.length > limits.totalBytes)
        throw fail('too-large', `it holds more than ${limits.totalBytes / 1024 ** 2} MiB`);
      if (heldBytes >= blockBytes || held.length >= 512) await flush();
    }
    if (offset - start !== size) throw fail('bad-request', 'a collected file is not of the size that was said');
    rows.push([path, start, size, hash.digest('hex')]);
    if (rows.length > limits.files) throw fail('too-large', `it holds more than ${limits.files} files`);
  }
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  const table = Buffer.from(JSON.stringify(rows));
  if (table.length > mostTableBytes) throw fail('too-large', 'the names of its files are too long together');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(table.length);
  held.push(table, length, createHash('sha256').update(table).digest());
  await flush();
  return rows;
}

/** By paths and contents alone: where a content lies does not matter. */
function digestOf(rows: readonly Row[]): { digest: Digest; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const [path, , size, sha256] of rows) {
    hash.update(`${sha256} ${size} ${path}\n`);
    bytes += size;
  }
  return { digest: `sha256:${hash.digest('hex')}` as Digest, bytes };
}

export function isPlainPath(path: string): boolean {
  if (path === '' || path.startsWith('/') || /[\p{Cc}\\]/u.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A pack that is open for reading. Whoever opened or holds it lets it go; the last one closes it. */
export class Pack {
  readonly files: ReadonlyMap<string, PackedFile>;
  readonly #handle: FileHandle;
  #readers = 1;

  private constructor(handle: FileHandle, files: ReadonlyMap<string, PackedFile>) {
    this.#handle = handle;
    this.files = files;
  }

  /** null: there is no such file. @throws Error for one that is damaged */
  static async open(file: string): Promise<Pack | null> {
    const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) return null;
    try {
      return new Pack(handle, await readTable(handle));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The bytes of a file from `from` up to and without `to`. */
  async *read({ offset, size }: PackedFile, from = 0, to = size): AsyncGenerator<Buffer> {
    if (this.hold() === null) throw new Error('the pack is closed');
    try {
      for (let at = from; at < to; ) {
        const { bytesRead, buffer } = await this.#handle.read(
          Buffer.alloc(Math.min(to - at, 64 * 1024)),
          0,
          undefined,
          offset + at,
        );
        if (bytesRead === 0) throw new Error('a pack became shorter');
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      this.letGo();
    }
  }

  /** A whole small file. */
  async text(path: string): Promise<string | null> {
    const file = this.files.get(path);
    if (file === undefined) return null;
    const chunks: Buffer[] = [];
    for await (const chunk of this.read(file)) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  /** null: it is closed already. */
  hold(): Pack | null {
    if (this.#readers === 0) return null;
    this.#readers += 1;
    return this;
  }

  letGo(): void {
    this.#readers -= 1;
    if (this.#readers === 0) void this.#handle.close().catch(() => {});
  }
}

async function readTable(handle: FileHandle): Promise<Map<string, PackedFile>> {
  const damaged = (what: string) => new Error(`a pack is damaged: ${what}`);
  const { size } = await handle.stat();
  const at = async (length: number, position: number): Promise<Buffer> => {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
    if (bytesRead !== length) throw damaged('it is cut');
    return buffer;
  };
  if (size < magic.length + footBytes || !(await at(magic.length, 0)).equals(magic)) throw damaged('it is none');
  const foot = await at(footBytes, size - footBytes);
  const length = foot.readUInt32BE(0);
  const start = size - footBytes - length;
  if (length > mostTableBytes || start < magic.length) throw damaged('its table has no place');
  const table = await at(length, start);
  if (!createHash('sha256').update(table).digest().equals(foot.subarray(4))) throw damaged('its table is not whole');
  const files = new Map<string, PackedFile>();
  for (const [path, offset, bytes, sha256] of JSON.parse(table.toString('utf8')) as Row[]) {
    if (offset < magic.length || offset + bytes > start) throw damaged('a file lies outside of it');
    files.set(path, { offset, size: bytes, sha256 });
  }
  return files;
}
