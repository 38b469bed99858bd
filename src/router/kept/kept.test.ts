// A kept connection never carries an answer over to another request: what could be read in two ways ends it.
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Upstream } from '../../domain/route.ts';
import { routeOf, testRouter } from '../test-router.ts';
import { readHead } from './answer-head.ts';
import { createChunks } from './chunks.ts';
import { requestText } from './request-text.ts';

const head = (...lines: string[]) => readHead(lines.join('\r\n'), 'GET');

test('a header says where its answer ends and whether the connection goes on', () => {
  const check = (lines: string[], framing: unknown, isKept: boolean, method = 'GET') => {
    const read = readHead(lines.join('\r\n'), method);
    assert.deepEqual([read.framing, read.isKept], [framing, isKept], lines.join(' | '));
  };
  check(['HTTP/1.1 200 OK', 'Content-Length: 5'], 5, true);
  check(['HTTP/1.1 200', 'content-length:5 '], 5, true);
  check(['HTTP/1.1 200 OK', 'Content-Length: 5'], 0, true, 'HEAD');
  check(['HTTP/1.1 204 No Content', 'Content-Length: 5'], 0, true);
  check(['HTTP/1.1 304 Not Modified', 'Transfer-Encoding: chunked'], 0, true);
  check(['HTTP/1.1 200 OK', 'Transfer-Encoding: Chunked'], 'chunked', true);
  check(['HTTP/1.1 200 OK'], 'close', false);
  check(['HTTP/1.1 200 OK', 'Content-Length: 5', 'Connection: Keep-Alive, Close'], 5, false);
  check(['HTTP/1.1 200 OK', 'Content-Length: 5', 'Connection: x-close'], 5, true);
  check(['HTTP/1.0 200 OK', 'Content-Length: 5', 'Connection: keep-alive'], 5, false);
  const read = head('HTTP/1.1 404 Nicht da: \xfc', 'Set-Cookie: a=1', 'set-cookie:\tb=\xe4 ', 'Empty:');
  assert.equal(read.reason, 'Nicht da: \xfc');
  assert.deepEqual(read.rawHeaders, ['Set-Cookie', 'a=1', 'set-cookie', 'b=\xe4', 'Empty', '']);
});

test('a value keeps every byte but the blanks around it: one in UTF-8 may end in the byte of a no-break space', () => {
  const place = Buffer.from('/voilà').toString('latin1');
  assert.deepEqual(head('HTTP/1.1 302 Found', `Location: ${place} \t`).rawHeaders, ['Location', place]);
});

test('a header that could be read in two ways is refused', () => {
  for (const lines of [
    ['SSH-2.0'],
    ['HTTP/2 200 OK'],
    ['HTTP/1.1 20 OK'],
    ['HTTP/1.1  200 OK'],
    ['http/1.1 200 OK'],
    ['HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 5'],
    ['HTTP/1.1 200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked'],
    ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    ['HTTP/1.1 200 OK', 'Content-Length: +5'],
    ['HTTP/1.1 200 OK', 'Content-Length: 5, 5'],
    ['HTTP/1.1 200 OK', 'Content-Length:'],
    ['HTTP/1.1 200 OK', 'Content-Length : 5'],
    ['HTTP/1.1 200 OK', 'X: a', ' folded'],
    ['HTTP/1.1 200 OK', 'X: a\nContent-Length: 5'],
    ['HTTP/1.1 200 OK', 'X: a\rb'],
    ['HTTP/1.1 200 OK', 'X: a\0b'],
    ['HTTP/1.1 200 OK', 'no colon'],
  ])
    assert.throws(() => head(...lines), Error, JSON.stringify(lines));
});

test('a chunked body is the same wherever its bytes are split, and what follows it is seen', () => {
  const text = '4;name="x"\r\nWiki\r\nA\r\npedia in \xe4\r\n0\r\nTrailer: x\r\n\r\nNEXT';
  const bytes = Buffer.from(text, 'latin1');
  for (let first = 0; first <= bytes.length; first += 1)
    for (const second of [first, Math.min(bytes.length, first + 3)]) {
      const chunks = createChunks();
      let got = '';
      let endedAt = -1;
      for (const [from, to] of [
        [0, first],
        [first, second],
        [second, bytes.length],
      ] as const) {
        if (endedAt >= 0) break;
        endedAt = chunks.read(bytes, from, to, (start, end) => {
          got += bytes.toString('latin1', start, end);
        });
      }
      assert.equal(got, 'Wikipedia in \xe4', `split at ${first} and ${second}`);
      assert.equal(bytes.toString('latin1', endedAt), 'NEXT');
    }
});

test('what is no chunked body is refused', () => {
  for (const text of [
    '\r\n',
    'x\r\n',
    '-1\r\n',
    '1\na\r\n',
    '1\r\nab\r\n',
    '1 \r\na\r\n',
    '0\r\nTrailer: x\n\r\n',
    '00000000000000001\r\na\r\n',
    `1;${'x'.repeat(2000)}\r\na\r\n`,
    `0\r\n${'T: x\r\n'.repeat(5000)}`,
  ])
    assert.throws(() => createChunks().read(Buffer.from(text), 0, text.length, () => {}), Error, text.slice(0, 30));
});

test('a request is one request', () => {
  assert.equal(
    requestText('GET', '/a', ['Host', 'b', 'X', 'c']),
    'GET /a HTTP/1.1\r\nHost: b\r\nX: c\r\nConnection: keep-alive\r\n\r\n',
  );
  for (const bad of ['a\r\nb', 'a\nb', 'a\0b', 'a\u0100b'])
    assert.throws(() => requestText('GET', '/', ['X', bad]), /header/);
  for (const bad of ['/a b', '/a\r\nb', '/\u0100']) assert.throws(() => requestText('GET', bad, []), /path/);
});

/** A router in front of an app that answers the n-th request it gets, over all connections, with the n-th text. */
async function answersWith(...texts: string[]) {
  const router = await testRouter({ firstByteMs: 150 });
  const seen: { connections: number; requests: string[]; last: Socket | null } = {
    connections: 0,
    requests: [],
    last: null,
  };
  const port = await router.listen(
    createServer((socket) => {
      seen.connections += 1;
      seen.last = socket;
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        seen.requests.push(chunk.toString('latin1').split(' ')[1]!);
        socket.write(texts[seen.requests.length - 1] ?? '', 'latin1');
      });
    }),
  );
  await router.put(routeOf({ upstreams: [{ instanceId: 'i', host: '127.0.0.1', port } as Upstream] }));
  return { router, seen, [Symbol.asyncDispose]: () => router[Symbol.asyncDispose]() };
}

const ok = (body: string, more = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

test('an app that sends one answer too many poisons nobody: the connection is not used again', async () => {
  await using app = await answersWith(
    ok('one') + ok('forged'),
    ok('two'),
    ok('three', 'Connection: close\r\n'),
    ok('4'),
  );
  for (const body of ['one', 'two', 'three', '4']) assert.equal((await app.router.ask(`/${body}`)).body, body);
  assert.equal(app.seen.connections, 3);
  assert.deepEqual(app.seen.requests, ['/one', '/two', '/three', '/4']);
});

test('bytes that come while nothing was asked end the connection', async () => {
  await using app = await answersWith(ok('one'), ok('two'));
  assert.equal((await app.router.ask('/')).body, 'one');
  const gone = new Promise((resolve) => app.seen.last!.once('close', resolve));
  app.seen.last!.write(ok('forged'));
  await gone;
  assert.equal((await app.router.ask('/')).body, 'two');
});

test('answers before the answer are left out, in bounds', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
  await using app = await answersWith(early + ok('one'), early.repeat(17) + ok('two'));
  const answer = await app.router.ask('/');
  assert.equal(answer.body, 'one');
  assert.equal(answer.headers.link, undefined);
  assert.equal((await app.router.ask('/')).headers['x-lockstep-code'], 'L10');
});

test('a body without a length ends with the connection, one in chunks with its last', async () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n';
  await using app = await answersWith(chunked, chunked, 'HTTP/1.1 200 OK\r\n\r\nto the end');
  assert.equal((await app.router.ask('/')).body, 'one');
  assert.equal((await app.router.ask('/')).body, 'one');
  assert.equal(app.seen.connections, 1);
  const raw = await app.router.dial('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  await raw.until(/to the end/);
  app.seen.last!.end(', here');
  await raw.until(/, here\r\n0\r\n\r\n$/);
});

test('a time limit on a connection that had served before is L09, and the request is not sent again', async () => {
  await using app = await answersWith(ok('one'));
  assert.equal((await app.router.ask('/1')).body, 'one');
  assert.equal((await app.router.ask('/2')).headers['x-lockstep-code'], 'L09');
  assert.deepEqual(app.seen.requests, ['/1', '/2']);
});

test('a header in pieces is one header', async () => {
  await using app = await answersWith('HTTP/1.1 200');
  const asked = app.router.ask('/');
  while (app.seen.last === null || app.seen.requests.length === 0) await new Promise(setImmediate);
  for (const piece of [' OK\r', '\nContent-Length: 5\r\n\r', '\nhe', 'llo']) {
    await new Promise((resolve) => app.seen.last!.write(piece, resolve));
    await new Promise(setImmediate);
  }
  assert.equal((await asked).body, 'hello');
});
