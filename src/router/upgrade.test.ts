// Tunnels: bytes both ways, counted as in flight, ended together.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { Upstream } from '../domain/route.ts';
import { routeOf, type TestRouter, testRouter } from './test-router.ts';

const ask =
  'GET /ws HTTP/1.1\r\nHost: blog.localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n';
const agree =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n';

/** An instance that agrees to every upgrade and answers each piece with the same. */
async function echo(router: TestRouter, id = 'a') {
  const sockets: Duplex[] = [];
  const { at, server } = await router.upstream(id, (_request, response) =>
    response.writeHead(426).end('upgrade, please'),
  );
  server.on('upgrade', (_request, socket: Duplex) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(`${agree}hello `);
    socket.pipe(socket);
  });
  return { at, server, sockets };
}

test('a tunnel carries bytes both ways, from the first piece on, and counts as in flight', async () => {
  await using router = await testRouter();
  const { at } = await echo(router);
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(`${ask}early `);
  const text = await raw.until(/hello early $/);
  assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(text, /x-lockstep-release: v1\r\n/);
  assert.match(text, /Sec-WebSocket-Accept: a\r\n/);
  const stats = await router.client.stats();
  assert.equal(stats.apps.app_blog?.inFlight, 1);
  assert.equal(stats.apps.app_blog?.byClass['1xx'], 1);
  assert.deepEqual(await router.client.drained(['a'], 0), { drained: false, inFlight: { a: 1 } });
  const drained = router.client.drained(['a'], 30_000);
  raw.socket.end();
  await raw.closed();
  assert.equal((await drained).drained, true);
});

test('when the app ends the tunnel the client gets what was on its way, and then the end', async () => {
  await using router = await testRouter();
  const { at, sockets } = await echo(router);
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(ask);
  await raw.until(/hello /);
  sockets[0]!.unpipe();
  sockets[0]!.end(Buffer.alloc(3_000_000, 'z'));
  const text = await raw.closed();
  assert.equal(text.match(/z/g)?.length, 3_000_000);
});

test('when either side breaks the other is told at once', async () => {
  await using router = await testRouter();
  const { at, sockets } = await echo(router);
  await router.put(routeOf({ upstreams: [at] }));
  const first = await router.dial(ask);
  await first.until(/hello /);
  sockets[0]!.destroy();
  await first.closed();
  const second = await router.dial(ask);
  await second.until(/hello /);
  const closed = once(sockets[1]!, 'close');
  second.socket.resetAndDestroy();
  await closed;
  assert.equal((await router.client.drained(['a'], 30_000)).drained, true);
});

test('a tunnel outlives a switch, and new ones go to the new instance', async () => {
  await using router = await testRouter();
  const old = await echo(router, 'old');
  const next = await echo(router, 'new');
  await router.put(routeOf({ upstreams: [old.at] }));
  const first = await router.dial(ask);
  await first.until(/hello /);
  await router.put(routeOf({ upstreams: [next.at] }));
  first.socket.write('still');
  await first.until(/still/);
  const second = await router.dial(ask);
  await second.until(/hello /);
  assert.deepEqual([old.sockets.length, next.sockets.length], [1, 1]);
});

test('an app that does not agree answers as usual; one that is not there has a code; an idle tunnel ends', async () => {
  await using router = await testRouter({ answerIdleMs: 80, lingerMs: 80 });
  const { at } = await router.upstream('a', (_request, response) => response.writeHead(426).end('upgrade, please'));
  await router.put(routeOf({ upstreams: [at] }));
  assert.match(await (await router.dial(ask)).closed(), /^HTTP\/1\.1 426 [\s\S]*upgrade, please/);
  await router.put(routeOf({ upstreams: [{ instanceId: 'b', host: '127.0.0.1', port: 1 } as Upstream] }));
  assert.match(await (await router.dial(ask)).closed(), /^HTTP\/1\.1 502 [\s\S]*x-lockstep-code: L07/);
  const good = await echo(router, 'c');
  const dead = { instanceId: 'b2', host: '127.0.0.1', port: 1 } as Upstream;
  await router.put(routeOf({ upstreams: [dead, good.at] }));
  const raw = await router.dial(ask);
  await raw.until(/hello /);
  await raw.closed();
});

test('an offer of h2c, and an upgrade with a body, are ordinary requests', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => {
    request.resume().on('end', () => response.end(`upgrade: ${request.headers.upgrade}`));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const h2c = await router.dial(
    'GET / HTTP/1.1\r\nHost: blog.localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n',
  );
  await h2c.until(/ 200 [\s\S]*upgrade: undefined/);
  const body = await router.dial(
    'POST / HTTP/1.1\r\nHost: blog.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok',
  );
  await body.until(/ 200 [\s\S]*upgrade: undefined/);
});
