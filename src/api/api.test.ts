import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rights } from '../domain/app.ts';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';

/** What the tests look at in answers. */
type Shown = {
  name: string;
  number: number;
  seq: number;
  id: string;
  secret: string;
  rights: string[];
  gitUrl: string;
  next: string | null;
  items: Shown[];
};
type Problem = {
  http: number;
  status: number;
  code: string;
  type: string;
  detail: string;
  advice: string | null;
  id: string;
  problems: { path: string; message: string }[];
};
const shown = async (response: Response | Promise<Response>): Promise<Shown> =>
  (await (await response).json()) as Shown;

type Logged = { fields: Record<string, unknown>; message: string };

function open() {
  const fake = createFakePlatform();
  const logged: Logged[] = [];
  const log = { error: (fields: Record<string, unknown>, message: string) => void logged.push({ fields, message }) };
  const api = createApi({ platform: fake, version: '1.2.3', log });
  const secret = fake.token('ours', rights, { name: 'owner' });
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${secret}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const problem = async (response: Response | Promise<Response>) => {
    const answer = await response;
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    return { ...((await answer.json()) as Problem), http: answer.status };
  };
  return { fake, api, ask, problem, logged, secret };
}

test('an app is made, shown, listed and destroyed', async () => {
  const { fake, ask } = open();
  const made = await ask('POST', '/api/v1/apps', { name: 'wiki', mainBranch: 'trunk' });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('location'), '/api/v1/apps/wiki');
  const app = await shown(made);
  assert.equal(app.gitUrl, 'http://127.0.0.1:8080/wiki.git');
  assert.deepEqual(await shown(ask('GET', '/api/v1/apps/wiki')), app);
  assert.equal((await ask('DELETE', '/api/v1/apps/wiki?volumes=true')).status, 204);
  assert.deepEqual(fake.calls, ['createApp', 'destroyApp true']);
  assert.equal((await ask('GET', '/api/v1/apps/wiki')).status, 404);
});

test('a list goes on where its cursor says, and another list refuses that cursor', async () => {
  const { ask, problem } = open();
  const first = await shown(ask('GET', '/api/v1/apps/blog/changes?limit=2'));
  assert.deepEqual(
    first.items.map((change) => change.number),
    [3, 2],
  );
  const second = await shown(ask('GET', `/api/v1/apps/blog/changes?limit=2&cursor=${first.next}`));
  assert.deepEqual(
    second.items.map((change) => change.number),
    [1],
  );
  assert.equal(second.next, null);
  const apps = await shown(ask('GET', '/api/v1/apps?limit=1'));
  assert.equal(apps.items[0]?.name, 'blog');
  assert.equal((await shown(ask('GET', `/api/v1/apps?cursor=${apps.next}`))).items[0]?.name, 'shop');
  for (const cursor of [first.next, 'x', Buffer.from('["apps"]').toString('base64url'), '']) {
    assert.equal((await problem(ask('GET', `/api/v1/apps?cursor=${cursor}`))).code, 'bad-request', String(cursor));
  }
  const shop = `/api/v1/apps/shop/changes?cursor=${first.next}`;
  assert.equal((await problem(ask('GET', shop))).code, 'bad-request');
  const events = await shown(ask('GET', '/api/v1/apps/blog/events?limit=2'));
  assert.equal(events.next, String(events.items[1]?.seq));
  assert.equal((await shown(ask('GET', `/api/v1/apps/blog/events?after=${events.next}`))).items.length, 1);
});

test('a bad request is told everything that is wrong with it', async () => {
  const { ask, problem, fake } = open();
  const answer = await problem(ask('POST', '/api/v1/apps/blog/rollbacks?x=1', { version: 'twelve', withKonfig: true }));
  assert.equal(answer.http, 400);
  assert.deepEqual(
    answer.problems.map(({ path }) => path),
    ['query', 'body.version', 'body'],
  );
  assert.match(String(answer.detail), /withKonfig/);
  const twice = await problem(ask('GET', '/api/v1/apps?limit=1&limit=2&limit=3'));
  assert.deepEqual(twice.problems, [{ path: 'query.limit', message: 'is given more than once' }]);
  for (const limit of ['0', '201', '1e2', '-1', '', ' 5', '0x10'])
    assert.equal((await problem(ask('GET', `/api/v1/apps?limit=${limit}`))).http, 400, limit);
  assert.deepEqual(fake.calls, []);
});

test('what the domain refuses keeps its code and its advice', async () => {
  const { ask, problem } = open();
  const cases: [string, string, unknown, number, string][] = [
    ['POST', '/api/v1/apps', { name: 'a;$(id)' }, 422, 'bad-name'],
    ['POST', '/api/v1/apps', { name: 'admin' }, 422, 'bad-name'],
    ['POST', '/api/v1/apps', { name: 'ok', mainBranch: '--upload-pack=x' }, 422, 'bad-ref'],
    ['POST', '/api/v1/apps', { name: 'blog' }, 409, 'name-taken'],
    ['POST', '/api/v1/apps', {}, 400, 'bad-request'],
    ['POST', '/api/v1/apps', [], 400, 'bad-request'],
    ['GET', '/api/v1/apps/A%20B', undefined, 422, 'bad-name'],
    ['GET', '/api/v1/apps/%zz', undefined, 422, 'bad-name'],
    ['GET', '/api/v1/apps/blog%2Fstatus', undefined, 422, 'bad-name'],
    ['GET', '/api/v1/apps/blog%00', undefined, 422, 'bad-name'],
    ['PATCH', '/api/v1/apps/blog/config', { set: { 'A=B': 'x' } }, 422, 'bad-env'],
    ['PATCH', '/api/v1/apps/blog/config', { set: { PORT: '1' } }, 422, 'bad-env'],
    ['PATCH', '/api/v1/apps/blog/config', { set: { A: 'x\0y' } }, 422, 'bad-env'],
    ['PATCH', '/api/v1/apps/blog/config', { set: { A: 'x' }, unset: ['A'] }, 400, 'bad-request'],
    ['PATCH', '/api/v1/apps/blog/config', {}, 400, 'bad-request'],
    ['PATCH', '/api/v1/apps/blog/config', '{"set":{"__proto__":"x"}}', 400, 'bad-request'],
    ['PATCH', '/api/v1/apps/blog/config', { set: { A: 1 } }, 400, 'bad-request'],
    ['POST', '/api/v1/apps/blog/runs', { argv: [] }, 400, 'bad-request'],
    ['POST', '/api/v1/apps/blog/runs', { argv: ['a\0b'] }, 400, 'bad-request'],
    ['POST', '/api/v1/apps/blog/runs', { argv: 'ls -l' }, 400, 'bad-request'],
    ['POST', '/api/v1/tokens', { name: 'x', rights: ['root'] }, 400, 'bad-request'],
    ['POST', '/api/v1/tokens', { name: 'x\u001b[2J', rights: ['read'] }, 400, 'bad-request'],
    ['POST', '/api/v1/tokens', { name: 'x', rights: ['read'], expiresAt: '2001-01-01T00:00:00Z' }, 400, 'bad-request'],
    ['POST', '/api/v1/tokens', { name: 'x', rights: ['read'], apps: ['foreign'] }, 404, 'not-found'],
    ['DELETE', '/api/v1/apps/blog?volumes=yes', undefined, 400, 'bad-request'],
    ['GET', '/api/v1/apps/blog/events?after=1&cursor=1', undefined, 400, 'bad-request'],
    ['GET', '/api/v1/apps/blog/events?after=-1', undefined, 400, 'bad-request'],
    ['GET', '/api/v1/apps/blog/logs?lines=99999', undefined, 400, 'bad-request'],
  ];
  for (const [method, path, body, status, code] of cases) {
    const answer = await problem(ask(method, path, body));
    const where = `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`;
    assert.deepEqual([answer.http, answer.status, answer.code], [status, status, code], where);
    assert.equal(answer.type, `/docs/errors#${code}`);
    assert.ok(answer.advice, where);
    assert.doesNotMatch(JSON.stringify(answer), /\\u001b/);
  }
});

test('a body that is not JSON, or too large, is refused before anything is done', async () => {
  const { ask, problem, fake, api, secret } = open();
  const path = '/api/v1/apps/blog/restarts';
  for (const body of ['{', 'null', '"x"', '[]', '{"a":1}', '['.repeat(500_000)])
    assert.equal((await problem(ask('POST', path, body))).code, 'bad-request', body.slice(0, 20));
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'application/json; charset=latin1',
  ])
    assert.equal((await problem(ask('POST', path, '{}', { 'content-type': type }))).http, 400, type);
  const latin = { method: 'POST', headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } };
  assert.equal((await problem(api.app.request(path, { ...latin, body: Buffer.from([0x7b, 0xff, 0x7d]) }))).http, 400);
  assert.equal((await problem(ask('POST', path, ' '.repeat(1024 * 1024 + 1)))).http, 413);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const streamed = new Request(`http://localhost${path}`, { ...latin, body: endless, duplex: 'half' } as RequestInit);
  assert.equal((await problem(api.fetch(streamed))).http, 413);
  assert.ok(sent < 25, `${sent} chunks were read`);
  assert.deepEqual(fake.calls, []);
  assert.equal((await ask('POST', path)).status, 202);
  assert.equal((await ask('POST', path, '{}', { 'content-type': 'application/json; charset=utf-8' })).status, 202);
});

test('an address that is not there is 404, a method that it does not take 405 with Allow', async () => {
  const { ask, problem } = open();
  for (const path of ['/api', '/api/v1/nothing', '/api/v1/apps/', '/x', '/api/v1/apps/blog/', '/api/v2/apps'])
    assert.equal((await problem(ask('GET', path))).http, 404, path);
  const response = await ask('PUT', '/api/v1/apps');
  assert.equal(response.headers.get('allow'), 'GET, POST, HEAD');
  assert.equal((await problem(response)).http, 405);
  assert.equal((await ask('OPTIONS', '/api/v1/apps')).headers.get('access-control-allow-origin'), null);
  assert.equal((await ask('HEAD', '/api/v1/apps')).status, 200);
});

test('an error that nobody foresaw is told by a short id, and its details by the log only', async () => {
  const { fake, ask, problem, logged, secret } = open();
  fake.startRestart = () => Promise.reject(new Error('password hunter2 at /srv/secret'));
  const answer = await problem(ask('POST', '/api/v1/apps/blog/restarts?', {}));
  assert.equal(answer.http, 500);
  assert.match(String(answer.id), /^[0-9a-f]{8}$/);
  assert.doesNotMatch(JSON.stringify(answer), /hunter2|srv/);
  assert.equal(logged.length, 1);
  assert.equal(logged[0]!.fields.id, answer.id);
  assert.match(String(logged[0]!.fields.err), /hunter2/);
  assert.ok(!JSON.stringify(logged).includes(secret));
});

test('what is thrown and is no error is an answer too, and a client that left is no incident', async () => {
  const { fake, api, ask, logged, secret } = open();
  fake.startRestart = () => Promise.reject('Client connection prematurely closed.');
  assert.equal((await ask('POST', '/api/v1/apps/blog/restarts')).status, 500);
  assert.equal(logged.length, 1);
  const headers = { authorization: `Bearer ${secret}` };
  const path = 'http://localhost/api/v1/apps/blog/restarts';
  const gone = new Request(path, { method: 'POST', headers, signal: AbortSignal.abort('gone') });
  assert.equal((await api.fetch(gone)).status, 409);
  assert.equal(logged.length, 1);
});

test('a token comes as Bearer or as the password of Basic, and nothing else is one', async () => {
  const { api, secret, problem } = open();
  const ask = (authorization: string) => api.app.request('/api/v1/me', { headers: { authorization } });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  for (const good of [`Bearer ${secret}`, `bearer ${secret}`, basic(`lockstep:${secret}`), basic(`:${secret}`)])
    assert.equal((await ask(good)).status, 200, good);
  const bad = [
    '',
    'Bearer',
    `Bearer ${secret}x`,
    `Token ${secret}`,
    secret,
    basic(secret),
    'Basic !!!',
    `Bearer ${'x'.repeat(5000)}`,
    `Bearer ${secret}, Bearer x`,
  ];
  for (const header of bad) assert.equal((await problem(ask(header))).http, 401, header.slice(0, 40));
  assert.deepEqual(await (await ask(`Bearer ${secret}`)).json(), { name: 'owner', rights: [...rights], apps: null });
});

test('a token made for some apps sees their names as its own', async () => {
  const { api, fake } = open();
  const headers = { authorization: `Bearer ${fake.token('ours', ['read'], { apps: ['shop'], name: 'ci' })}` };
  assert.deepEqual(await (await api.app.request('/api/v1/me', { headers })).json(), {
    name: 'ci',
    rights: ['read'],
    apps: ['shop'],
  });
});

test('a page of another site changes nothing, even with credentials that the browser repeats', async () => {
  const { ask, fake } = open();
  const path = '/api/v1/apps/blog/restarts';
  const foreign = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://blog.localhost' },
    { origin: 'null' },
  ];
  for (const headers of foreign) assert.equal((await ask('POST', path, undefined, headers as never)).status, 403);
  assert.deepEqual(fake.calls, []);
  assert.equal((await ask('POST', path, undefined, { origin: 'http://localhost' })).status, 202);
});

test('every answer says that it is not to be kept, guessed at or framed', async () => {
  const { ask } = open();
  for (const path of ['/api/v1/apps', '/api/v1/apps/absent', '/api/v1/nothing', '/api/v1/openapi.json', '/']) {
    const { headers } = await ask('GET', path);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(headers.get('cache-control'), path.startsWith('/api') ? 'no-store' : 'no-cache');
    assert.equal(headers.get('access-control-allow-origin'), null);
  }
  const page = await (await ask('GET', '/?utm=x')).text();
  assert.match(page, /href="\/api\/v1\/openapi\.json"/);
  assert.match(page, /lockstep login/);
  assert.match(await (await ask('GET', '/docs/errors')).text(), /id="idempotency-mismatch"/);
});

test('the secret of a token is in one answer, and the list shows none', async () => {
  const { ask, api } = open();
  const made = await shown(ask('POST', '/api/v1/tokens', { name: 'ci', rights: ['read', 'read'], apps: ['blog'] }));
  assert.deepEqual(made.rights, ['read']);
  const headers = { authorization: `Bearer ${made.secret}` };
  assert.equal((await api.app.request('/api/v1/apps/blog', { headers })).status, 200);
  const list = await shown(ask('GET', '/api/v1/tokens?limit=1'));
  assert.equal(list.items.length, 1);
  assert.ok(list.next);
  assert.ok(!JSON.stringify(await (await ask('GET', `/api/v1/tokens?cursor=${list.next}`)).json()).includes('secret'));
  assert.equal((await ask('DELETE', `/api/v1/tokens/${made.id}`)).status, 204);
  assert.equal((await api.app.request('/api/v1/apps/blog', { headers })).status, 401);
});
