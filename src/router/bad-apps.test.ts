// Apps that do not keep to HTTP, or to anybody's patience: what their visitors get, and that nobody else is touched.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createNetServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Upstream } from '../domain/route.ts';
import { routeOf, type TestRouter, testRouter } from './test-router.ts';

const instance = (id: string, port: number) => ({ instanceId: id, host: '127.0.0.1', port }) as Upstream;
const get = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';
const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Says `answers` by turns, one for each request, and then nothing; keeps its connections open. */
async function says(router: TestRouter, ...answers: (string | Buffer)[]) {
  const sockets: Socket[] = [];
  let at = 0;
  const server = createNetServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => void socket.write(answers[at++] ?? ''));
  });
  const port = await router.listen(server);
  await router.put(routeOf({ upstreams: [instance(`i${port}`, port)] }));
  return sockets;
}

test('E11: garbage, a header without end or of a hundred kilobytes, two lengths, another protocol: 502, and the connection is gone', async () => {
  await using router = await testRouter();
  const check = async (bad: string | Buffer, code = 'L10', options = {}) => {
    const sockets = await says(router, bad, good);
    const answer = await router.ask('/', options);
    assert.deepEqual([answer.status, answer.headers['x-lockstep-code']], [502, code], String(bad).slice(0, 60));
    assert.equal((await router.ask('/')).body, 'ok', 'the next request is served');
    assert.equal(sockets.length, 2, 'by a connection of its own');
    if (!sockets[0]!.destroyed) await once(sockets[0]!, 'close');
  };
  await check('SSH-2.0-OpenSSH_9.2\r\n');
  await check(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]));
  await check('HTTP/2.0 200 OK\r\n\r\n');
  await check('HTTP/1.1 20 OK\r\n\r\n');
  await check(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`);
  await check(`HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(20_000)}\r\n`);
  await check('HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n');
  await check('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok');
  await check('HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok');
  await check('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const options of [{}, { method: 'POST' }]) {
    await check(`${chunked}not a size\r\n`, 'L10', options);
    await check(`${chunked}2\r\nok\r\n2\r\nok and more\r\n0\r\n\r\n`, 'L10', options);
  }
  await check('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 'L11');
  await check('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'.repeat(2000));
});

test('E11: an answer that breaks off is cut at the client too, with a line in the log, and its connection is not used again', async () => {
  await using router = await testRouter();
  const check = async (text: string, breakOff: (socket: Socket) => void) => {
    const sockets = await says(router, text);
    const raw = await router.dial(get);
    await raw.until(/half/);
    breakOff(sockets[0]!);
    const got = await raw.closed();
    assert.doesNotMatch(got, /x-lockstep-code/);
    assert.doesNotMatch(got, /\r\n0\r\n\r\n$/, 'what is not whole does not look whole');
    const logged = router.logged.splice(0).map(({ code, detail }) => `${code} ${detail}`);
    assert.deepEqual(logged, ['L11 the app broke off in the middle of its answer']);
    if (!sockets[0]!.destroyed) await once(sockets[0]!, 'close');
  };
  await check('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', (socket) => socket.destroy());
  await check('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', (socket) => socket.end());
  await check('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', (socket) =>
    socket.write('not a size\r\n'),
  );
});

test('E11: an answer in pieces of one byte that is not taken at once is waited for once, not once for every piece', async () => {
  await using router = await testRouter();
  const warnings: string[] = [];
  const warned = (warning: Error) => void warnings.push(String(warning));
  process.on('warning', warned);
  await says(router, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(500_000)}0\r\n\r\n`);
  assert.equal((await router.ask('/')).body.length, 500_000);
  await new Promise(setImmediate);
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
});

test('E11: an answer that never ends ends with its silence, and gives its place back', async () => {
  await using router = await testRouter({ answerIdleMs: 80 });
  await says(router, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  const raw = await router.dial(get);
  await raw.closed();
  assert.match(raw.text(), /half/);
  assert.equal((await router.client.stats()).apps.app_blog?.inFlight, 0);
});

test('E11: answers before the answer are no answer: 100 and 103, and more bytes than the answer has', async () => {
  await using router = await testRouter();
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
  await says(router, `${early}HTTP/1.1 100 Continue\r\n\r\n${good}`, good);
  for (const _ of [1, 2]) assert.equal((await router.ask('/')).body, 'ok');
  await says(router, `HTTP/1.1 100 Continue\r\n\r\n${good}`);
  const posted = await router.ask('/', { method: 'POST' });
  assert.equal(posted.body, 'ok');
  const sockets = await says(router, `${good}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`, good);
  for (const _ of [1, 2]) assert.equal((await router.ask('/')).body, 'ok');
  assert.equal(sockets.length, 2, 'a connection with bytes too many is not used again');
});

/** A real process that answers until it is stopped: its kernel goes on accepting, it does not. */
async function stoppable(): Promise<{ child: ChildProcess; port: number }> {
  const source = `require('node:http').createServer((q, s) => s.end('ok')).listen(0, '127.0.0.1', function () {
    console.log(this.address().port) })`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout!, 'data');
  return { child, port: Number(String(line)) };
}

test('E12: an app that is stopped: its places fill, the others are shed at once, each waits only its limit, and it serves when it goes on', async () => {
  await using router = await testRouter({ firstByteMs: 600 });
  const { child, port } = await stoppable();
  try {
    const other = await router.upstream('b', (_request, response) => response.end('b'));
    await router.put(
      routeOf({ upstreams: [instance('a', port)], concurrency: 5 }),
      routeOf({ appId: 'app_b' as never, hosts: ['b.localhost'], upstreams: [other.at] }),
    );
    assert.equal((await router.ask('/')).body, 'ok');
    child.kill('SIGSTOP');
    const asked = Array.from({ length: 25 }, () => router.ask('/'));
    const answers = await Promise.all([...asked, router.ask('/', { host: 'b.localhost' })]);
    assert.equal(answers.pop()!.body, 'b', 'another app is not touched');
    const codes = answers.map(({ status, headers }) => `${status} ${headers['x-lockstep-code']}`);
    assert.equal(codes.filter((code) => code === '504 L09').length, 5);
    assert.equal(codes.filter((code) => code === '503 L15').length, 20);
    assert.ok(answers.every(({ status, headers }) => status !== 503 || headers['retry-after'] === '1'));
    assert.equal((await router.client.stats()).apps.app_blog?.inFlight, 0);
    child.kill('SIGCONT');
    assert.equal((await router.ask('/')).body, 'ok');
  } finally {
    child.kill('SIGKILL');
  }
});
