import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { likelyCause, type StartFacts } from './likely-cause.ts';
import { type Listener, listenerLook, parseListeners } from './listeners.ts';
import { probe } from './probe.ts';
import { type Exit, type HealthWait, type World, waitHealthy } from './wait-healthy.ts';

const never = new Promise<Exit>(() => {});

async function listen(server: Server, host = '127.0.0.1') {
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => {
      for (const socket of open) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test('the kernel table is read for listening sockets only', () => {
  const text =
    'head\n 0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 77 1\n 1: 0100007F:1F91 00000000:0000 01 0:0 00:0 0 0 0 78 1\n';
  assert.deepEqual(parseListeners(text, 4), [{ inode: 77, family: 4, address: '127.0.0.1', port: 8080 }]);
});

test('a listener is found by the process that holds it, and by no other', async () => {
  await using own = await listen(createTcp());
  const look = listenerLook();
  assert.ok((await look([process.pid])).some((one) => one.port === own.port));
  assert.ok(!(await look([process.ppid])).some((one) => one.port === own.port));
  // The kernel's table is not even asked for about one that holds no socket.
  assert.deepEqual(await listenerLook(null, '/nonexistent')([999_999_999]), []);
});

test('the table is read again when other sockets are held, or after a while, and of a network of its own whoever holds them', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let reads = 0;
  const look = listenerLook(async () => [on(++reads)]);
  const portAt = async (atMs: number, pid: number): Promise<number | undefined> => {
    nowMs = atMs;
    return (await look([pid]))[0]?.port;
  };
  const nobody = 999_999_999;
  assert.deepEqual([await portAt(0, nobody), await portAt(499, nobody), await portAt(500, nobody)], [1, 1, 2]);
  const first = await listen(createTcp());
  assert.deepEqual(
    [await portAt(501, process.pid), await portAt(600, process.pid), await portAt(601, process.pid)],
    [3, 3, 4],
  );
  await using _second = await listen(createTcp());
  assert.equal(await portAt(602, process.pid), 5);
  await first[Symbol.asyncDispose]();
  assert.equal(await portAt(603, process.pid), 6);
});

test('a probe carries the host and says what went wrong', async () => {
  await using web = await listen(
    createServer((request, response) => {
      response.statusCode = request.headers.host === 'blog.localhost' ? 204 : 400;
      response.end();
    }),
  );
  const ask = (port: number, timeoutMs = 5000) =>
    probe({ address: '127.0.0.1', port, path: '/', host: 'blog.localhost', timeoutMs });
  assert.deepEqual(await ask(web.port), { kind: 'answered', status: 204 });
  await using silent = await listen(createTcp((socket) => socket.on('error', () => {})));
  assert.deepEqual(await ask(silent.port, 30), { kind: 'failed', why: 'timed-out' });
  await using noise = await listen(createTcp((socket) => socket.end('hello\r\n\r\n')));
  assert.deepEqual(await ask(noise.port), { kind: 'failed', why: 'not-http' });
  assert.deepEqual(await ask(1), { kind: 'failed', why: 'refused' });
});

const on = (port: number, address = '127.0.0.1'): Listener => ({ inode: 1, family: 4, address, port });

function wait(world: { listeners?: Listener[]; status?: number; hasNoIpv6?: boolean }, more: Partial<HealthWait> = {}) {
  let nowMs = 0;
  const fake: World = {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    listenersOf: async () => world.listeners ?? [],
    holders: async () => [],
    probe: async ({ address }) =>
      world.hasNoIpv6 && address === '::1'
        ? { kind: 'failed', why: 'no-address' }
        : { kind: 'answered', status: world.status ?? 200 },
  };
  const check = { path: '/', timeoutMs: 5000, host: 'blog.localhost', acceptServerErrors: false };
  return waitHealthy({ port: 8000, check, pids: () => [1], exited: never, logTail: () => [], ...more }, fake);
}

test('health: PORT, another port, a stranger, a 5xx, an exit', async () => {
  assert.partialDeepStrictEqual(await wait({ listeners: [on(8000)] }), { healthy: true, port: 8000, notes: [] });
  assert.partialDeepStrictEqual(await wait({ listeners: [on(5000)] }), {
    healthy: true,
    port: 5000,
    notes: ['listens on 5000, PORT (8000) is ignored'],
  });
  const six: Listener = { inode: 1, family: 6, address: '::', port: 8000 };
  assert.partialDeepStrictEqual(await wait({ listeners: [six] }), { healthy: true, address: '::1' });
  assert.partialDeepStrictEqual(await wait({ listeners: [six], hasNoIpv6: true }), {
    healthy: true,
    address: '127.0.0.1',
  });
  assert.partialDeepStrictEqual(await wait({ listeners: [] }), { healthy: false, endedBy: 'limit', status: null });
  assert.partialDeepStrictEqual(await wait({ listeners: [on(8000)], status: 503 }), { healthy: false, status: 503 });
  const check = { path: '/', timeoutMs: 5000, host: 'h', acceptServerErrors: true };
  assert.partialDeepStrictEqual(await wait({ listeners: [on(8000)], status: 503 }, { check }), {
    healthy: true,
    status: 503,
  });
  const exited = Promise.resolve({ code: 1, signal: null, isOutOfMemory: false });
  assert.partialDeepStrictEqual(await wait({}, { exited }), {
    healthy: false,
    endedBy: 'exit',
    reason: 'exited with code 1 after 0.0 s',
  });
  assert.partialDeepStrictEqual(await wait({}, { signal: AbortSignal.abort() }), {
    healthy: false,
    endedBy: 'cancelled',
  });
});

test('likely causes', () => {
  const running: StartFacts = {
    exit: null,
    isOutOfMemory: false,
    ranMs: 1,
    port: 8000,
    listeners: [],
    held: [],
    status: null,
  };
  const gone = { ...running, exit: { code: 1, signal: null } };
  const cases: [StartFacts, string, RegExp][] = [
    [gone, "ModuleNotFoundError: No module named 'flask'", /"flask" is not installed/],
    [gone, '  File "app.py", line 3\nSyntaxError: invalid', /app\.py:3/],
    [gone, 'OSError: [Errno 98] Address already in use', /in use; bind \$PORT/],
    [
      { ...gone, held: [{ port: 5000, pid: 7, comm: 'python3' }] },
      'Address already in use',
      /in use: port 5000 is held by process 7 \(python3\); bind \$PORT \(8000\)/,
    ],
    [{ ...gone, exit: { code: 0, signal: null } }, '', /foreground/],
    [{ ...gone, isOutOfMemory: true }, '', /memory/],
    [{ ...running, listeners: [on(8000, '10.0.0.2')] }, '', /10\.0\.0\.2 only/],
    [{ ...running, listeners: [on(5000)] }, '', /not on \$PORT/],
    [
      gone,
      `PermissionError: [Errno 13] Permission denied: '/h/apps/app_X/trees/${'a1'.repeat(20)}/var/x.db'`,
      /writes var\/x\.db .* volume/,
    ],
    [{ ...running, status: 500 }, 'sqlite3.OperationalError: unable to open database file', /a database .* volume/],
    [running, '', /never listened/],
  ];
  for (const [facts, log, expected] of cases) assert.match(likelyCause(facts, log.split('\n')) ?? '', expected);
  assert.equal(likelyCause(gone, ['what?']), null);
});
