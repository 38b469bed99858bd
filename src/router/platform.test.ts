// Control behind the router: slow pushes, event streams, a client that is killed, and control away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf, testRouter } from './test-router.ts';

/** Limits so short that anything under way would be cut if they held for control. */
const short = { bodyIdleMs: 30, firstByteMs: 30, answerIdleMs: 30 };
const pause = () => new Promise((resolve) => setTimeout(resolve, 120));
const post = 'POST /git HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nTransfer-Encoding: chunked\r\n\r\n';

test('a slow push and a silent event stream are not cut', async () => {
  await using router = await testRouter(short);
  await router.control((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', async () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      await pause();
      response.end(`got ${bytes}`);
    });
  });
  await router.put();
  const raw = await router.dial(post);
  for (const piece of ['3\r\nabc\r\n', '2\r\nde\r\n', '0\r\n\r\n']) {
    await pause();
    raw.socket.write(piece);
  }
  const text = await raw.until(/got 5/);
  assert.match(text, /x-lockstep-release: platform/);
});

test('a client killed during its push, or while it waits, is noticed at once', async () => {
  await using router = await testRouter();
  const begun: (() => void)[] = [];
  const gone: ((url: string) => void)[] = [];
  await router.control((request, response) => {
    request.resume().on('error', () => {});
    if (request.url === '/wait') request.on('end', () => response.flushHeaders());
    response.once('close', () => gone.shift()?.(request.url!));
    begun.shift()?.();
  });
  await router.put();
  const wait = 'GET /wait HTTP/1.1\r\nHost: lockstep.localhost\r\n\r\n';
  const ways = ['destroy', 'resetAndDestroy'] as const;
  for (const [start, way] of [post, `${post}3\r\nabc\r\n`, wait].flatMap((text) =>
    ways.map((one) => [text, one] as const),
  )) {
    const isBegun = new Promise<void>((resolve) => begun.push(resolve));
    const isGone = new Promise<string>((resolve) => gone.push(resolve));
    const raw = await router.dial(start);
    await isBegun;
    raw.socket[way]();
    assert.ok(await isGone);
  }
});

test('control that goes away in the middle ends the answer, and the next request says L16 while apps go on', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (_request, response) => response.end('app'));
  const server = await router.control((_request, response) => void response.write('half'));
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await raw.until(/half/);
  server.close();
  server.closeAllConnections();
  assert.doesNotMatch(await raw.closed(), /\r\n0\r\n\r\n$/);
  const answer = await router.ask('/api/v1/apps', {
    host: 'lockstep.localhost',
    headers: { accept: 'application/json' },
  });
  assert.equal(answer.status, 502);
  assert.equal(JSON.parse(answer.body).code, 'L16');
  assert.equal((await router.ask('/')).body, 'app');
});

test('requests to control are bounded in number', async () => {
  await using router = await testRouter({ platformConcurrency: 2 });
  const begun: (() => void)[] = [];
  await router.control((_request, response) => {
    response.flushHeaders();
    begun.shift()?.();
  });
  await router.put();
  for (let count = 0; count < 2; count += 1) {
    const isBegun = new Promise<void>((resolve) => begun.push(resolve));
    await router.dial('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await isBegun;
  }
  assert.equal((await router.ask('/', { host: '127.0.0.1' })).headers['x-lockstep-code'], 'L15');
});
