import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { anyText, fc, holds } from '../../../test/support/fuzz.ts';
import { isPullPassword, pullPassword, readPass, writePass } from './passes.ts';
import { parseScopes, registryRequest, scopeText } from './scopes.ts';

const digest = `sha256:${'0a'.repeat(32)}`;
const said = (method: string, url: string): string => {
  const request = registryRequest(method, url);
  if (request === null) return 'nothing';
  if (request.kind !== 'repository') return request.kind;
  const { name, app, action, tag, from } = request;
  return [
    action,
    name,
    ...(app === name ? [] : [`of ${app}`]),
    ...(tag ? [`sets ${tag}`] : []),
    ...(from ? [`from ${from}`] : []),
  ].join(' ');
};

const cases: [string, string, string][] = [
  ['GET', '/v2/', 'base'],
  ['GET', '/v2', 'base'],
  ['POST', '/v2/', 'nothing'],
  ['GET', '/v2/token?service=lockstep&scope=repository:web:pull', 'token'],
  ['GET', '/v2/web/manifests/latest', 'pull web'],
  ['HEAD', `/v2/web/manifests/${digest}`, 'pull web'],
  ['PUT', '/v2/web/manifests/latest', 'push web sets latest'],
  ['PUT', `/v2/web/manifests/${digest}`, 'push web'],
  ['DELETE', `/v2/web/manifests/${digest}`, 'delete web'],
  ['GET', '/v2/web/api/tags/list?n=5', 'pull web/api of web'],
  ['GET', `/v2/web/blobs/${digest}`, 'pull web'],
  ['POST', '/v2/web/blobs/uploads/', 'push web'],
  ['POST', `/v2/web/blobs/uploads/?mount=${digest}&from=other`, 'push web from other'],
  ['PATCH', '/v2/web/blobs/uploads/6b3c-1?_state=ab_-%3D', 'push web'],
  ['GET', '/v2/web/blobs/uploads/6b3c-1', 'push web'],
  ['DELETE', '/v2/web/blobs/uploads/6b3c-1', 'push web'],
  ['GET', '/v2/_catalog', 'nothing'],
  ['GET', '/v2/../web/manifests/latest', 'nothing'],
  ['GET', '/v2/web/manifests/../x', 'nothing'],
  ['GET', '/v2/web%2f..%2fother/manifests/latest', 'nothing'],
  ['GET', '/v2/Web/manifests/latest', 'nothing'],
  ['GET', '/v2/web/manifests/', 'nothing'],
  ['GET', '/v2/web/blobs/x', 'nothing'],
  ['GET', '/v2/web/blobs/uploads/a/b', 'nothing'],
  ['POST', '/v2/web/blobs/uploads/?from=../x', 'nothing'],
  ['PROPFIND', '/v2/web/manifests/latest', 'nothing'],
  ['GET', '/v2//manifests/latest', 'nothing'],
  ['GET', '/', 'nothing'],
];
for (const [method, url, expected] of cases)
  test(`${method} ${url.slice(0, 60)} is ${expected}`, () => assert.equal(said(method, url), expected));

test('whatever address comes, what is let through stays within one repository of one app', () => {
  const words = [
    '/v2/',
    'web',
    '/manifests/',
    '/blobs/',
    'uploads',
    '/',
    '..',
    '%2e',
    '%2f',
    digest,
    'latest',
    '?',
    'from=',
    '\\',
    '//',
    '@',
  ];
  holds(anyText(words, 10), 4000, (text) => {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
      const request = registryRequest(method, `/v2/${text}`);
      if (request?.kind !== 'repository') continue;
      assert.match(request.name, /^[a-z0-9][a-z0-9._/-]*$/);
      assert.ok(
        !request.name.includes('..') && (request.name === request.app || request.name.startsWith(`${request.app}/`)),
      );
    }
  });
});

test('scopes are read as they are asked, and what is of another form is none', () => {
  assert.deepEqual(parseScopes(['repository:web:pull,push', 'repository:web/api:pull repository:b:*']), [
    { name: 'web', actions: ['pull', 'push'] },
    { name: 'web/api', actions: ['pull'] },
    { name: 'b', actions: ['pull', 'push', 'delete'] },
  ]);
  assert.deepEqual(parseScopes(['registry:catalog:*', 'repository:../x:pull', 'repository:Web:pull', 'x', '']), []);
  assert.equal(parseScopes(Array.from({ length: 100 }, () => 'repository:web:pull')).length, 20);
  assert.deepEqual(parseScopes([scopeText('web', 'push')]), [{ name: 'web', actions: ['pull', 'push'] }]);
});

test('a pass is read by who wrote it, until it ends, and as it was written', () => {
  const key = randomBytes(32);
  const pass = { of: { tokenId: 'tok_1' }, access: [{ name: 'web', actions: ['pull'] as const }], endsAtMs: 1000 };
  const text = writePass(key, pass);
  assert.deepEqual(readPass(key, text, 999), pass);
  assert.equal(readPass(key, text, 1000), null);
  assert.equal(readPass(randomBytes(32), text, 0), null);
  const [, mac] = text.split('.');
  const other = Buffer.from(JSON.stringify({ ...pass, endsAtMs: 1e15 })).toString('base64url');
  assert.equal(readPass(key, `${other}.${mac}`, 0), null);
  for (const bad of ['', '.', 'a.b', `${text}.x`, `${text}x`]) assert.equal(readPass(key, bad, 0), null, bad);
  holds(fc.string({ maxLength: 100 }), 500, (bad) => assert.equal(readPass(key, bad, 0), null));
});

test('the engine’s password is for one app', () => {
  const key = randomBytes(32);
  assert.ok(isPullPassword(key, 'app_1', pullPassword(key, 'app_1')));
  assert.ok(!isPullPassword(key, 'app_2', pullPassword(key, 'app_1')));
  assert.ok(!isPullPassword(key, 'app_1', ''));
});
