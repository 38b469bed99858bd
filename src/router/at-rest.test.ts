// Connections at rest: without a parser, and for the client as if they had one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { routeOf, type TestRouter, testRouter } from './test-router.ts';

const get = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';

async function rested(router: TestRouter, count = 1): Promise<void> {
  for (const limit = performance.now() + 10_000; router.running.atRest !== count; await pause(5))
    assert.ok(performance.now() < limit, `${router.running.atRest} are at rest, and not ${count}`);
}

/** Waits as long as it takes another connection to come to rest: that it is the only one. */
async function isAwake(router: TestRouter): Promise<void> {
  const other = await router.dial(get);
  await other.until(/\r\n\r\n/);
  await rested(router, 1);
  other.socket.destroy();
  await rested(router, 0);
}

/** Serves what was asked, and remembers it. */
async function site(router: TestRouter, concurrency = 200): Promise<string[]> {
  const asked: string[] = [];
  const { at, server } = await router.upstream('a', (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.once('end', () => response.end(`<${request.url}${body}>`));
    request.on('error', () => {});
  });
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ');
    socket.pipe(socket);
    socket.on('error', () => {});
  });
  await router.put(routeOf({ upstreams: [at], concurrency }));
  return asked;
}

test('a connection rests before its first byte and after its answers, and is served as any other', async () => {
  await using router = await testRouter();
  const asked = await site(router);
  const raw = await router.dial();
  await rested(router);
  raw.socket.write(get.replace('/', '/1'));
  await raw.until(/<\/1>$/);
  await rested(router);
  // A header in pieces: what has begun is no rest.
  raw.socket.write('GET /2 HTTP/1.1\r\nHo');
  await isAwake(router);
  raw.socket.write('st: blog.localhost\r\n\r\n');
  await raw.until(/<\/2>$/);
  await rested(router);
  const post = 'POST /3 HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 4\r\n';
  raw.socket.write(`${post}\r\nfo`);
  await isAwake(router);
  raw.socket.write('ur');
  await raw.until(/<\/3four>$/);
  await rested(router);
  raw.socket.write(`${post}Expect: 100-continue\r\n\r\n`);
  await raw.until(/100 Continue\r\n\r\n$/);
  raw.socket.write('five'.slice(0, 4));
  await raw.until(/<\/3five>$/);
  await rested(router);
  // The end of one request, a whole one, and the beginning of a third in one piece.
  raw.socket.write(`${get.replace('/', '/4')}${get.replace('/', '/5')}GET /6 HTTP/1.1\r\nX: `);
  await raw.until(/<\/5>$/);
  await isAwake(router);
  raw.socket.write('y\r\nHost: blog.localhost\r\n\r\n');
  await raw.until(/<\/6>$/);
  await rested(router);
  raw.socket.write(
    'GET /ws HTTP/1.1\r\nHost: blog.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes',
  );
  await raw.until(/hello bytes$/);
  const ofRaw = asked.filter((one) => one !== 'GET /');
  assert.deepEqual(ofRaw, ['GET /1', 'GET /2', 'POST /3', 'POST /3', 'GET /4', 'GET /5', 'GET /6']);
  assert.equal(router.running.atRest, 0);
});

test('who waits for an answer, or takes one slowly, is not at rest', async () => {
  await using router = await testRouter();
  const answers: (() => void)[] = [];
  const { at } = await router.upstream('a', ({ url }, response) => {
    if (url === '/big') response.end(Buffer.alloc(20_000_000, 'z'));
    else if (url === '/') response.end('at once');
    else answers.push(() => response.end('late'));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const waits = await router.dial(get.replace('/', '/late'));
  const reads = await router.dial();
  reads.socket.pause();
  reads.socket.write(get.replace('/', '/big'));
  await isAwake(router);
  answers[0]!();
  reads.socket.resume();
  await waits.until(/late$/);
  await rested(router, 2);
  assert.equal(reads.text().length - reads.text().indexOf('\r\n\r\n') - 4, 20_000_000);
});

test('a connection at rest ends with its time, with its client, and with the router', async () => {
  await using router = await testRouter({ keepAliveMs: 300 });
  await site(router);
  const left = await router.dial(get);
  await left.until(/<\/>$/);
  await rested(router);
  left.socket.end();
  await left.closed();
  const broken = await router.dial(get);
  await broken.until(/<\/>$/);
  await rested(router);
  broken.socket.resetAndDestroy();
  await rested(router, 0);
  const kept = await router.dial(get);
  const startedAt = performance.now();
  assert.match(await kept.closed(), /<\/>$/);
  assert.ok(performance.now() - startedAt >= 300);
  await using other = await testRouter();
  await site(other);
  const last = await other.dial(get);
  await last.until(/<\/>$/);
  await rested(other);
  const closing = other.running.close(20_000);
  await last.closed();
  await closing;
});

test('the time of a first header runs from the beginning of the connection, whenever its first byte comes', async () => {
  await using router = await testRouter({ headerMs: 1000 });
  await router.put();
  const raw = await router.dial();
  await rested(router);
  await pause(500);
  raw.socket.write('GET / HTTP/1.1\r\nHost: b');
  assert.match(await raw.closed(), /^HTTP\/1\.1 408 [\s\S]*x-lockstep-code: L13/);
  // It is the router's own word, and not that of a parser that began with the first byte.
  assert.deepEqual(
    router.logged.map(({ detail }) => detail),
    ['no header in time'],
  );
});

test('the words with which a parser is let go of are nobody’s: said by a client they are a request', async () => {
  await using router = await testRouter();
  const asked = await site(router);
  const raw = await router.dial('OPTIONS * HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: 00000000-0000\r\n\r\n');
  assert.match(await raw.closed(), /^HTTP\/1\.1 400 [\s\S]*L02/);
  assert.deepEqual(asked, []);
});
