// Packs that no git would make: bytes of any kind as an object, and a small one that unpacks to as many zeros as one likes.
import { createHash } from 'node:crypto';
import { constants, deflateRawSync, deflateSync } from 'node:zlib';

const kinds = { commit: 1, tree: 2, blob: 3 } as const;
export type PackObject = { kind: keyof typeof kinds; size: number; deflated: Buffer };

export function objectOf(kind: keyof typeof kinds, content: Buffer): PackObject {
  return { kind, size: content.length, deflated: deflateSync(content) };
}

/** A blob of so many mebibytes of zeros. Each mebibyte is compressed apart, so that the same bytes can stand for all. */
export function zeros(mebibytes: number): PackObject {
  const piece = deflateRawSync(Buffer.alloc(2 ** 20), { finishFlush: constants.Z_FULL_FLUSH, level: 9 });
  const size = mebibytes * 2 ** 20;
  const adler = Buffer.alloc(4);
  adler.writeUInt16BE(size % 65521, 0);
  adler.writeUInt16BE(1, 2);
  const end = Buffer.from([0x03, 0x00]);
  const deflated = Buffer.concat([Buffer.from([0x78, 0x9c]), ...Array<Buffer>(mebibytes).fill(piece), end, adler]);
  return { kind: 'blob', size, deflated };
}

/** `count`: what the header says, when it lies. */
export function packOf(objects: readonly PackObject[], count = objects.length): Buffer {
  const head = Buffer.from('PACK\0\0\0\u0002\0\0\0\0', 'latin1');
  head.writeUInt32BE(count, 8);
  const body = Buffer.concat([head, ...objects.flatMap((one) => [sizeOf(one), one.deflated])]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** Type and size as a pack writes them: four bits, then seven at a time. */
function sizeOf({ kind, size }: PackObject): Buffer {
  const bytes: number[] = [];
  let low = (kinds[kind] << 4) | (size % 16);
  let rest = Math.floor(size / 16);
  while (rest > 0) {
    bytes.push(low | 0x80);
    low = rest % 128;
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, low]);
}

export function idOf(kind: keyof typeof kinds, content: Buffer): string {
  return createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex');
}

export type TreeLine = { mode: string; name: string; id: string };

/** The bytes of a tree, as they are given. */
export function treeBytes(lines: readonly TreeLine[]): Buffer {
  return Buffer.concat(
    lines.map(({ mode, name, id }) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])),
  );
}

export function commitBytes(tree: string, parent: string | null = null): Buffer {
  const who = 'A <a@b> 1700000000 +0000';
  return Buffer.from(`tree ${tree}\n${parent ? `parent ${parent}\n` : ''}author ${who}\ncommitter ${who}\n\nm\n`);
}
