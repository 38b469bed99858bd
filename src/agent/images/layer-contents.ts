// What is in the layers of an image, file by file, and when each was written: two images that are not the same bit for bit may still hold the same
// files, built at other times. Read from an engine's archive of the image; nothing of it is written anywhere.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { type TarEntry, tarEntries } from '../../lib/tar-entries.ts';

/** By path; `what` is a digest of everything but the time. */
export type LayerContents = ReadonlyMap<string, { what: string; mtime: number }>;

export type LayerDifference = {
  /** From 1, the lowest first. */
  layer: number;
  files: number;
  /** Files that are there once only, or hold something else. */
  differing: readonly string[];
  /** Of those that are the same so many were written at another time. */
  otherTimes: number;
};

const mostEntries = 2_000_000;
const manifestBytes = 4 * 1024 ** 2;
const manifest = z.array(z.object({ Layers: z.array(z.string()) })).min(1);

/** Of an archive that holds one image; the lowest layer first. @throws an Error for what is no such archive */
export async function layersOfArchive(archive: AsyncIterable<Buffer>): Promise<LayerContents[]> {
  const layers = new Map<string, LayerContents>();
  /** One that is twice in an image is there as a link. */
  const links = new Map<string, string>();
  let order: readonly string[] | null = null;
  const room = { left: mostEntries };
  for await (const { head, content } of tarEntries(archive)) {
    const path = head.path.replace(/^\.\//, '');
    if (path === 'manifest.json') order = manifest.parse(JSON.parse(await textOf(content)))[0]!.Layers;
    else if (head.type === '2') links.set(path, new URL(head.link, `file:///${path}`).pathname.slice(1));
    else if (head.type === '0' && head.size > 0) {
      const found = await layerIn(content, room);
      if (found !== null) layers.set(path, found);
    }
  }
  if (order === null) throw new Error('the archive does not say which layers the image has');
  return order.map((path) => layers.get(path) ?? layers.get(links.get(path) ?? '') ?? new Map());
}

/** null: it is something else. */
async function layerIn(content: AsyncIterable<Buffer>, room: { left: number }): Promise<LayerContents | null> {
  const chunks = content[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return null;
  const rest = async function* (): AsyncGenerator<Buffer> {
    yield first.value;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  if (first.value[0] === 0x1f && first.value[1] === 0x8b)
    return contentsOf(Readable.from(rest()).pipe(createGunzip()) as AsyncIterable<Buffer>, room);
  // JSON and the like. An archive without any entry begins with zeros.
  if (first.value[0] === 0x7b || first.value[0] === 0x5b || first.value.length < 262) return null;
  return contentsOf(rest(), room).catch(() => null);
}

async function contentsOf(bytes: AsyncIterable<Buffer>, room: { left: number }): Promise<LayerContents> {
  const found = new Map<string, { what: string; mtime: number }>();
  for await (const entry of tarEntries(bytes)) {
    room.left -= 1;
    if (room.left < 0) throw new Error(`the image has more than ${mostEntries} files`);
    found.set(entry.head.path.replace(/^\.?\//, '').replace(/\/$/, ''), {
      what: await digestOf(entry),
      mtime: entry.head.mtime,
    });
  }
  return found;
}

async function digestOf({ head, content }: TarEntry): Promise<string> {
  const { type, mode, uid, gid, link, more } = head;
  const hash = createHash('sha256').update(JSON.stringify([type, mode & 0o7777, uid, gid, link, more]));
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('base64');
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > manifestBytes) throw new Error('the list of layers is larger than any');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Layer by layer; null: they do not even have as many. */
export function compareLayers(
  one: readonly LayerContents[],
  other: readonly LayerContents[],
): LayerDifference[] | null {
  if (one.length !== other.length) return null;
  return one.map((ours, at) => {
    const theirs = other[at]!;
    const paths = [...new Set([...ours.keys(), ...theirs.keys()])];
    const differing = paths.filter((path) => ours.get(path)?.what !== theirs.get(path)?.what).sort();
    const isOtherTime = (path: string): boolean =>
      ours.get(path)?.what === theirs.get(path)?.what && ours.get(path)?.mtime !== theirs.get(path)?.mtime;
    return { layer: at + 1, files: paths.length, differing, otherTimes: paths.filter(isOtherTime).length };
  });
}
