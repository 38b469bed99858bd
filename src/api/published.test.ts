import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rights } from '../domain/app.ts';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';

function stage() {
  const fake = createFakePlatform();
  const api = createApi({ platform: fake, version: '0', log: { error: (_, message) => assert.fail(message) } });
  const owner = fake.token('ours', rights);
  const ask = (path: string, headers: Record<string, string> = {}, more: RequestInit = {}) =>
    api.app.request(`http://localhost${path}`, { ...more, headers });
  const asOwner = { authorization: `Bearer ${owner}` };
  return { fake, ask, asOwner };
}

const badge = '/api/v1/apps/blog/badge.svg';

test('a badge needs a token until the owner opens it, and is then the only thing that is open', async () => {
  const { fake, ask, asOwner } = stage();
  assert.equal((await ask(badge)).status, 401);
  const patch = { method: 'PATCH', body: '{"isPublic":true}' };
  const json = { 'content-type': 'application/json' };
  assert.equal((await ask('/api/v1/apps/blog/badge', json, patch)).status, 401);
  assert.equal((await ask('/api/v1/apps/blog/badge', { ...asOwner, ...json }, patch)).status, 200);
  const open = await ask(badge);
  assert.equal(open.status, 200);
  assert.equal(open.headers.get('content-type'), 'image/svg+xml');
  assert.match(String(open.headers.get('content-security-policy')), /default-src 'none'/);
  assert.match(await open.text(), /^<svg /);
  const etag = String(open.headers.get('etag'));
  const again = await ask(badge, { 'if-none-match': etag });
  assert.deepEqual([again.status, await again.text()], [304, '']);
  assert.equal((await ask(`${badge}?metric=coverage`)).status, 200);
  assert.equal((await ask(`${badge}?metric=secrets`)).status, 400);
  for (const path of ['badge', 'status', 'quality', 'changes', 'config'])
    assert.equal((await ask(`/api/v1/apps/blog/${path}`)).status, 401, path);
  for (const name of ['shop', 'foreign', 'nothing', '..', 'x%2fy'])
    assert.equal((await ask(`/api/v1/apps/${name}/badge.svg`)).status, name === '..' ? 404 : 401, name);
  assert.equal((await ask(badge, { authorization: 'Bearer lst_wrong' })).status, 401, 'a wrong token is none');
  fake.setBadgePublic({} as never, fake.app('blog'), false);
  assert.equal((await ask(badge)).status, 401);
});

test('a report is reached by its whole path, keeps its sandbox, and is nobody’s without a token', async () => {
  const { fake, ask, asOwner } = stage();
  const reports = `/api/v1/apps/blog/changes/${fake.ids.change}/reports`;
  assert.equal((await ask(`${reports}/findings.json`)).status, 401);
  const report = await ask(`${reports}/findings.json`, asOwner);
  assert.deepEqual([report.status, await report.text()], [200, '{}\n']);
  assert.equal(report.headers.get('content-security-policy'), 'sandbox');
  assert.equal(report.headers.get('x-content-type-options'), 'nosniff');
  assert.equal((await ask(`${reports}/tests/junit.xml`, asOwner)).status, 404);
  assert.deepEqual(await (await ask(reports, asOwner)).json(), { items: [{ path: 'findings.json', bytes: 3 }] });
  const other = `/api/v1/apps/blog/changes/chg_00000000000000000000000000/reports`;
  for (const path of [other, `${other}/findings.json`]) assert.equal((await ask(path, asOwner)).status, 404);
});
