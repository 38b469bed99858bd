// Requests that no honest client sends: each gets a code or a closed connection, none reaches an upstream as two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf, testRouter } from './test-router.ts';

const post = 'POST / HTTP/1.1\r\nHost: blog.localhost\r\n';
const get = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n';

test('what cannot be parsed in one way only is refused, and the upstream sees none of it', async () => {
  await using router = await testRouter();
  const seen: string[] = [];
  const { at } = await router.upstream('a', (request, response) => {
    request.resume().on('error', () => {});
    seen.push(`${request.method} ${request.url}`);
    request.on('end', () => response.end('ok'));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const check = async (text: string, status: number, code: string) => {
    const raw = await router.dial(text);
    const answer = await raw.until(/\r\n\r\n[\s\S]*request/);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), text.slice(0, 60));
    assert.match(answer, new RegExp(`x-lockstep-code: ${code}`), text.slice(0, 60));
    assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, answer);
    raw.socket.destroy();
  };
  await check(
    `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
    400,
    'L02',
  );
  await check(`${post}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc`, 400, 'L02');
  await check(`${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400, 'L02');
  await check(`${post}Content-Length: -3\r\n\r\n`, 400, 'L02');
  await check(`${post}Content-Length: 0x3\r\n\r\n`, 400, 'L02');
  await check(`${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 400, 'L02');
  await check(`${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400, 'L02');
  await check(`${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400, 'L02');
  await check(`${get}X: a\r\n folded\r\n\r\n`, 400, 'L02');
  await check('GET / HTTP/1.1\nHost: blog.localhost\n\n', 400, 'L02');
  await check(`${get}X: a\u0000b\r\n\r\n`, 400, 'L02');
  await check(`${get}Host: other.localhost\r\n\r\n`, 400, 'L02');
  await check('GET / HTTP/1.1\r\n\r\n', 400, 'L02');
  await check('GET / HTTP/1.1\r\nHost: \r\n\r\n', 400, 'L02');
  await check('GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'L02');
  await check('GET http://blog.localhost/ HTTP/1.1\r\nHost: blog.localhost\r\n\r\n', 400, 'L02');
  await check('CONNECT blog.localhost:80 HTTP/1.1\r\nHost: blog.localhost\r\n\r\n', 400, 'L02');
  await check('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'L02');
  await check('\u0016\u0003\u0001\u0002\u0000', 400, 'L02');
  await check(`${get}X: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'L12');
  await check(`${get}${'a: b\r\n'.repeat(300)}\r\n`, 431, 'L12');
  await check(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: blog.localhost\r\n\r\n`, 414, 'L18');
  assert.deepEqual(seen, []);
  assert.equal((await router.ask('/still')).status, 200);
});

test('a body whose chunks cannot be parsed ends the request at both sides', async () => {
  await using router = await testRouter();
  const aborted = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { at } = await router.upstream('a', (request) => {
    request.once('data', () => begun.resolve());
    request.on('error', () => aborted.resolve());
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(`${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  await begun.promise;
  raw.socket.write('zz\r\nGET /smuggled HTTP/1.1\r\n\r\n');
  const text = await raw.closed();
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*x-lockstep-code: L02/);
  await aborted.promise;
});

test('nonsense after an answer has begun cuts the connection and writes nothing into the answer', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (_request, response) => {
    response.write('half');
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(`${get}\r\n`);
  await raw.until(/half/);
  raw.socket.write('\u0000nonsense\r\n\r\n');
  assert.doesNotMatch(await raw.closed(), /L02/);
});

test('names that are special to JavaScript are header names like any other', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => {
    response.end(request.rawHeaders.filter((_, index) => index % 2 === 0).join(' '));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(`${get}__proto__: x\r\nconstructor: y\r\nConnection: __proto__x, close\r\n\r\n`);
  assert.match(await raw.closed(), /__proto__ constructor/);
});

test('bytes above ASCII in path and headers pass unchanged, and pipelined requests are answered in order', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => {
    const value = request.headers['x-name'] as string;
    if (value !== undefined) response.setHeader('x-name', value);
    // A buffer: Node writes a header together with a text as UTF-8.
    response.end(Buffer.from(request.url ?? ''));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(
    `${get}X-Name: caf\u00e9\r\n\r\nGET /2 HTTP/1.1\r\nHost: blog.localhost\r\nConnection: close\r\n\r\n`,
  );
  assert.match(await raw.closed(), /x-name: caf\u00e9[\s\S]*\/[\s\S]*\/2/i);
});
