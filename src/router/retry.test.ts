// What may be sent a second time, and to whom: only what nobody has seen, or what may be seen twice.
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { createServer as createNetServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Upstream } from '../domain/route.ts';
import { routeOf, testRouter } from './test-router.ts';

const instance = (id: string, port: number) => ({ instanceId: id, host: '127.0.0.1', port }) as Upstream;
/** Nobody listens there. */
const deadPort = 1;

/** An upstream that answers the first request of every connection and closes the connection on the second, unread. */
function closesKept(seen: string[]) {
  return createNetServer((socket: Socket) => {
    let requests = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      requests += 1;
      if (requests > 1) return void socket.destroy();
      seen.push(chunk.toString('latin1').split(' ')[0]!);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
}

test('E4: a kept connection that the upstream had closed costs an idempotent request nothing, and is not tried with others', async () => {
  await using router = await testRouter();
  const seen: string[] = [];
  const port = await router.listen(closesKept(seen));
  await router.put(routeOf({ upstreams: [instance('a', port)] }));
  for (const method of ['GET', 'GET', 'DELETE', 'POST', 'POST', 'GET']) {
    const answer = await router.ask('/', { method, ...(method === 'POST' ? { body: 'x' } : {}) });
    assert.equal(answer.body, 'ok', method);
  }
  assert.deepEqual(seen, ['GET', 'GET', 'DELETE', 'POST', 'POST', 'GET']);
});

test('E4: a request whose new connection closes without an answer is not sent again, whatever its method', async () => {
  await using router = await testRouter();
  let requests = 0;
  const port = await router.listen(
    createNetServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        requests += 1;
        socket.destroy();
      });
    }),
  );
  await router.put(routeOf({ upstreams: [instance('a', port), instance('b', port)] }));
  for (const method of ['GET', 'POST']) {
    const answer = await router.ask('/', { method });
    assert.equal(answer.headers['x-lockstep-code'], 'L11');
    assert.equal(answer.status, 502);
  }
  assert.equal(requests, 2);
});

test('an instance that refuses the connection is passed over for any method, as nothing was sent', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('b', (request, response) => void request.pipe(response));
  await router.put(routeOf({ upstreams: [instance('a', deadPort), at] }));
  assert.equal((await router.ask('/', { method: 'POST', body: 'whole body' })).body, 'whole body');
  assert.equal((await router.ask('/')).status, 200);
  await router.put(routeOf({ upstreams: [instance('a', deadPort), instance('c', deadPort)] }));
  const answer = await router.ask('/', { method: 'POST', body: 'x' });
  assert.equal(answer.headers['x-lockstep-code'], 'L07');
  assert.equal(answer.headers['retry-after'], '1');
});

/** Answers each request at once, and closes the connection a moment after some of its answers, without a word before. */
function closesSoon(seen: Map<string, number>, delaysMs: readonly number[]) {
  let answers = 0;
  return createNetServer((socket: Socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const [, path = ''] = text.split(' ', 2);
        text = text.slice(end + 4);
        seen.set(path, (seen.get(path) ?? 0) + 1);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        answers += 1;
        const delayMs = delaysMs[answers % delaysMs.length]!;
        if (delayMs === 0) socket.end();
        else if (delayMs > 0) setTimeout(() => socket.destroy(), delayMs);
      }
    });
  });
}

test('E4: connections that close right after an answer, unannounced, cost no request: two thousand, and no post arrives twice', async () => {
  await using router = await testRouter();
  const seen = new Map<string, number>();
  // -1: stays. The others meet the next request before, while and after it is sent.
  const port = await router.listen(closesSoon(seen, [-1, 0, 1, -1, 2, 3, 0]));
  await router.put(routeOf({ upstreams: [instance('a', port)] }));
  const kept = new Agent({ keepAlive: true, maxSockets: 8 });
  const counts = { GET: 0, POST: 0 };
  const client = async (number: number) => {
    for (let at = 0; at < 252; at += 1) {
      const method = at % 4 === 3 ? 'POST' : 'GET';
      const answer = await router.ask(`/${method}/${number}/${at}`, { method, agent: kept });
      assert.deepEqual([answer.status, answer.body], [200, 'ok'], `${answer.headers['x-lockstep-code']}`);
      counts[method] += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, number) => client(number)));
  kept.destroy();
  assert.deepEqual(counts, { GET: 8 * 189, POST: 8 * 63 });
  const times = [...seen].filter(([path]) => path.startsWith('/POST'));
  assert.equal(times.length, 8 * 63);
  assert.deepEqual(
    times.filter(([, count]) => count !== 1),
    [],
  );
  assert.deepEqual(router.logged, []);
});
