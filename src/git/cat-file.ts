// Objects by id from one `git cat-file --batch`: one question at a time, so that a slow reader never fills memory. Refuses an
// object over the limit before a byte of it is kept (a small pack can hold a huge blob).

import { fail } from '../domain/errors.ts';
import type { ObjectId } from '../domain/ids.ts';
import type { StreamingChild } from '../exec/exec.ts';

export type Blob = { id: ObjectId; type: string; content: Buffer };
/** `content` of a large object comes in pieces, to be read before the next object is asked for; what is left is skipped. */
export type StreamedBlob = { id: ObjectId; type: string; size: number; content: Buffer | AsyncIterable<Buffer> };
export type ObjectIds = Iterable<ObjectId> | AsyncIterable<ObjectId>;

export const defaultMaxBlobBytes = 512 * 1024 * 1024;

/** The objects whole. @throws not-found, too-large, git-failed */
export async function* blobsOf(start: () => StreamingChild, ids: ObjectIds, maxBytes: number): AsyncGenerator<Blob> {
  for await (const { id, type, content } of streamBlobs(start, ids, { maxBytes, bufferBytes: maxBytes }))
    yield { id, type, content: content as Buffer };
}

/** The objects, those over `bufferBytes` in pieces. @throws not-found, too-large, git-failed */
export async function* streamBlobs(
  start: () => StreamingChild,
  ids: ObjectIds,
  limits: { maxBytes: number; bufferBytes: number },
): AsyncGenerator<StreamedBlob> {
  const child = start();
  child.stderr.resume();
  const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);

  const fill = async (): Promise<void> => {
    if (held.length > 0) return;
    const next = await chunks.next();
    if (next.done) throw fail('git-failed', 'git cat-file ended early');
    held = next.value;
  };
  /** At most `bytes` of what comes next, at least one. */
  const piece = async (bytes: number): Promise<Buffer> => {
    await fill();
    const taken = held.subarray(0, bytes);
    held = held.subarray(taken.length);
    return taken;
  };
  const line = async (): Promise<string> => {
    for (let text = ''; ; ) {
      await fill();
      const end = held.indexOf(10);
      text += (await piece(end < 0 ? held.length : end + 1)).toString('latin1');
      if (end >= 0) return text.slice(0, -1);
    }
  };
  const whole = async (bytes: number): Promise<Buffer> => {
    const content = Buffer.allocUnsafeSlow(bytes);
    for (let at = 0; at < bytes; ) at += (await piece(bytes - at)).copy(content, at);
    return content;
  };

  try {
    for await (const id of ids) {
      child.stdin.write(`${id}\n`);
      const [name, type, sizeText] = (await line()).split(' ');
      if (sizeText === undefined) throw fail('not-found', `object ${id} is not in the repository`);
      const size = Number(sizeText);
      if (size > limits.maxBytes) {
        throw fail('too-large', `object ${id} has ${size} bytes; at most ${limits.maxBytes} are read`, {
          advice: 'Take the file out of the commit; keep large data in a volume.',
        });
      }
      if (size <= limits.bufferBytes) {
        yield { id: name as ObjectId, type: type!, size, content: await whole(size) };
      } else {
        let left = size;
        const pieces = async function* (): AsyncGenerator<Buffer> {
          while (left > 0) {
            const part = await piece(left);
            left -= part.length;
            yield part;
          }
        };
        yield { id: name as ObjectId, type: type!, size, content: pieces() };
        while (left > 0) left -= (await piece(left)).length;
      }
      await piece(1);
    }
  } finally {
    child.kill();
    // What git had still to say is unread, and a stream with unread data never closes by itself.
    child.stdout.destroy();
    child.stdin.destroy();
    await child.ended.catch(() => {});
  }
}
