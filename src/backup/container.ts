// The outer form of a backup: a magic line, a header, then chunks that are each authenticated, in order, the last one marked as
// such. So a byte that was changed, a chunk that was moved, left out or added, and a file that was cut are all refused, before
// anything of the chunk in question is used.
//
//   "LOCKSTEP-BACKUP\n"  length:u32  header (JSON)  { word:u32  bytes  tag }…     word: the bytes' length; its top bit: the last
//
// With a passphrase: AES-256-GCM, the key by scrypt from the passphrase and the header's salt (so it is another one for every
// file), the nonce counts the chunks, the header and the word are authenticated, too. Without one the tag is a chain of SHA-256,
// which finds damage and no forger.
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { fail } from '../domain/errors.ts';

const magic = Buffer.from('LOCKSTEP-BACKUP\n');
const formatVersion = 1;
const chunkBytes = 256 * 1024;
const lastBit = 0x8000_0000;
const headerBytes = 4096;

/** scrypt's cost: 64 MiB and about half a second. */
export const usualCost = 2 ** 16;

const headerShape = z.strictObject({
  format: z.int().min(1),
  cipher: z.enum(['none', 'aes-256-gcm']),
  kdf: z
    .strictObject({
      name: z.literal('scrypt'),
      n: z
        .int()
        .min(2 ** 10)
        .max(2 ** 18),
      r: z.literal(8),
      p: z.literal(1),
      salt: z.string().regex(/^[A-Za-z0-9_-]{22}$/),
    })
    .nullable(),
});
type Header = z.output<typeof headerShape>;

/** Seals and opens chunks in their order. */
type Sealer = {
  tagBytes: number;
  seal(word: Buffer, bytes: Buffer): { bytes: Buffer; tag: Buffer };
  /** null: it is not what was sealed. */
  open(word: Buffer, bytes: Buffer, tag: Buffer): Buffer | null;
};

export type Container = { write(bytes: Uint8Array): Promise<void>; end(): Promise<void> };

/** Begins a backup in an open file. `passphrase` null: it is not encrypted. */
export async function writeContainer(
  file: FileHandle,
  passphrase: string | null,
  cost = usualCost,
): Promise<Container> {
  const salt = randomBytes(16).toString('base64url');
  const header: Header = {
    format: formatVersion,
    cipher: passphrase === null ? 'none' : 'aes-256-gcm',
    kdf: passphrase === null ? null : { name: 'scrypt', n: cost, r: 8, p: 1, salt },
  };
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.concat([magic, u32(text.length), text]);
  const sealer = await sealerOf(header, head, passphrase);
  await file.writeFile(head);
  let held: Buffer[] = [];
  let heldBytes = 0;
  const flush = async (bytes: Buffer, isLast: boolean): Promise<void> => {
    const word = u32(bytes.length + (isLast ? lastBit : 0));
    const sealed = sealer.seal(word, bytes);
    await file.writeFile(Buffer.concat([word, sealed.bytes, sealed.tag]));
  };
  return {
    async write(bytes) {
      held.push(Buffer.from(bytes));
      heldBytes += bytes.length;
      if (heldBytes < chunkBytes) return;
      const all = Buffer.concat(held);
      let at = 0;
      for (; all.length - at >= chunkBytes; at += chunkBytes) await flush(all.subarray(at, at + chunkBytes), false);
      held = [all.subarray(at)];
      heldBytes = all.length - at;
    },
    end: () => flush(Buffer.concat(held), true),
  };
}

/** Whether a passphrase is needed. @throws bad-backup */
export async function isEncrypted(file: FileHandle): Promise<boolean> {
  return (await readHeader(file)).header.cipher !== 'none';
}

/**
 * The content, chunk by chunk, each authenticated. It ends only when the last chunk was there.
 * @throws bad-backup
 */
export async function* readContainer(file: FileHandle, passphrase: string | null): AsyncGenerator<Buffer> {
  const { header, head } = await readHeader(file);
  if (header.cipher === 'none' && passphrase !== null)
    throw refused(
      'it is not encrypted, and a passphrase was given',
      'Leave the passphrase out, if you trust the file.',
    );
  if (header.cipher !== 'none' && passphrase === null)
    throw refused('it is encrypted', 'Give its passphrase: --passphrase-file FILE.');
  const sealer = await sealerOf(header, head, passphrase);
  let at = head.length;
  for (let isFirst = true; ; isFirst = false) {
    const word = await exactly(file, at, 4);
    const isLast = word.readUInt32BE(0) >= lastBit;
    const length = word.readUInt32BE(0) % lastBit;
    if (length > chunkBytes) throw refused('it is damaged');
    const sealed = await exactly(file, at + 4, length + sealer.tagBytes);
    at += 4 + sealed.length;
    const bytes = sealer.open(word, sealed.subarray(0, length), sealed.subarray(length));
    if (bytes === null)
      throw refused(
        isFirst && passphrase !== null ? 'the passphrase is wrong, or the file is damaged' : 'it is damaged',
      );
    if (isLast && (await few(file, at, 1)).length > 0) throw refused('something was added at its end');
    yield bytes;
    if (isLast) return;
  }
}

async function readHeader(file: FileHandle): Promise<{ header: Header; head: Buffer }> {
  const start = await few(file, 0, magic.length + 4);
  if (start.length < magic.length + 4 || !start.subarray(0, magic.length).equals(magic))
    throw refused('it is no backup of Lockstep');
  const length = start.readUInt32BE(magic.length);
  if (length > headerBytes) throw refused('it is damaged');
  const text = await exactly(file, start.length, length);
  const read = headerShape.safeParse(parse(text));
  const format = read.success ? read.data.format : (parse(text) as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > formatVersion)
    throw refused('a newer Lockstep wrote it', 'Restore it with that version, or a later one.');
  if (!read.success || (read.data.cipher === 'none') !== (read.data.kdf === null)) throw refused('it is damaged');
  return { header: read.data, head: Buffer.concat([start, text]) };
}

async function sealerOf(header: Header, head: Buffer, passphrase: string | null): Promise<Sealer> {
  const headHash = createHash('sha256').update(head).digest();
  if (header.kdf === null || passphrase === null) return chain(headHash);
  return gcm(await stretch(passphrase, header.kdf), headHash);
}

function gcm(key: Buffer, headHash: Buffer): Sealer {
  let count = 0n;
  const nonce = (): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.writeBigUInt64BE(count, 4);
    count += 1n;
    return bytes;
  };
  return {
    tagBytes: 16,
    seal(word, bytes) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce());
      cipher.setAAD(Buffer.concat([headHash, word]));
      return { bytes: Buffer.concat([cipher.update(bytes), cipher.final()]), tag: cipher.getAuthTag() };
    },
    open(word, bytes, tag) {
      const cipher = createDecipheriv('aes-256-gcm', key, nonce(), { authTagLength: 16 });
      cipher.setAAD(Buffer.concat([headHash, word]));
      cipher.setAuthTag(tag);
      try {
        return Buffer.concat([cipher.update(bytes), cipher.final()]);
      } catch {
        return null;
      }
    },
  };
}

function chain(headHash: Buffer): Sealer {
  let last = headHash;
  const next = (word: Buffer, bytes: Buffer): Buffer => {
    last = createHash('sha256').update(last).update(word).update(bytes).digest();
    return last;
  };
  return {
    tagBytes: 32,
    seal: (word, bytes) => ({ bytes, tag: next(word, bytes) }),
    open: (word, bytes, tag) => (next(word, bytes).equals(tag) ? bytes : null),
  };
}

function stretch(passphrase: string, kdf: NonNullable<Header['kdf']>): Promise<Buffer> {
  const { n, r, p, salt } = kdf;
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.from(salt, 'base64url'), 32, { N: n, r, p, maxmem: 256 * n * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

async function exactly(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const read = await few(file, at, bytes);
  if (read.length < bytes) throw refused('it is cut short');
  return read;
}

/** Up to `bytes`, fewer only at the file's end. */
async function few(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let got = 0;
  while (got < bytes) {
    const { bytesRead } = await file.read(buffer, got, bytes - got, at + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return null;
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The one error of a backup that is not taken. */
export function refused(why: string, advice: string | null = null) {
  return fail('bad-backup', `the backup cannot be used: ${why}`, {
    advice:
      advice ??
      'Nothing was taken from it. Use another one; lockstep backup --verify FILE tries one without restoring it.',
  });
}
