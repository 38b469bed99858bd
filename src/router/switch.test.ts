// The switch: whole, on disk first, without a failed request, and never back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { loadSnapshot } from './snapshot-file.ts';
import { routeOf, snapshotOf, testRouter } from './test-router.ts';

test('fifty switches under load: no request fails, and no client sees an older page after a newer one', async () => {
  await using router = await testRouter();
  const start = (version: number) =>
    router.upstream(`i${version}`, (request, response) => {
      request.resume().on('end', () => response.end(String(version)));
    });
  let current = await start(0);
  await router.put(routeOf({ upstreams: [current.at], releaseLabel: 'v0' }));
  const progress = { version: 0, isOver: false, requests: 0 };
  const clients = Array.from({ length: 16 }, async (_, index) => {
    const agent = index % 2 === 0 ? { agent: new Agent({ keepAlive: true, maxSockets: 1 }) } : {};
    const asking = { ...agent, ...(index % 4 === 3 ? { method: 'POST', body: 'x' } : {}) };
    let newest = 0;
    while (!progress.isOver) {
      const floor = Math.max(newest, progress.version);
      const answer = await router.ask('/', asking);
      assert.equal(answer.status, 200, answer.body);
      newest = Number(answer.body);
      assert.equal(answer.headers['x-lockstep-release'], `v${newest}`);
      assert.ok(newest >= floor, `${newest} after ${floor}`);
      progress.requests += 1;
    }
    agent.agent?.destroy();
  });
  for (let version = 1; version <= 50; version += 1) {
    const next = await start(version);
    await router.put(routeOf({ upstreams: [next.at], releaseLabel: `v${version}` }));
    progress.version = version;
    assert.equal((await router.client.drained([current.at.instanceId], 30_000)).drained, true);
    current.server.close();
    current.server.closeAllConnections();
    current = next;
  }
  progress.isOver = true;
  await Promise.all(clients);
  assert.ok(progress.requests >= 50, String(progress.requests));
  assert.deepEqual((await router.client.stats()).apps.app_blog?.byLCode, {});
});

test('what is in flight ends on the old instance, whose idle connections close at the switch', async () => {
  await using router = await testRouter();
  const answers: (() => void)[] = [];
  const arrived = Promise.withResolvers<void>();
  const old = await router.upstream('old', (request, response) => {
    if (request.url === '/fast') return void response.end('old');
    answers.push(() => response.end('old'));
    arrived.resolve();
  });
  const sockets: Socket[] = [];
  old.server.on('connection', (socket: Socket) => sockets.push(socket));
  const next = await router.upstream('new', (_request, response) => response.end('new'));
  await router.put(routeOf({ upstreams: [old.at] }));
  const slow = router.ask('/slow');
  await arrived.promise;
  assert.equal((await router.ask('/fast')).body, 'old');
  assert.equal(sockets.length, 2);
  const idleClosed = once(sockets[1]!, 'close');
  await router.put(routeOf({ upstreams: [next.at], releaseLabel: 'v2' }));
  await idleClosed;
  assert.equal((await router.ask('/')).body, 'new');
  assert.deepEqual(await router.client.drained(['old', 'new'], 0), { drained: false, inFlight: { old: 1 } });
  const drained = router.client.drained(['old'], 30_000);
  const busyClosed = once(sockets[0]!, 'close');
  answers[0]!();
  assert.equal((await slow).body, 'old');
  assert.equal((await slow).headers['x-lockstep-release'], 'v1');
  assert.deepEqual(await drained, { drained: true, inFlight: {} });
  await busyClosed;
});

test('a table that is older, or says something else under the same number, is refused; the same one again is fine', async () => {
  await using router = await testRouter();
  await router.put();
  const second = await router.put(routeOf({}));
  assert.deepEqual(await router.client.putSnapshot(second), { generation: 2 });
  await assert.rejects(router.client.putSnapshot(snapshotOf(1, [])), { code: 'conflict' });
  await assert.rejects(router.client.putSnapshot(snapshotOf(2, [])), { code: 'conflict' });
  await assert.rejects(router.client.putSnapshot({ ...second, protocol: 9 }), { code: 'bad-request' });
  const hello = await router.client.hello();
  assert.deepEqual([hello.generation, hello.port, hello.pid], [2, router.running.port, process.pid]);
});

test('an answered table is on disk, the one before it too, and tables sent at once are taken in order', async () => {
  await using router = await testRouter();
  const file = join(router.home, 'router', 'snapshot.json');
  const sent = Array.from({ length: 10 }, (_, at) => router.client.putSnapshot(snapshotOf(at + 1, [])));
  const results = await Promise.allSettled(sent);
  const taken = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.generation] : []));
  assert.ok(taken.includes(10));
  assert.equal((await loadSnapshot(file)).snapshot?.generation, 10);
  await router.client.putSnapshot(snapshotOf(11, []));
  await router.client.putSnapshot(snapshotOf(11, []));
  // It is brought up behind the answer.
  const before = async () => (await loadSnapshot(`${file}.previous`).catch(() => null))?.snapshot?.generation;
  for (const limit = performance.now() + 30_000; (await before()) !== 10 && performance.now() < limit; ) await pause(5);
  await writeFile(file, 'damaged');
  assert.equal((await loadSnapshot(file)).snapshot?.generation, 10, 'the same one again does not push it out');
});

test('a change is put upon the table that it names, and upon no other', async () => {
  await using router = await testRouter();
  const [blog, shop] = [
    routeOf({}),
    routeOf({ appId: 'app_shop' as never, hosts: ['shop.test' as never], state: 'stopped' }),
  ];
  await router.put(blog, shop);
  await router.put(blog, { ...shop, releaseLabel: 'v2' });
  const file = join(router.home, 'router', 'snapshot.json');
  assert.equal((await readFile(file, 'utf8')).split('\n').length, 5, 'sent and kept as a change');
  const socketPath = join(router.home, 'run', 'router.sock');
  const send = async (method: string, names: string, body: object) => {
    const request = httpRequest({ socketPath, method, path: `/v1/snapshot?${names}`, agent: false });
    const [answer] = await once(request.end(JSON.stringify(body)), 'response');
    let text = '';
    for await (const chunk of answer) text += chunk;
    return JSON.parse(text);
  };
  const head = { protocol: 1, generation: 3, platformHosts: [] };
  assert.equal((await send('PATCH', 'base=other&tag=b', { head, items: [] })).code, 'conflict');
  assert.deepEqual(await send('PUT', 'tag=a', { ...head, routes: [blog, shop] }), { generation: 3 });
  const next = { ...head, generation: 4 };
  for (const wrong of [{ items: [] }, { head: next, items: [[2, blog]] }, { head: next, items: [[1, blog]] }])
    assert.equal((await send('PATCH', 'base=a&tag=b', wrong)).code, 'bad-request');
  const other = { ...shop, hosts: ['other.test'] };
  assert.deepEqual(await send('PATCH', 'base=a&tag=b', { head: next, items: [[1, other]] }), { generation: 4 });
  assert.deepEqual((await router.client.routes(['other.test', 'shop.test'])).routes, { 'other.test': other });
  assert.equal((await send('PATCH', 'base=a&tag=c', { head: next, items: [] })).code, 'conflict', 'it is upon b now');
  // Our client's own base is gone with that: it sends the whole table, and nobody notices.
  assert.deepEqual(await router.client.putSnapshot(snapshotOf(5, [blog, shop])), { generation: 5 });
  assert.deepEqual((await loadSnapshot(file)).snapshot, snapshotOf(5, [blog, shop]));
});

test('a table that cannot be written does not come into force', async () => {
  await using router = await testRouter();
  await router.put(routeOf({ state: 'stopped' }));
  await rm(join(router.home, 'router'), { recursive: true });
  await assert.rejects(router.client.putSnapshot(snapshotOf(2, [])), { code: 'internal' });
  assert.equal((await router.client.hello()).generation, 1);
  assert.equal((await router.ask('/')).headers['x-lockstep-code'], 'L06');
});

test('nonsense on the private socket gets a typed answer', async () => {
  await using router = await testRouter();
  const socketPath = join(router.home, 'run', 'router.sock');
  const check = async (method: string, path: string, status: number, code: string, body?: string) => {
    const request = httpRequest({ socketPath, method, path, agent: false }).end(body);
    const [answer] = await once(request, 'response');
    let text = '';
    for await (const chunk of answer) text += chunk;
    assert.equal(answer.statusCode, status, path);
    assert.equal(JSON.parse(text).code, code);
  };
  await check('GET', '/v2/hello', 404, 'not-found');
  await check('POST', '/v1/snapshot', 404, 'not-found', '{}');
  await check('PUT', '/v1/snapshot', 400, 'bad-request', '{');
  await check('PUT', '/v1/snapshot', 400, 'bad-request', '[]');
  await check('GET', '/v1/drained?instance=a&timeoutMs=x', 400, 'bad-request');
});
