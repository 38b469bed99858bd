import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { anyText, fc, holds } from '../../../test/support/fuzz.ts';
import { pemOf, selfSigned } from './certificate.ts';
import { readOwnNotice } from './own-notices.ts';
import { parseScopes, registryRequest, scopeText } from './scopes.ts';
import { isPullPassword, pullPassword, type RegistryToken, readToken, writeToken } from './tokens.ts';

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
  ['POST', '/v2/token', 'nothing'],
  ['POST', '/v2/_notices', 'notice'],
  ['GET', '/v2/_notices', 'nothing'],
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

function issuer() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = selfSigned(privateKey, 'tests', Date.now());
  return { privateKey, publicKey, certificate: certificate.toString('base64'), pem: pemOf(certificate) };
}

test('a token is read by who signed it, until it ends, and as it was signed', () => {
  const mine = issuer();
  const token: RegistryToken = {
    ...{ subject: 'tok_1', access: [{ name: 'web', actions: ['pull'] }], endsAtMs: 10_000 },
  };
  const text = writeToken(mine, token, 1000);
  assert.deepEqual(readToken(mine, text, 9999), token);
  assert.equal(readToken(mine, text, 10_000), null);
  assert.equal(readToken(issuer(), text, 0), null);
  const [head, claims, signature] = text.split('.');
  const coded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const said = JSON.parse(Buffer.from(claims!, 'base64url').toString('utf8'));
  const forged = [
    `${head}.${coded({ ...said, exp: 9e9 })}.${signature}`,
    `${coded({ typ: 'JWT', alg: 'none' })}.${claims}.`,
    `${coded({ typ: 'JWT', alg: 'HS256' })}.${claims}.${signature}`,
    // Another's key, and its own certificate beside it.
    writeToken(issuer(), token, 1000),
    ...['', '.', 'a.b', 'a.b.c', '..', `${text}.x`, text.slice(0, -4)],
  ];
  for (const bad of forged) assert.equal(readToken(mine, bad, 0), null, bad);
  holds(fc.string({ maxLength: 100 }), 500, (bad) => assert.equal(readToken(mine, bad, 0), null));
});

test('the certificate is X.509 as others read it, of the key and by it', () => {
  const { pem, privateKey, publicKey } = issuer();
  const read = new X509Certificate(pem);
  assert.ok(read.verify(publicKey) && read.checkPrivateKey(privateKey) && read.ca);
  assert.ok(read.publicKey.equals(createPublicKey(privateKey)));
  assert.equal(read.subject, 'CN=tests');
  assert.ok(
    read.validFromDate.getTime() < Date.now() && read.validToDate.getTime() > Date.now() + 10 * 365 * 86_400_000,
  );
});

test('of the registry’s own notices only tags that were pushed count', () => {
  const event = (action: string, target: object, actor: object = { name: 'tok_1' }) => ({ action, target, actor });
  const read = (...events: object[]) => readOwnNotice(Buffer.from(JSON.stringify({ events })));
  assert.deepEqual(
    read(
      event('push', { repository: 'web/api', tag: 'latest', digest }),
      event('push', { repository: 'web', digest }),
      event('pull', { repository: 'web', tag: 'latest' }),
      event('push', { repository: '../web', tag: 'latest' }),
      event('push', { repository: 'web', tag: 'a/b' }),
      { action: 'push' },
    ),
    [{ repository: 'web/api', tag: 'latest', subject: 'tok_1' }],
  );
  for (const bad of ['', '{}', '[]', '{"events":{}}', '\xff'])
    assert.equal(readOwnNotice(Buffer.from(bad, 'latin1')), null);
  holds(fc.json(), 500, (text) => void readOwnNotice(Buffer.from(text)));
});

test('the engine’s password is for one app', () => {
  const key = randomBytes(32);
  assert.ok(isPullPassword(key, 'app_1', pullPassword(key, 'app_1')));
  assert.ok(!isPullPassword(key, 'app_2', pullPassword(key, 'app_1')));
  assert.ok(!isPullPassword(key, 'app_1', ''));
});
