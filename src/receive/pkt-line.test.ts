import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePkts, encodePkt } from './pkt-line.ts';

async function read(...parts: string[]): Promise<string[]> {
  const found: string[] = [];
  const source = (async function* () {
    for (const part of parts) yield Buffer.from(part);
  })();
  for await (const pkt of decodePkts(source, 100)) found.push(pkt.kind === 'data' ? pkt.data.toString() : pkt.kind);
  return found;
}

test('reads packets however the bytes are cut', async () => {
  assert.equal(encodePkt('ab').toString(), '0006ab');
  assert.deepEqual(await read('00', '06a', 'b00000004'), ['ab', 'flush', '']);
});

test('refuses impossible lengths, truncation and endless input', async () => {
  for (const bad of ['zzzz', '0003', 'ffff', '0009ab', '00']) await assert.rejects(read(bad), { code: 'bad-request' });
  await assert.rejects(read('0000'.repeat(26)), { code: 'too-large' });
});
