import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames } from './attach.ts';

test('pieces are told apart wherever the connection cuts them', () => {
  const piece = (stream: number, text: string) => {
    const head = Buffer.alloc(8);
    head[0] = stream;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const whole = Buffer.concat([piece(1, 'one '), piece(2, 'wrong'), piece(1, ''), piece(1, 'two')]);
  for (let step = 1; step <= whole.length; step += 1) {
    const said = { out: '', err: '' };
    const take = frames(
      (bytes) => {
        said.out += bytes.toString();
      },
      (bytes) => {
        said.err += bytes.toString();
      },
    );
    for (let at = 0; at < whole.length; at += step) take(whole.subarray(at, at + step));
    assert.deepEqual(said, { out: 'one two', err: 'wrong' }, `steps of ${step}`);
  }
});
