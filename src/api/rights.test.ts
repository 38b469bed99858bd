// The rights matrix, generated: every route is asked by every kind of token, about an app of its own, a foreign one and
// one that is not there. What must come out is computed from what the route declares.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Right, rights } from '../domain/app.ts';
import { type Api, createApi } from './api.ts';
import { createFakePlatform, type FakePlatform } from './fake.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

type Role = {
  rights: readonly Right[] | null;
  isScopedElsewhere?: true;
  isScopedHere?: true;
  isForeign?: true;
  secret: (fake: FakePlatform) => string | null;
};

const roles: Record<string, Role> = {
  anonymous: { rights: null, secret: () => null },
  unknown: { rights: null, secret: () => 'lst_nobody' },
  expired: { rights: null, secret: (fake) => fake.token('ours', rights, { expiresAtMs: 1 }) },
  revoked: { rights: null, secret: (fake) => fake.token('ours', rights, { isRevoked: true }) },
  read: { rights: ['read'], secret: (fake) => fake.token('ours', ['read']) },
  deploy: { rights: ['deploy'], secret: (fake) => fake.token('ours', ['deploy']) },
  config: { rights: ['config'], secret: (fake) => fake.token('ours', ['config']) },
  admin: { rights: ['admin'], secret: (fake) => fake.token('ours', ['admin']) },
  owner: { rights, secret: (fake) => fake.token('ours', rights) },
  'foreign owner': { rights, isForeign: true, secret: (fake) => fake.token('theirs', rights) },
  'scoped to another app': {
    rights,
    isScopedElsewhere: true,
    secret: (fake) => fake.token('ours', rights, { apps: ['shop'] }),
  },
  'scoped to this app': {
    rights,
    isScopedHere: true,
    secret: (fake) => fake.token('ours', rights, { apps: ['blog'] }),
  },
};

/** Bodies that each route with a body takes. */
const bodies: Record<string, unknown> = {
  askMerge: { branch: 'feature' },
  createApp: { name: 'fresh' },
  rollBack: {},
  restart: {},
  repair: {},
  changeConfig: { set: { GREETING: 'hello' } },
  changeBuildSecrets: { set: { NPM_TOKEN: 'hunter5' } },
  run: { argv: ['true'] },
  setBadge: { isPublic: false },
  createToken: { name: 'ci', rights: ['admin'] },
  deployImage: {},
  setAfterCommand: { argv: ['true'] },
  createHook: { name: 'docker-hub' },
  rotateHook: {},
  setImageVisibility: { repository: 'blog/api', isPublic: true },
  setImageQuota: { mostBytes: 1024 },
  tidyRegistry: {},
  logInToRegistry: { host: 'ghcr.io', username: 'ann', password: 'secret' },
};

function pathOf(route: Route, app: string, fake: FakePlatform): string {
  const values: Record<string, string> = {
    app,
    release: fake.ids.release,
    change: fake.ids.change,
    id: fake.ids.change,
    file: 'findings.json',
    run: 'job_01JD5Z7Q0G9V1M8XK3T2R4W6YB',
    hook: fake.ids.hook,
    host: 'ghcr.io',
    name: app,
    secret: 'news',
    token:
      fake.listTokens({ tokenId: null, name: '', teamId: fake.app('blog').teamId, rights, appIds: null })[0]?.id ?? '',
  };
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name]!);
}

/** 0 stands for the route's own success. */
function expectedStatus(route: Route, role: Role, app: 'blog' | 'foreign' | 'absent'): number {
  if (route.rights.length === 0) return 0;
  if (role.rights === null) return 401;
  if (route.rights.some((right) => !role.rights!.includes(right))) return 403;
  if (route.tenancy === 'team' && route.rights.includes('admin') && (role.isScopedHere || role.isScopedElsewhere))
    return 403;
  if (route.tenancy !== 'app') return 0;
  return app === 'blog' && !role.isForeign && !role.isScopedElsewhere ? 0 : 404;
}

type Asked = { fake: FakePlatform; api: Api; secret: string | null };

function platformFor(role: Role): Asked {
  const fake = createFakePlatform();
  const secret = role.secret(fake);
  // A token to revoke, other than the one that asks.
  fake.token('ours', []);
  const api = createApi({ platform: fake, version: '0', log: { error: (_, message) => assert.fail(message) } });
  return { fake, api, secret };
}

async function ask({ fake, api, secret }: Asked, route: Route, app: string): Promise<Response> {
  return api.app.request(pathOf(route, app, fake), {
    method: route.method.toUpperCase(),
    headers: {
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
      ...(route.body ? { 'content-type': 'application/json' } : {}),
    },
    ...(route.body ? { body: JSON.stringify(bodies[route.id]) } : {}),
  });
}

for (const [name, role] of Object.entries(roles)) {
  test(`L1: every route answers a token that is ${name} as it declares`, async () => {
    let asked = platformFor(role);
    for (const route of routes) {
      const seen: Record<string, string> = {};
      for (const app of ['foreign', 'absent', 'blog'] as const) {
        if (role.isForeign && app === 'foreign') continue;
        const where = `${route.method} ${route.path} (${app}) as ${name}`;
        const response = await ask(asked, route, app);
        const expected = expectedStatus(route, role, app);
        const text = await response.text();
        if (expected !== 0) {
          assert.equal(response.status, expected, `${where}: ${text}`);
          assert.equal(response.headers.get('content-type'), 'application/problem+json', where);
          assert.deepEqual(asked.fake.calls, [], `${where} ran a verb`);
          if (expected === 401)
            assert.equal(response.headers.get('www-authenticate'), 'Bearer, Basic realm="lockstep"');
          if (expected === 404) seen[app] = text.replaceAll(app, 'APP');
          continue;
        }
        if (name !== 'foreign owner' || route.id !== 'revokeToken') checkAnswer(route, response, text, where);
        else assert.equal(response.status, 404, where);
        // Whoever is refused changes nothing: only after an answer the next one needs a platform of its own.
        asked.fake.database.close();
        asked = platformFor(role);
      }
      assert.ok(new Set(Object.values(seen)).size <= 1, `${route.id}: a foreign app can be told from none`);
    }
    asked.fake.database.close();
  });
}

/** The answer is one that the route declares, and holds nothing that its schema does not name. */
function checkAnswer(route: Route, response: Response, text: string, where: string): void {
  const declared = route.answers[response.status];
  assert.ok(declared, `${where} answers ${response.status}, which it does not declare: ${text}`);
  if (declared.schema === null || declared.contentType) return;
  const body: unknown = JSON.parse(text);
  assert.deepEqual(declared.schema.parse(body), body, where);
}

test('L1: an unknown address is 404 and another method is 405, to everybody and without running a verb', async () => {
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
  for (const [name, role] of Object.entries(roles)) {
    const fake = createFakePlatform();
    const api = createApi({ platform: fake, version: '0', log: { error: (_, message) => assert.fail(message) } });
    const secret = role.secret(fake);
    const headers = { ...(secret === null ? {} : { authorization: `Bearer ${secret}` }) };
    const status = async (method: string, path: string): Promise<number> =>
      (await api.app.request(path, { method, headers })).status;
    for (const path of [
      '/api/v1/nothing',
      '/api/v1/apps/blog/nothing',
      '/api/v2/apps',
      '/api/v1/apps/blog/releases/x/y',
      '/api/v1/%2e%2e/x',
    ])
      for (const method of methods.slice(0, 5))
        assert.equal(await status(method, path), 404, `${method} ${path} as ${name}`);
    for (const route of routes) {
      const known = new Set(routes.filter((one) => one.path === route.path).map((one) => one.method.toUpperCase()));
      for (const method of methods) {
        if (known.has(method) || (method === 'HEAD' && known.has('GET'))) continue;
        const seen = await status(method, pathOf(route, 'blog', fake));
        assert.ok([401, 404, 405].includes(seen), `${method} ${route.path} as ${name}: ${seen}`);
      }
    }
    assert.deepEqual(fake.calls, [], name);
    fake.database.close();
  }
});

test('what a request asks for can need a further right', async () => {
  const fake = createFakePlatform();
  const api = createApi({ platform: fake, version: '0', log: { error: () => {} } });
  const get = (path: string, granted: readonly Right[]) =>
    api.app.request(path, { headers: { authorization: `Bearer ${fake.token('ours', granted)}` } });
  assert.equal((await get('/api/v1/apps/blog/config?reveal=true', ['read'])).status, 403);
  assert.deepEqual(await (await get('/api/v1/apps/blog/config', ['read'])).json(), {
    version: 1,
    entries: { SECRET_KEY: null },
  });
  assert.deepEqual(await (await get('/api/v1/apps/blog/config?reveal=true', ['read', 'config'])).json(), {
    version: 1,
    entries: { SECRET_KEY: 'hunter2' },
  });
  const rollBack = (granted: readonly Right[], withConfig: boolean) =>
    api.app.request('/api/v1/apps/blog/rollbacks', {
      method: 'POST',
      headers: { authorization: `Bearer ${fake.token('ours', granted)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ version: 1, withConfig }),
    });
  assert.equal((await rollBack(['deploy'], true)).status, 403);
  assert.equal((await rollBack(['deploy'], false)).status, 202);
  assert.equal((await rollBack(['deploy', 'config'], true)).status, 202);
  fake.database.close();
});

test('an id of another app is not there', async () => {
  const fake = createFakePlatform();
  const api = createApi({ platform: fake, version: '0', log: { error: () => {} } });
  const headers = { authorization: `Bearer ${fake.token('ours', rights)}` };
  for (const path of [`releases/${fake.ids.release}`, `changes/${fake.ids.change}`, 'releases/../..', 'changes/x']) {
    assert.equal((await api.app.request(`/api/v1/apps/shop/${path}`, { headers })).status, 404, path);
  }
  fake.database.close();
});
