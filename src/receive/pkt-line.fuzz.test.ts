// Packets however they are cut, and bytes that are no packets: what was sent is what is read, or the reader says bad-request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc, holdsAsync, inPieces, parsedOrRefusedAsync, streamOf } from '../../test/support/fuzz.ts';
import { decodePkts, encodePkt, flushPkt, maxPktBytes } from './pkt-line.ts';

const content = fc.uint8Array({ maxLength: 40 });
const packets = fc.array(fc.option(content, { freq: 4 }), { maxLength: 8 });

const bytesOf = (list: readonly (Uint8Array | null)[]): Buffer =>
  Buffer.concat(list.map((one) => (one === null ? flushPkt : encodePkt(one))));

async function read(pieces: Iterable<Uint8Array>, maxBytes = 100_000): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  for await (const pkt of decodePkts(streamOf(pieces), maxBytes))
    found.push(pkt.kind === 'data' ? pkt.data.toString('hex') : pkt.kind === 'flush' ? null : pkt.kind);
  return found;
}

test('packets come out as they went in, cut at every byte and at any', async () => {
  await holdsAsync(fc.tuple(packets, fc.array(fc.nat(), { maxLength: 6 })), 300, async ([list, cuts]) => {
    const whole = bytesOf(list);
    const expected = list.map((one) => (one === null ? null : Buffer.from(one).toString('hex')));
    assert.deepEqual(await read(inPieces(whole, cuts)), expected);
    for (let at = 0; at <= whole.length; at += 1) assert.deepEqual(await read(inPieces(whole, [at])), expected);
    assert.deepEqual(await read([...whole].map((byte) => Uint8Array.of(byte))), expected);
  });
});

test('packets that are cut short, changed or followed by nonsense are read as far as they are whole, or refused', async () => {
  const damage = fc.tuple(
    packets,
    fc.nat(),
    fc.uint8Array({ maxLength: 6 }),
    fc.boolean(),
    fc.array(fc.nat(), { maxLength: 3 }),
  );
  await holdsAsync(damage, 2000, async ([list, at, other, isCut, cuts]) => {
    const whole = bytesOf(list);
    const where = at % (whole.length + 1);
    const rest = isCut ? Buffer.alloc(0) : whole.subarray(where);
    const bytes = Buffer.concat([whole.subarray(0, where), other, rest]);
    const seen = await parsedOrRefusedAsync(() => read(inPieces(bytes, cuts)), 'bad-request', 'too-large');
    // However the bytes are cut, the answer is the same.
    const again = await parsedOrRefusedAsync(() => read([bytes]), 'bad-request', 'too-large');
    assert.deepEqual(seen, again);
    const length = (seen?.value ?? []).reduce((sum, one) => sum + (one?.length ?? 0) / 2, 0);
    assert.ok(length <= bytes.length);
  });
});

test('the largest packet passes, and nothing larger is believed', async () => {
  assert.deepEqual(await read([encodePkt(Buffer.alloc(maxPktBytes, 1))]), [
    Buffer.alloc(maxPktBytes, 1).toString('hex'),
  ]);
  for (const head of ['fff1', 'ffff', '0003', '-001', '+00a', ' 00a', '0x0a', '00g0'])
    assert.equal(await parsedOrRefusedAsync(() => read([Buffer.from(`${head}xxxxxx`)]), 'bad-request'), null, head);
});
