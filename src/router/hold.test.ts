// Requests to an app that is starting: held, released, bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf, type TestRouter, testRouter } from './test-router.ts';

const starting = (more: object = {}) => routeOf({ state: 'starting', ...more });

/** Resolves when so many requests of the app take a place. */
async function inFlight(router: TestRouter, count: number): Promise<void> {
  while ((await router.client.stats()).apps.app_blog?.inFlight !== count) await new Promise(setImmediate);
}

test('a request waits for the app and gets its answer, body and all', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('a', (request, response) => void request.pipe(response));
  await router.put(starting());
  const answers = [
    router.ask('/', { method: 'POST', body: 'waited' }),
    router.ask('/', { method: 'PUT', body: 'also' }),
  ];
  await inFlight(router, 2);
  await router.put(starting({ concurrency: 50 }));
  await router.put(routeOf({ upstreams: [at], releaseLabel: 'v2' }));
  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body),
    ['waited', 'also'],
  );
  assert.equal((await answers[0]!).headers['x-lockstep-release'], 'v2');
});

test('the wait has an end, a bounded number takes part, and a release that fails ends it', async () => {
  await using router = await testRouter({ holdMs: 60, held: 1 });
  await router.put(starting());
  const first = router.ask('/');
  await inFlight(router, 1);
  const second = await router.ask('/');
  assert.equal(second.headers['x-lockstep-code'], 'L05', 'no room to wait in');
  assert.equal((await first).headers['x-lockstep-code'], 'L05');
  await using patient = await testRouter();
  await patient.put(starting());
  const third = patient.ask('/');
  await inFlight(patient, 1);
  await patient.put(routeOf({ state: 'stopped' }));
  assert.equal((await third).headers['x-lockstep-code'], 'L06');
});

test('an app that goes away, or loses its host to another, lets go of who waited', async () => {
  await using router = await testRouter();
  const { at } = await router.upstream('b', (_request, response) => response.end('other'));
  await router.put(starting());
  const answer = router.ask('/');
  await inFlight(router, 1);
  await router.put(routeOf({ appId: 'app_other' as never, upstreams: [at] }));
  assert.equal((await answer).headers['x-lockstep-code'], 'L03');
});

test('a client that leaves while it waits gives its place back', async () => {
  await using router = await testRouter();
  await router.put(starting());
  const raw = await router.dial('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  await inFlight(router, 1);
  raw.socket.destroy();
  await inFlight(router, 0);
});
