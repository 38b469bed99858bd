// Requests through a real router to real upstreams: what arrives, what comes back, and what is never sent twice.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { test } from 'node:test';
import type { Upstream } from '../domain/route.ts';
import { routeOf, testRouter, textOf } from './test-router.ts';

const instance = (id: string, port: number) => ({ instanceId: id, host: '127.0.0.1', port }) as Upstream;

test('a request arrives with forwarding headers of ours, and the answer carries the release', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => {
    response.setHeader('x-lockstep-release', 'forged');
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  await router.put(routeOf({ upstreams: [at], releaseLabel: 'v7' }));
  const headers = {
    'X-Forwarded-For': '6.6.6.6',
    Forwarded: 'for=6.6.6.6',
    Connection: 'x-drop',
    'X-Drop': '1',
    'X-Request-Id': 'mine-1',
  };
  const answer = await router.ask('/a%20b?c=d', { host: 'BLOG.localhost:8080', headers });
  const seen = JSON.parse(answer.body);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['x-lockstep-release'], 'v7');
  assert.equal(answer.headers['x-request-id'], 'mine-1');
  assert.equal(answer.headers['x-lockstep-code'], undefined);
  assert.equal(seen.url, '/a%20b?c=d');
  assert.equal(seen.headers.host, 'BLOG.localhost:8080');
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen.headers['x-forwarded-port'], '8080');
  assert.equal(seen.headers['x-request-id'], 'mine-1');
  assert.equal(seen.headers.forwarded, 'for=127.0.0.1;host="BLOG.localhost:8080";proto=http');
  assert.equal(seen.headers['x-drop'], undefined);
});

test('hosts without an app, an app without a release, and a stopped one have codes of their own', async () => {
  await using router = await testRouter();
  const check = async (host: string, status: number, code: string, release = 'none') => {
    const answer = await router.ask('/<script>', { host, headers: { accept: 'text/html' } });
    assert.equal(answer.status, status, host);
    assert.equal(answer.headers['x-lockstep-code'], code);
    assert.equal(answer.headers['x-lockstep-release'], release);
    assert.ok(!answer.body.includes('<script>'));
  };
  await check('blog.localhost', 503, 'L01');
  await router.put(
    routeOf({ releaseLabel: null }),
    routeOf({ appId: 'app_b' as never, hosts: ['b.localhost'], state: 'stopped', releaseLabel: 'v3' }),
  );
  await check('nobody.localhost', 404, 'L03');
  await check('blog.localhost.:99', 503, 'L04');
  await check('b.localhost', 503, 'L06', 'v3');
  await check('127.0.0.1', 502, 'L16', 'platform');
  const { apps } = await router.client.stats();
  assert.deepEqual(apps.unknown?.byLCode, { L01: 1, L03: 1 });
  assert.deepEqual(apps.app_blog?.byLCode, { L04: 1 });
  assert.equal(router.logged.length, 5);
});

test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => {
    const status = Number(request.url!.slice(1));
    if (request.method === 'HEAD') response.setHeader('content-length', '5');
    response.writeHead(status).end(status === 200 && request.method !== 'HEAD' ? 'hello' : undefined);
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial();
  const say = (line: string) => raw.socket.write(`${line} HTTP/1.1\r\nHost: blog.localhost\r\n\r\n`);
  say('HEAD /200');
  await raw.until(/content-length: 5[\s\S]*\r\n\r\n$/i);
  say('GET /204');
  await raw.until(/ 204 [\s\S]*\r\n\r\n$/);
  say('GET /304');
  await raw.until(/ 304 [\s\S]*\r\n\r\n$/);
  say('GET /200');
  await raw.until(/hello/);
  assert.equal(raw.text().match(/HTTP\/1\.1/g)?.length, 4);
});

test('bodies stream both ways with their bytes unchanged, chunked or of known length', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => void request.pipe(response));
  await router.put(routeOf({ upstreams: [at] }));
  const body = randomBytes(8 * 1024 * 1024);
  const hash = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
  for (const length of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
    const request = httpRequest({
      port: router.running.port,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      headers: { host: 'blog.localhost', ...length },
    });
    request.end(body);
    const [answer] = await once(request, 'response');
    assert.equal(hash(Buffer.from(await textOf(answer), 'latin1')), hash(body));
  }
});

test('an answer reaches the client piece by piece, its header before its first byte', async () => {
  await using router = await testRouter();
  const steps: (() => void)[] = [];
  const { at } = await router.upstream('a', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    steps.push(
      () => response.write('data: 1\n\n'),
      () => response.end('data: 2\n\n'),
    );
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  await raw.until(/text\/event-stream[\s\S]*\r\n\r\n$/);
  steps[0]!();
  await raw.until(/data: 1/);
  steps[1]!();
  await raw.until(/data: 2[\s\S]*\r\n0\r\n\r\n$/);
});

test('a client that does not read holds its upstream back instead of filling memory', async () => {
  await using router = await testRouter();
  let sent = 0;
  const { at } = await router.upstream('a', (_request, response) => {
    const piece = Buffer.alloc(256 * 1024);
    const more = () => {
      while (sent < 400 && response.write(piece)) sent += 1;
    };
    response.on('drain', more);
    more();
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  await raw.until(/ 200 /);
  raw.socket.pause();
  let before = -1;
  // It has come to rest when nothing was added in a round of the kernel's and our buffers.
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent < 200, `${sent} pieces were taken`);
});

test('connections to an instance are used again', async () => {
  await using router = await testRouter();
  const { at, server } = await router.upstream('a', (request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await router.put(routeOf({ upstreams: [at] }));
  using agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), {
    [Symbol.dispose]: () => agent.destroy(),
  });
  for (let round = 0; round < 50; round += 1) assert.equal((await router.ask('/', { agent })).status, 200);
  assert.equal(connections, 1);
  for (let round = 0; round < 3; round += 1)
    assert.equal((await router.ask('/', { agent, method: 'POST', body: 'x' })).status, 200);
  assert.equal(connections, 4, 'what cannot be repeated gets a connection of its own');
});

test('an upstream that sends garbage, headers without end, or half a body fails that request only', async () => {
  await using router = await testRouter();
  const says = (text: string) =>
    createNetServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(text));
    });
  const check = async (text: string, code: string) => {
    await router.put(routeOf({ upstreams: [instance(`i${code}${text.length}`, await router.listen(says(text)))] }));
    const answer = await router.ask('/');
    assert.equal(answer.headers['x-lockstep-code'], code, text.slice(0, 40));
    assert.equal(answer.status, 502);
  };
  await check('SSH-2.0-OpenSSH\r\n', 'L10');
  await check(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}`, 'L10');
  await check('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'L10');
  await check('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 'L11');
  const half = await router.listen(says('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'));
  await router.put(routeOf({ upstreams: [instance('half', half)] }));
  await assert.rejects(router.ask('/'), /aborted|socket hang up/);
});

test('a client that leaves ends the request at its upstream', async () => {
  await using router = await testRouter();
  const ended = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { at } = await router.upstream('a', (_request, response) => {
    response.once('close', () => ended.resolve());
    begun.resolve();
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  await begun.promise;
  assert.equal((await router.client.stats()).inFlightByInstance.a, 1);
  raw.socket.destroy();
  await ended.promise;
  assert.equal((await router.client.drained(['a'], 30_000)).drained, true);
});

test('an answer that comes before the body is whole is delivered, and the rest is let pass', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('too large');
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('POST / HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 300000\r\n\r\n');
  raw.socket.write('x'.repeat(100_000));
  await raw.until(/ 413 [\s\S]*too large/);
  raw.socket.write('x'.repeat(200_000));
  raw.socket.write('GET /next HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n');
  await raw.until(/ 404 [\s\S]*L03/);
});

test('100 Continue comes when there is somebody to send the body to, and not before a refusal', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => void request.pipe(response));
  await router.put(routeOf({ upstreams: [at] }));
  const head = (host: string) =>
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`;
  const good = await router.dial(head('blog.localhost'));
  assert.match(await good.until(/\r\n\r\n/), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  good.socket.write('ok');
  await good.until(/ 200 [\s\S]*ok/);
  const bad = await router.dial(head('nobody.localhost'));
  const text = await bad.closed();
  assert.match(text, /^HTTP\/1\.1 404 /);
  assert.match(text, /connection: close/i);
});

test('an HTTP/1.0 client gets its answer and the end', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (_request, response) => {
    response.write('one ');
    response.end('two');
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('GET / HTTP/1.0\r\nHost: blog.localhost\r\n\r\n');
  const text = await raw.closed();
  assert.match(text, /one two$/);
  assert.doesNotMatch(text, /transfer-encoding/i);
});
