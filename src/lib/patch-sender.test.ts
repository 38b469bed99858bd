// A sender and a neighbour that keeps what it is sent, with everything in between that goes wrong: what the neighbour holds after an
// answer is what was sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patched, readPatch } from './list-patch.ts';
import { patchSender } from './patch-sender.ts';

/** Holds what it is sent; `fault` is what happens to the next message. */
function neighbour() {
  const held = { tag: '', document: null as unknown, fault: null as 'lost' | 'unanswered' | null, got: [] as string[] };
  const take = (kind: string, tag: string, document: () => unknown) => {
    held.got.push(kind);
    const { fault } = held;
    held.fault = null;
    if (fault === 'lost') throw new Error('away');
    held.document = document();
    held.tag = tag;
    if (fault === 'unanswered') throw new Error('away');
    return held.got.length;
  };
  const send = patchSender<number>('list', {
    whole: async (text, tag) => take('whole', tag, () => JSON.parse(text)),
    patch: async (text, base, tag) =>
      take('patch', tag, () => {
        if (base !== held.tag) throw new Error('conflict');
        const { head, items } = readPatch(text)!;
        const document = held.document as { list: unknown[] };
        return { ...document, ...head, list: patched(document.list, items) };
      }),
    isRefusal: (error) => (error as Error).message === 'conflict',
  });
  return { held, send };
}

test('whole the first time, then what has changed; whole again when it has grown, or when it is not known what came', async () => {
  const { held, send } = neighbour();
  let version = 0;
  const check = async (list: object[], expected: string[]) => {
    version += 1;
    held.got = [];
    const head = { version, hosts: [`${Math.floor(version / 4)}.test`] };
    await send(head, list);
    assert.deepEqual(held.document, { ...head, list });
    assert.deepEqual(held.got, expected);
  };
  await check([{ a: 1 }, { b: 1 }], ['whole']);
  await check([{ a: 1 }, { b: 2 }], ['patch']);
  await check([{ a: 1 }, { b: 2 }], ['patch']);
  await check([{ a: 1 }, { b: 2 }, { c: 1 }], ['whole']);
  for (const fault of ['lost', 'unanswered'] as const) {
    held.fault = fault;
    await assert.rejects(send({ version: 0 }, [{ a: 9 }, { b: 9 }, { c: 9 }]), /away/);
    await check([{ a: 1 }, { b: 3 }, { c: 1 }], ['whole']);
  }
  held.tag = 'somebody else has sent one';
  await check([{ a: 2 }, { b: 3 }, { c: 1 }], ['patch', 'whole']);
  await check([{ a: 2 }, { b: 4 }, { c: 1 }], ['patch']);
});
