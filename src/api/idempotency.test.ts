import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rights } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';

function open() {
  const fake = createFakePlatform();
  const api = createApi({ platform: fake, version: '0', log: { error: () => {} } });
  const secret = fake.token('ours', rights);
  const post = (path: string, body: unknown, key: string, bearer = secret) =>
    api.app.request(`/api/v1/${path}`, {
      method: path.endsWith('config') ? 'PATCH' : 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
  return { fake, post };
}

test('a request that is repeated with its key gets the first answer and does nothing again', async () => {
  const { fake, post } = open();
  const first = await post('apps/blog/rollbacks', { version: 3 }, 'k1');
  const second = await post('apps/blog/rollbacks', { version: 3 }, 'k1');
  assert.deepEqual([first.status, second.status], [202, 202]);
  assert.equal(first.headers.get('idempotency-replayed'), null);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal(second.headers.get('location'), first.headers.get('location'));
  assert.ok(first.headers.get('location'));
  assert.deepEqual(await second.json(), await first.json());
  assert.equal(fake.calls.length, 1);
  await post('apps/blog/rollbacks', { version: 3 }, 'k2');
  assert.equal(fake.calls.length, 2);
});

test('a key that belongs to another request is refused', async () => {
  const { fake, post } = open();
  await post('apps/blog/rollbacks', { version: 3 }, 'k');
  for (const [path, body] of [
    ['apps/blog/rollbacks', { version: 4 }],
    ['apps/shop/rollbacks', { version: 3 }],
    ['apps/blog/restarts', {}],
  ] as const) {
    const response = await post(path, body, 'k');
    assert.equal(response.status, 422);
    assert.equal(((await response.json()) as { code: string }).code, 'idempotency-mismatch');
  }
  assert.equal(fake.calls.length, 1);
});

test('of two at once one runs, and both get its answer', async () => {
  const { fake, post } = open();
  const { promise, resolve } = Promise.withResolvers<void>();
  fake.gate = promise;
  const both = [post('apps/blog/restarts', {}, 'k'), post('apps/blog/restarts', {}, 'k')];
  const other = await post('apps/blog/rollbacks', {}, 'k');
  assert.equal(other.status, 422);
  resolve();
  const [one, two] = await Promise.all(both);
  assert.deepEqual([one!.status, two!.status], [202, 202]);
  assert.deepEqual(await two!.json(), await one!.json());
  assert.deepEqual(fake.calls, ['startRestart']);
});

test('what failed is told to both, is not kept, and may be tried again with the same key', async () => {
  const { fake, post } = open();
  const restart = fake.startRestart;
  fake.startRestart = async () => {
    await fake.gate;
    fake.calls.push('tried');
    throw fail('agent-away', 'the agent does not answer');
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  fake.gate = promise;
  const both = [post('apps/blog/restarts', {}, 'k'), post('apps/blog/restarts', {}, 'k')];
  resolve();
  for (const response of await Promise.all(both)) {
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '1');
  }
  assert.deepEqual(fake.calls, ['tried']);
  fake.startRestart = restart;
  assert.equal((await post('apps/blog/restarts', {}, 'k')).status, 202);
});

test('the secret of a new token is kept nowhere', async () => {
  const { fake, post } = open();
  const wanted = { name: 'ci', rights: ['read'] };
  const first = (await (await post('tokens', wanted, 'k')).json()) as { id: string; secret: string };
  const again = (await (await post('tokens', wanted, 'k')).json()) as { id: string; secret: null };
  assert.ok(first.secret);
  assert.deepEqual(again, { ...first, secret: null });
  const kept = fake.database.prepare('SELECT body FROM idempotency_keys').all();
  assert.ok(!JSON.stringify(kept).includes(first.secret));
});

test('a key is one team’s own, and needs the right like the request itself', async () => {
  const { fake, post } = open();
  await post('apps', { name: 'wiki' }, 'k');
  assert.equal((await post('apps', { name: 'wiki' }, 'k', fake.token('theirs', rights))).status, 409);
  assert.equal((await post('apps', { name: 'wiki' }, 'k', fake.token('ours', ['read']))).status, 403);
});

test('a key that cannot be one is refused', async () => {
  const { fake, post } = open();
  for (const key of ['', 'x'.repeat(256), 'é'])
    assert.equal((await post('apps/blog/restarts', {}, key)).status, 400, key);
  assert.deepEqual(fake.calls, []);
});
