// The inner form of a backup: entries, one after the other, each a head (JSON) and pieces of data. The reader knows a closed list
// of kinds, takes no path that is not spelled out here, and says so when the end is missing.
import { z } from 'zod';
import { parseId } from '../domain/ids.ts';
import { type Container, refused } from './container.ts';
import { isImagePath } from './image-path.ts';

/** Files of the home that are kept as they are; the place of each is in `kept.ts`. */
export const keptNames = ['owner.token', 'receipt.key', 'node-id'] as const;
export type KeptName = (typeof keptNames)[number];

const app = z.string().refine((text) => parseId('app', text) !== null);
const volumeName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/);
/** Bytes of a path within a volume, as base64url; '' is the volume itself. */
const path = z
  .string()
  .max(8192)
  .regex(/^[A-Za-z0-9_-]*$/)
  .refine((text) => text === '' || isPlainPath(Buffer.from(text, 'base64url')));
const node = { kind: z.literal('node'), app, volume: volumeName, path };

const headShape = z.union([
  z.strictObject({
    kind: z.literal('manifest'),
    program: z.string().max(100),
    /** The database's version. */
    schema: z.int().min(1),
    madeAtMs: z.number(),
    /** Apps with uids of their own. */
    hasIdentities: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('database') }),
  z.strictObject({ kind: z.literal('file'), name: z.enum(keptNames) }),
  /** Data: lines of `<object id> <ref>`. */
  z.strictObject({ kind: z.literal('refs'), app }),
  z.strictObject({ kind: z.literal('pack'), app }),
  z.strictObject({ ...node, type: z.literal('directory'), mode: z.int().min(0).max(0o777) }),
  z.strictObject({ ...node, type: z.literal('file'), mode: z.int().min(0).max(0o777), mtimeMs: z.number() }),
  /** Data: where it leads to. */
  z.strictObject({ ...node, type: z.literal('link') }),
  /** Of the own registry. */
  z.strictObject({ kind: z.literal('image'), path: z.string().max(1000).refine(isImagePath) }),
  z.strictObject({ kind: z.literal('end'), entries: z.int().min(0) }),
]);
export type EntryHead = z.output<typeof headShape>;
export type Entry = { head: EntryHead; data: AsyncIterable<Buffer> };

/** The refs of one repository, as text. */
export const refsBytes = 64 * 1024 * 1024;

const headBytes = 16 * 1024;
const pieceBytes = 1024 * 1024;
const headMark = 0x45; // 'E'
const dataMark = 0x44; // 'D'

/** True for `a/b/c`: no empty part, no `.` or `..`, no NUL, and not too deep. */
export function isPlainPath(bytes: Buffer): boolean {
  const parts = bytes.toString('latin1').split('/');
  const isPlain = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && part.length <= 255;
  return bytes.length <= 4096 && parts.length <= mostDeep && !bytes.includes(0) && parts.every(isPlain);
}

/** Folders within each other in a volume. */
export const mostDeep = 200;

export type EntryWriter = {
  entry(head: EntryHead, data?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  end(): Promise<void>;
};

export function writeEntries(container: Container): EntryWriter {
  let count = 0;
  const record = (mark: number, bytes: Uint8Array): Promise<void> => {
    const start = Buffer.alloc(5);
    start[0] = mark;
    start.writeUInt32BE(bytes.length, 1);
    return container.write(Buffer.concat([start, bytes]));
  };
  const entry: EntryWriter['entry'] = async (head, data = []) => {
    const text = Buffer.from(JSON.stringify(head));
    if (text.length > headBytes) throw new Error(`the head of an entry has ${text.length} bytes`);
    await record(headMark, text);
    count += 1;
    for await (const piece of data)
      for (let at = 0; at < piece.length; at += pieceBytes) await record(dataMark, piece.subarray(at, at + pieceBytes));
  };
  return {
    entry,
    async end() {
      await entry({ kind: 'end', entries: count });
      await container.end();
    },
  };
}

/**
 * The entries in their order, without the last one (`end`), which is seen to be there. Data that is not read is skipped.
 * @throws bad-backup
 */
export async function* readEntries(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  const bytes = byteReader(chunks);
  let next = await bytes.record();
  for (let count = 0; ; count += 1) {
    if (next?.mark !== headMark || next.bytes.length > headBytes) throw refused('it does not hold what it should');
    const head = parseHead(next.bytes);
    if (head.kind === 'end') {
      if (head.entries !== count || (await bytes.record()) !== null) throw refused('it does not hold what it should');
      return;
    }
    next = await bytes.record();
    async function* data(): AsyncGenerator<Buffer> {
      while (next?.mark === dataMark) {
        yield next.bytes;
        next = await bytes.record();
      }
    }
    yield { head, data: data() };
    while (next?.mark === dataMark) next = await bytes.record();
  }
}

/** All of a small entry's data. @throws bad-backup when it is larger than `mostBytes` */
export async function wholeOf(data: AsyncIterable<Buffer>, mostBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of data) {
    bytes += piece.length;
    if (bytes > mostBytes) throw refused('it does not hold what it should');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function parseHead(bytes: Buffer): EntryHead {
  let value: unknown = null;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // Judged with the rest.
  }
  const read = headShape.safeParse(value);
  if (!read.success)
    throw refused('it holds something that this version does not know', 'Restore it with the version that wrote it.');
  return read.data;
}

function byteReader(chunks: AsyncIterable<Buffer>) {
  const source = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const fill = async (bytes: number): Promise<boolean> => {
    while (held.length < bytes) {
      const more = await source.next();
      if (more.done) return false;
      held = held.length === 0 ? more.value : Buffer.concat([held, more.value]);
    }
    return true;
  };
  const take = (bytes: number): Buffer => {
    const taken = held.subarray(0, bytes);
    held = held.subarray(bytes);
    return taken;
  };
  return {
    /** null: the end. */
    async record(): Promise<{ mark: number; bytes: Buffer } | null> {
      if (!(await fill(1))) return null;
      if (!(await fill(5))) throw refused('it does not hold what it should');
      const start = take(5);
      const length = start.readUInt32BE(1);
      if (length > pieceBytes || !(await fill(length))) throw refused('it does not hold what it should');
      return { mark: start[0]!, bytes: take(length) };
    },
  };
}
