// Clients that are as slow as they can be, with limits short enough to be met: their own loss, and nobody else's.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { placeOf } from './addresses.ts';
import { createSlowClients } from './slow-clients.ts';
import { type Answer, routeOf, testRouter } from './test-router.ts';

const post = 'POST / HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 1000000\r\n\r\n';
const get = 'GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n';

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const limit = performance.now() + 10_000; !(await isSo()); await pause(5))
    assert.ok(performance.now() < limit, 'it never was so');
}

test('E7: a body that trickles in is L14 although it never stops, one that comes slowly enough is not touched', async () => {
  await using router = await testRouter({ slowWindowMs: 40, slowBodyMs: 200, slowBytesPerS: 500 });
  const { at } = await router.upstream('a', (request, response) => {
    request.on('error', () => {});
    request.resume().on('end', () => response.end('whole'));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const slow = await router.dial(post);
  const fine = await router.dial(post.replace('1000000', '6000'));
  const sending = setInterval(() => slow.socket.write('x'), 10);
  const sendingMore = setInterval(() => fine.socket.write('x'.repeat(100)), 10);
  try {
    assert.match(await slow.until(/request/), / 408 [\s\S]*x-lockstep-code: L14/);
    assert.match(await fine.until(/whole/), / 200 /);
  } finally {
    clearInterval(sending);
    clearInterval(sendingMore);
  }
});

test('E7: an answer that is not taken is cut, also its last piece, and the app has its place again', async () => {
  await using router = await testRouter({ slowWindowMs: 20, slowReadMs: 100 });
  const { at } = await router.upstream('a', (_request, response) => response.end(Buffer.alloc(20_000_000, 'z')));
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial();
  raw.socket.pause();
  raw.socket.write(get);
  await until(() => router.logged.some(({ code, detail }) => code === 'L14' && detail.includes('takes no more')));
  await until(async () => (await router.client.stats()).apps.app_blog?.inFlight === 0);
  const reads = await router.dial(get);
  await until(() => reads.text().length > 20_000_000);
});

test('an answer that waits behind an earlier one of its connection makes no client slow', async () => {
  await using router = await testRouter({ slowWindowMs: 10, slowReadMs: 20 });
  const late: (() => void)[] = [];
  const { at } = await router.upstream('a', ({ method, url }, response) => {
    if (method === 'HEAD') response.end();
    else if (url === '/big') response.end(Buffer.alloc(20_000_000, 'z'));
    else late.push(() => response.end('late'));
  });
  await router.put(routeOf({ upstreams: [at] }));
  const raw = await router.dial(`${get}HEAD${get.slice(3)}`);
  await until(() => late.length === 1);
  // Somebody who came later, and is slow, is ended first.
  const slow = await router.dial();
  slow.socket.pause();
  slow.socket.write(get.replace('/', '/big'));
  await until(() => router.logged.some(({ path }) => path === '/big'));
  for (const answer of late) answer();
  assert.equal((await raw.until(/late[\s\S]*\r\n\r\n$/)).match(/HTTP\/1.1 200/g)?.length, 2);
  assert.deepEqual(
    router.logged.map(({ path }) => path),
    ['/big'],
  );
});

test('E7: an app that is full of slow clients makes room for the next one, and for no more than that', async () => {
  await using router = await testRouter({ slowWindowMs: 40 });
  const answers: (() => void)[] = [];
  const { at } = await router.upstream('a', (request, response) => {
    request.on('error', () => {});
    if (request.method === 'POST') request.resume();
    else answers.push(() => response.end('ok'));
  });
  await router.put(routeOf({ upstreams: [at], concurrency: 3 }));
  const slow = await Promise.all([1, 2, 3].map(() => router.dial(post)));
  await until(async () => (await router.client.stats()).apps.app_blog?.inFlight === 3);
  // Until they are known to be slow, the app is just full.
  const insist = async (): Promise<Answer> => {
    const answer = await router.ask('/');
    return answer.status === 503 ? pause(5).then(insist) : answer;
  };
  const asked = [1, 2, 3].map(insist);
  await until(() => answers.length === 3);
  assert.equal((await router.ask('/')).headers['x-lockstep-code'], 'L15', 'who is served is not slow');
  for (const answer of answers) answer();
  for (const answer of await Promise.all(asked)) assert.equal(answer.body, 'ok');
  for (const one of slow) await one.until(/x-lockstep-code: L14/);
});

test('slowness is judged by whole windows, only while it is the client’s turn, and a slow app is none', async () => {
  const ended: string[] = [];
  const slow = createSlowClients({ slowBytesPerS: 1000, slowWindowMs: 20 });
  const turn = { isClients: false };
  const patient = slow.watch(
    'a',
    60,
    () => turn.isClients,
    () => ended.push('patient'),
  );
  const fast = slow.watch(
    'a',
    60,
    () => true,
    () => ended.push('fast'),
  );
  const sending = setInterval(() => fast.moved(1000), 5);
  slow.watch(
    'b',
    60,
    () => true,
    () => ended.push('other app'),
  );
  await until(() => ended.length === 1);
  assert.equal(slow.makeRoom('a'), false);
  turn.isClients = true;
  await until(() => ended.length === 2);
  patient.stop();
  fast.stop();
  clearInterval(sending);
  assert.deepEqual(ended, ['other app', 'patient']);
  assert.equal(slow.makeRoom('b'), false);
});

test('E7: one address has a share of all connections and no more', async () => {
  await using router = await testRouter({ connectionsPerAddress: 3 });
  await router.put();
  const from = (localAddress: string) => connect({ host: '127.0.0.1', port: router.running.port, localAddress });
  const first = [1, 2, 3].map(() => from('127.0.0.2'));
  for (const socket of first) await new Promise((resolve) => socket.once('connect', resolve));
  const ends = (socket: ReturnType<typeof from>) =>
    new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('L03')) resolve('answered');
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve('closed'));
      socket.write(get);
    });
  assert.equal(await ends(from('127.0.0.2')), 'closed');
  assert.equal(await ends(from('127.0.0.3')), 'answered');
  first[0]!.destroy();
  await until(async () => (await ends(from('127.0.0.2'))) === 'answered');
  for (const socket of first) socket.destroy();
});

test('an address of IPv6 is its first half', () => {
  assert.equal(placeOf('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(placeOf('10.0.0.1'), '10.0.0.1');
  assert.equal(placeOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(placeOf('2001:db8::6'), '2001:db8:0:0::/64');
  assert.equal(placeOf('2001:db8:1:2::'), '2001:db8:1:2::/64');
  assert.equal(placeOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(placeOf('::1'), '0:0:0:0::/64');
});
