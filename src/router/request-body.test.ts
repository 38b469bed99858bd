import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { sendBody } from './request-body.ts';

test('a body of known length ends with its last byte, another with its end, one that is let go of not at all', async () => {
  const check = async (body: number | 'chunked', isLetGo: boolean, isEnded: boolean) => {
    const [request, sink] = [new PassThrough(), new PassThrough()];
    sendBody(request, sink, body);
    if (isLetGo) request.unpipe();
    request.resume();
    request.write('ab');
    request.write('c');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sink.writableEnded, isEnded);
    let text = '';
    for (let piece = sink.read(); piece !== null; piece = sink.read()) text += String(piece);
    assert.equal(text, isLetGo ? '' : 'abc');
  };
  await check(3, false, true);
  await check(4, false, false);
  await check('chunked', false, false);
  await check(3, true, false);
});
