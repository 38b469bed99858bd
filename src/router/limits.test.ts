// Every limit, made short enough to be met: time of the header, of the body, of the answer; places, connections, waits.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer as createNetServer } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Upstream } from '../domain/route.ts';
import { routeOf, testRouter } from './test-router.ts';

const get = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';

test('a header that does not come in time is answered with L13, also when not one byte came', async () => {
  await using router = await testRouter({ headerMs: 60 });
  const slow = await router.dial('GET / HTTP/1.1\r\nHost: b');
  assert.match(await slow.closed(), /^HTTP\/1\.1 408 [\s\S]*x-lockstep-code: L13/);
  const silent = await router.dial();
  assert.match(await silent.closed(), /^(HTTP\/1\.1 408 |$)/);
});

test('a body that stops coming is L14, and one that the app does not take is L09', async () => {
  await using router = await testRouter({ bodyIdleMs: 60 });
  const takes = await router.upstream('a', (request) => void request.resume().on('error', () => {}));
  await router.put(routeOf({ upstreams: [takes.at] }));
  const raw = await router.dial('POST / HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 10\r\n\r\nabc');
  assert.match(await raw.until(/request/), / 408 [\s\S]*L14/);
  const takesNone = await router.upstream('b', (request) => void request.on('error', () => {}));
  await router.put(routeOf({ upstreams: [takesNone.at] }));
  const big = await router.dial('POST / HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 50000000\r\n\r\n');
  big.socket.write(Buffer.alloc(20_000_000));
  assert.match(await big.until(/L09, request/), / 504 /);
});

test('a slow upload is not cut by the limit on the first byte of the answer', async () => {
  await using router = await testRouter({ firstByteMs: 80, bodyIdleMs: 5000 });
  const { at } = await router.upstream('a', (request, response) => void request.pipe(response));
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial('POST / HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 4\r\n\r\n');
  for (const piece of 'abcd') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    raw.socket.write(piece);
  }
  await raw.until(/ 200 [\s\S]*d/);
});

test('E12: an app that accepts and never answers is L09, and its request is ended and not sent again', async () => {
  await using router = await testRouter({ firstByteMs: 60 });
  let requests = 0;
  const closed = Promise.withResolvers<void>();
  const listener = createNetServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => (requests += 1));
    socket.once('close', () => closed.resolve());
  });
  const port = await router.listen(listener);
  await router.put(routeOf({ upstreams: [{ instanceId: 'a', host: '127.0.0.1', port } as Upstream] }));
  const answer = await router.ask('/');
  assert.equal(answer.status, 504);
  assert.equal(answer.headers['x-lockstep-code'], 'L09');
  await closed.promise;
  assert.equal(requests, 1);
});

/** A program with a queue of one connection, which it takes from only when it is told to; the queue is full. */
async function fullQueue() {
  const lines = [
    'import socket, sys',
    's = socket.socket()',
    's.bind(("127.0.0.1", 0))',
    's.listen(0)',
    'print(s.getsockname()[1], flush=True)',
    'sys.stdin.readline()',
    'while True:',
    '  c = s.accept()[0]',
    '  if c.recv(9999): c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")',
    '  c.close()',
  ];
  const child = spawn('python3', ['-c', lines.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const port = Number(String(line));
  const fillers = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port }).on('error', () => {}));
  await once(fillers[0]!, 'connect');
  const called = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} 02 `, 'g');
  return {
    at: { instanceId: 'a', host: '127.0.0.1', port } as Upstream,
    /** Calls that nobody has answered yet. */
    waiting: () => readFileSync('/proc/net/tcp', 'latin1').match(called)?.length ?? 0,
    takeAll() {
      for (const filler of fillers) filler.destroy();
      child.stdin.write('\n');
    },
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

test('E12: an instance that lets the connection wait is L08, and nothing was sent to it', async () => {
  await using router = await testRouter({ connectMs: 80 });
  // Once its queue is full the kernel drops further calls in silence.
  await using full = await fullQueue();
  await router.put(routeOf({ upstreams: [full.at] }));
  const answers = await Promise.all([1, 2, 3].map(() => router.ask('/')));
  for (const answer of answers) assert.deepEqual([answer.status, answer.headers['x-lockstep-code']], [504, 'L08']);
});

test('a call that found the queue of an instance full for a moment is answered at the second try, which the kernel makes', async () => {
  await using router = await testRouter();
  const answers: (number | string)[] = [];
  // On a machine that stands still for a second room may be made after that second try: then it is shown again.
  for (let tries = 0; tries < 3 && !answers.includes('ok'); tries += 1) {
    await using full = await fullQueue();
    await router.put(routeOf({ upstreams: [full.at] }));
    const before = full.waiting();
    const asked = router.ask('/');
    for (const end = performance.now() + 20_000; full.waiting() === before; await turn())
      assert.ok(performance.now() < end, 'the router does not call');
    full.takeAll();
    const { status, body } = await asked;
    answers.push(status, body);
  }
  assert.deepEqual(answers.slice(-2), [200, 'ok']);
});

test('an answer in which nothing moves any more is cut', async () => {
  await using router = await testRouter({ answerIdleMs: 60 });
  const { at } = await router.upstream('a', (_request, response) => void response.write('half'));
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(get);
  assert.match(await raw.closed(), /half/);
  assert.equal((await router.client.drained(['a'], 30_000)).drained, true);
});

test('a client that goes on sending after its answer is cut after a while', async () => {
  await using router = await testRouter({ lingerMs: 60 });
  await router.put();
  const raw = await router.dial('POST / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 1000000\r\n\r\nabc');
  assert.match(await raw.closed(), / 404 [\s\S]*L03/);
});

test('E12: an app has no more requests at once than its route allows, and the others are told when to come back', async () => {
  await using router = await testRouter();
  const answers: (() => void)[] = [];
  const arrived: (() => void)[] = [];
  const { at } = await router.upstream('a', (_request, response) => {
    answers.push(() => response.end('ok'));
    arrived.shift()?.();
  });
  const free = await router.upstream('b', (_request, response) => response.end('b'));
  await router.put(
    routeOf({ upstreams: [at], concurrency: 2 }),
    routeOf({ appId: 'app_b' as never, hosts: ['b.localhost'], upstreams: [free.at] }),
  );
  const begin = () => {
    const isThere = new Promise<void>((resolve) => arrived.push(resolve));
    return { answer: router.ask('/'), isThere };
  };
  const two = [begin(), begin()];
  for (const one of two) await one.isThere;
  const shed = await router.ask('/');
  assert.equal(shed.status, 503);
  assert.equal(shed.headers['x-lockstep-code'], 'L15');
  assert.equal(shed.headers['x-lockstep-release'], 'v1');
  assert.equal(shed.headers['retry-after'], '1');
  assert.equal((await router.ask('/', { host: 'b.localhost' })).body, 'b', 'another app is not touched');
  assert.equal((await router.client.stats()).apps.app_blog?.inFlight, 2);
  answers.shift()!();
  assert.equal((await two[0]!.answer).status, 200);
  const third = begin();
  await third.isThere;
  for (const end of answers) end();
  assert.equal((await two[1]!.answer).status, 200);
  assert.equal((await third.answer).status, 200);
});

test('more connections than allowed are closed at once', async () => {
  await using router = await testRouter({ connections: 2 });
  await router.put();
  const first = await router.dial(get);
  const second = await router.dial(get);
  await first.until(/L03/);
  await second.until(/L03/);
  const third = await router.dial(get);
  assert.equal(await third.closed(), '');
});
