// The end of what would last for ever, before its instance is stopped: told, whole, and nobody else's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, createServer as createNetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Upstream } from '../domain/route.ts';
import { followFrames, restartFrame } from './frames.ts';
import { routeOf, testRouter } from './test-router.ts';

const askSocket =
  'GET /ws HTTP/1.1\r\nHost: blog.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n';
const agree =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n';
const get = 'GET /events HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';
const farewell = restartFrame.toString('latin1');

/** A server's frame, as long as it may be told in every one of the three ways. */
function frame(bytes: number): Buffer {
  const body = Buffer.alloc(bytes, 'x');
  const head = bytes < 126 ? Buffer.from([0x82, bytes]) : Buffer.alloc(bytes < 65_536 ? 4 : 10);
  if (bytes >= 126) head[0] = 0x82;
  if (bytes >= 126 && bytes < 65_536) head.writeUInt16BE(bytes, head.writeUInt8(126, 1));
  if (bytes >= 65_536) head.writeBigUInt64BE(BigInt(bytes), head.writeUInt8(127, 1));
  return Buffer.concat([head, body]);
}

/** Agrees to sockets and hands them over. */
function sockets(server: Server): Duplex[] {
  const open: Duplex[] = [];
  server.on('upgrade', (_request, socket: Duplex) => {
    socket.on('error', () => {});
    socket.write(Buffer.concat([Buffer.from(agree), frame(5)]));
    socket.resume();
    open.push(socket);
  });
  return open;
}

test('frames of every length are followed however they are cut, and none of them is kept', () => {
  const frames = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000, 0].map(frame);
  const masked = Buffer.from([0x81, 0x82, 1, 2, 3, 4, 9, 9]);
  const bytes = Buffer.concat([...frames, masked]);
  const all = [...frames, masked];
  const ends = all.map((_, at) => Buffer.concat(all.slice(0, at + 1)).length);
  for (const size of [1, 2, 3, 7, 1000, 65_537, bytes.length]) {
    const followed = followFrames();
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      const first = followed.take(piece);
      const expected = ends.find((one) => one > at && one <= at + piece.length);
      assert.equal(first, expected === undefined ? -1 : expected - at, `${size} at ${at}`);
      assert.equal(followed.isBetween, ends.includes(at + piece.length), `${size} at ${at}`);
    }
  }
});

test('E3: fifty sockets and fifty streams stay over a switch, then the ones are closed with 1012 and the others end whole', async () => {
  await using router = await testRouter();
  const stream: string[] = [];
  const start = async (id: string) => {
    const { at, server } = await router.upstream(id, (_request, response) => {
      stream.push(id);
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).write(`data: ${id}\n\n`);
    });
    return { at, open: sockets(server) };
  };
  const [old, next] = [await start('old'), await start('new')];
  await router.put(routeOf({ upstreams: [old.at] }));
  const webSockets = await Promise.all(Array.from({ length: 50 }, () => router.dial(askSocket)));
  const streams = await Promise.all(Array.from({ length: 50 }, () => router.dial(get)));
  for (const one of webSockets) await one.until(/xxxxx$/);
  for (const one of streams) await one.until(/data: old\n\n\r\n$/);
  await router.put(routeOf({ upstreams: [next.at], releaseLabel: 'v2' }));
  assert.deepEqual(await router.client.drained(['old'], 50), { drained: false, inFlight: { old: 100 } });
  old.open[0]!.write(frame(300));
  await webSockets[0]!.until(/x{300}$/);
  assert.deepEqual(await router.client.letGo(['old']), { ended: 100 });
  for (const one of webSockets) assert.ok((await one.until(/a newer release serves$/)).endsWith(farewell));
  for (const one of streams) assert.match(await one.until(/\r\n0\r\n\r\n$/), /^HTTP\/1\.1 200 /);
  assert.equal((await router.client.drained(['old'], 30_000)).drained, true);
  // The connection that the stream came over is as good as before.
  streams[0]!.socket.write(get);
  await streams[0]!.until(/data: new\n\n/);
  await (await router.dial(askSocket)).until(/xxxxx$/);
  assert.deepEqual([old.open.length, next.open.length, stream.filter((id) => id === 'new').length], [50, 1, 1]);
  assert.deepEqual(router.logged, []);
});

test('E3: a socket in the middle of a frame is closed when the frame is whole, and not a byte of it is lost', async () => {
  await using router = await testRouter();
  const { at, server } = await router.upstream('a', (_request, response) => response.end());
  const open = sockets(server);
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(askSocket);
  await raw.until(/xxxxx$/);
  const long = frame(2_000_000);
  open[0]!.write(long.subarray(0, 1_000_000));
  await until(() => raw.text().length > 900_000);
  assert.deepEqual(await router.client.letGo(['a']), { ended: 1 });
  open[0]!.write(Buffer.concat([long.subarray(1_000_000), frame(10)]));
  const text = await raw.until(/a newer release serves$/);
  assert.equal(hash(text.slice(text.indexOf('xxxxx') + 5, -farewell.length)), hash(long.toString('latin1')));
  assert.ok(text.endsWith(farewell));
});

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; !isSo(); await pause(5))
    assert.ok(performance.now() < limit, 'it never was so');
}

const hash = (latin1: string) => createHash('sha256').update(latin1, 'latin1').digest('hex');

test('E3: a client that is in the middle of sending when it is let go of is heard out, so that no reset takes the farewell away', async () => {
  await using router = await testRouter();
  const { at, server } = await router.upstream('old', (_request, response) => response.end());
  sockets(server);
  await router.put(routeOf({ upstreams: [at] }));
  const client = connect({ port: router.running.port, host: '127.0.0.1', allowHalfOpen: true });
  const faults: Error[] = [];
  client.on('error', (error) => faults.push(error));
  let got = '';
  client.on('data', (piece) => {
    got += piece.toString('latin1');
  });
  client.write(askSocket);
  while (!got.endsWith('xxxxx')) await once(client, 'data');
  const ended = once(client, 'end');
  assert.deepEqual(await router.client.letGo(['old']), { ended: 1 });
  await ended;
  assert.ok(got.endsWith(farewell));
  assert.deepEqual(await router.client.drained(['old'], 0), { drained: true, inFlight: {} });
  for (let at = 0; at < 3; at += 1) {
    await new Promise((resolve) => client.write('what was on its way', resolve));
    await router.client.stats();
  }
  client.end();
  if (!client.closed) await once(client, 'close');
  assert.deepEqual(faults, []);
});

test('E2: what is only slow goes on after its instance was let go of, as long as that runs; then it is cut, and the log says L19', async () => {
  await using router = await testRouter();
  const answers: ((text: string) => void)[] = [];
  const { at, server } = await router.upstream('a', (_request, response) => {
    response.write('half');
    answers.push((text) => response.end(text));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const [whole, cut] = [await router.dial(get), await router.dial(get)];
  await whole.until(/half/);
  await cut.until(/half/);
  assert.deepEqual(await router.client.letGo(['a']), { ended: 0 });
  answers[0]!(' and half');
  await whole.until(/ and half\r\n0\r\n\r\n$/);
  assert.deepEqual(router.logged, []);
  server.closeAllConnections();
  assert.doesNotMatch(await cut.closed(), /\r\n0\r\n\r\n$/);
  assert.deepEqual(
    router.logged.map(({ code }) => code),
    ['L19'],
  );
});

test('E2: a request that its instance is stopped over is L19, sent once; of one that was not let go of it is L11', async () => {
  await using router = await testRouter();
  let requests = 0;
  const close = Promise.withResolvers<void>();
  const listener = createNetServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      requests += 1;
      void close.promise.then(() => socket.destroy());
    });
  });
  const port = await router.listen(listener);
  await router.put(routeOf({ upstreams: [{ instanceId: 'a', host: '127.0.0.1', port } as Upstream] }));
  const asked = ['GET', 'POST'].map((method) => router.ask('/', { method }));
  await until(() => requests === 2);
  await router.client.letGo(['a']);
  close.resolve();
  for (const answer of await Promise.all(asked)) {
    assert.deepEqual([answer.status, answer.headers['x-lockstep-code']], [503, 'L19']);
    assert.equal(answer.headers['retry-after'], '1');
  }
  assert.equal(requests, 2);
});

test('a router that is told to end says so to those who would stay', async () => {
  await using router = await testRouter();
  const { at, server } = await router.upstream('a', (_request, response) => response.end());
  sockets(server);
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(askSocket);
  await raw.until(/xxxxx$/);
  const closed = router.running.close(1);
  await raw.until(/a newer release serves$/);
  await closed;
});
