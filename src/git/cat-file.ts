// Objects by id from one `git cat-file --batch`: one question at a time, so that a slow reader never fills memory.

import { fail } from '../domain/errors.ts';
import type { ObjectId } from '../domain/ids.ts';
import type { StreamingChild } from '../exec/exec.ts';
import type { Blob } from './git.ts';

export async function* blobsOf(
  start: () => StreamingChild,
  ids: Iterable<ObjectId> | AsyncIterable<ObjectId>,
): AsyncGenerator<Blob> {
  const child = start();
  child.stderr.resume();
  const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer[] = [];
  let heldBytes = 0;

  const more = async (): Promise<void> => {
    const next = await chunks.next();
    if (next.done) throw fail('git-failed', 'git cat-file ended early');
    held.push(next.value);
    heldBytes += next.value.length;
  };
  const take = async (bytes: number): Promise<Buffer> => {
    while (heldBytes < bytes) await more();
    const all = held.length === 1 ? held[0]! : Buffer.concat(held);
    held = [all.subarray(bytes)];
    heldBytes = all.length - bytes;
    return all.subarray(0, bytes);
  };
  const takeLine = async (): Promise<string> => {
    for (;;) {
      const all = Buffer.concat(held);
      held = [all];
      const end = all.indexOf(10);
      if (end >= 0) return (await take(end + 1)).toString('utf8', 0, end);
      await more();
    }
  };

  try {
    for await (const id of ids) {
      child.stdin.write(`${id}\n`);
      const [name, type, size] = (await takeLine()).split(' ');
      if (size === undefined) throw fail('not-found', `object ${id} is not in the repository`);
      const content = Buffer.from((await take(Number(size) + 1)).subarray(0, Number(size)));
      yield { id: name as ObjectId, type: type!, content };
    }
  } finally {
    child.stdin.end();
    child.kill();
    await child.ended.catch(() => {});
  }
}
