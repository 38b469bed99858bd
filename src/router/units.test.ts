// What needs no socket: hosts, headers, snapshots, percentiles.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientHeaders, framingOf, requestIdOf, upstreamHeaders, valuesOf } from './headers.ts';
import { escapeHtml, type LCode, lAnswer, lCodes } from './l-codes.ts';
import { limitRate } from './log-rate.ts';
import { normaliseHost, routeTable } from './match.ts';
import { createRoutes } from './routes.ts';
import { parseSnapshot } from './snapshot-parse.ts';
import { createStats } from './stats.ts';
import { routeOf, snapshotOf } from './test-router.ts';

const at = (instanceId: string, port = 5000, host = '127.0.0.1') => ({ instanceId, host, port }) as never;

test('a host is compared in one form', () => {
  const check = (header: string, expected: string | null) => assert.equal(normaliseHost(header), expected, header);
  check('blog.localhost', 'blog.localhost');
  check('BLOG.Localhost:8080', 'blog.localhost');
  check('blog.localhost.', 'blog.localhost');
  check('blog.localhost.:8080', 'blog.localhost');
  check('blog.localhost:', 'blog.localhost');
  check('127.0.0.1:8080', '127.0.0.1');
  check('[::1]:8080', '[::1]');
  check('[0:0:0:0:0:0:0:1]', '[::1]');
  check('[::FFFF:127.0.0.1]', '[::ffff:7f00:1]');
  for (const bad of [
    '',
    ':80',
    '.',
    'a b',
    'a/b',
    'a@b',
    '[::1',
    '[zz]',
    '::1',
    'a:80:80',
    'a:123456',
    'b\u00e4r',
    `${'a'.repeat(254)}`,
  ])
    if (bad !== '.') check(bad, null);
});

test('hop-by-hop headers and those that Connection names stay behind', () => {
  const raw = [
    'Host',
    'x',
    'Connection',
    'close, X-Secret, Content-Length',
    'X-Secret',
    '1',
    'Keep-Alive',
    '5',
    'TE',
    'trailers',
  ];
  raw.push(
    'Transfer-Encoding',
    'chunked',
    'Upgrade',
    'h2c',
    'Proxy',
    'http://evil',
    'Expect',
    '100-continue',
    'Accept',
    '*/*',
  );
  const origin = {
    host: 'blog.localhost:8080',
    clientAddress: '::ffff:10.0.0.9',
    proto: 'http',
    requestId: 'r1',
    body: 3,
    upgrade: null,
  };
  const sent = upstreamHeaders(raw, origin as never);
  const names = sent.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  for (const gone of ['connection', 'x-secret', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'proxy', 'expect'])
    assert.ok(!names.includes(gone), gone);
  assert.deepEqual(valuesOf(sent, 'accept'), ['*/*']);
  assert.deepEqual(valuesOf(sent, 'content-length'), ['3']);
});

test('what a stranger says about where the request came from is replaced, in every spelling', () => {
  const raw = [
    'X-Forwarded-For',
    '6.6.6.6',
    'X_Forwarded_For',
    '6.6.6.6',
    'x-forwarded-anything',
    'y',
    'Forwarded',
    'for=6.6.6.6',
  ];
  raw.push('X-Real-IP', '6.6.6.6', 'X-Lockstep-Release', 'v9', 'X-Request-Id', 'old');
  const origin = {
    host: 'blog.localhost:8080',
    clientAddress: '2001:db8::1',
    proto: 'http',
    requestId: 'new',
    body: null,
    upgrade: null,
  };
  const sent = upstreamHeaders(raw, origin as never);
  assert.ok(!sent.join('\n').includes('6.6.6.6'));
  assert.deepEqual(valuesOf(sent, 'x-forwarded-for'), ['2001:db8::1']);
  assert.deepEqual(valuesOf(sent, 'x-forwarded-host'), ['blog.localhost:8080']);
  assert.deepEqual(valuesOf(sent, 'x-forwarded-port'), ['8080']);
  assert.deepEqual(valuesOf(sent, 'x-forwarded-proto'), ['http']);
  assert.deepEqual(valuesOf(sent, 'forwarded'), ['for="[2001:db8::1]";host="blog.localhost:8080";proto=http']);
  assert.deepEqual(valuesOf(sent, 'x-request-id'), ['new']);
  assert.deepEqual(valuesOf(sent, 'x-lockstep-release'), []);
  assert.deepEqual(
    valuesOf(upstreamHeaders([], { ...origin, host: 'a.b', upgrade: null } as never), 'x-forwarded-port'),
    ['80'],
  );
});

test('an app cannot say what only the router says, and cookies keep their number', () => {
  const raw = [
    'x-lockstep-release',
    'v99',
    'X-Request-Id',
    'theirs',
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
    'Connection',
    'set-cookie',
  ];
  const sent = clientHeaders(raw, { release: 'v2', requestId: 'r' });
  assert.deepEqual(valuesOf(sent, 'x-lockstep-release'), ['v2']);
  assert.deepEqual(valuesOf(sent, 'x-request-id'), ['r']);
  assert.deepEqual(valuesOf(sent, 'set-cookie'), ['a=1', 'b=2']);
  assert.deepEqual(valuesOf(clientHeaders([], { release: null, requestId: 'r' }), 'x-lockstep-release'), ['none']);
});

test('a body is framed in one way or refused', () => {
  assert.equal(framingOf('GET', undefined, undefined), null);
  assert.equal(framingOf('POST', undefined, undefined), 0);
  assert.equal(framingOf('GET', '3', undefined), 3);
  assert.equal(framingOf('POST', undefined, 'Chunked'), 'chunked');
  assert.equal(framingOf('POST', undefined, 'gzip, chunked'), undefined);
  assert.equal(framingOf('POST', '3', 'chunked'), undefined);
  assert.equal(framingOf('POST', '+3', undefined), undefined);
});

test('a request id of harmless form is kept, any other is replaced', () => {
  assert.equal(
    requestIdOf('abc-1.2_3', () => 'fresh'),
    'abc-1.2_3',
  );
  for (const bad of [undefined, '', 'a b', '<script>', 'a'.repeat(129), ['a', 'b']])
    assert.equal(
      requestIdOf(bad, () => 'fresh'),
      'fresh',
    );
});

test('every answer of ours is HTML for a browser, JSON for a program that asks for it, else text', () => {
  for (const code of Object.keys(lCodes) as LCode[]) {
    const about = { release: null, requestId: 'r1' };
    const html = lAnswer(code, { ...about, accept: 'text/html,*/*' });
    assert.match(html.body, /^<!doctype html>.*<p>L\d\d, request r1<\/p><\/html>\n$/);
    assert.equal(JSON.parse(lAnswer(code, { ...about, accept: 'application/json' }).body).code, code);
    assert.equal(JSON.parse(lAnswer(code, { ...about, accept: 'application/problem+json' }).body).status, html.status);
    assert.ok(lAnswer(code, { ...about, accept: '*/*' }).body.endsWith(`${code}, request r1\n`));
    assert.deepEqual(valuesOf(html.headers, 'x-lockstep-code'), [code]);
    if (html.status === 503 && code !== 'L06') assert.equal(valuesOf(html.headers, 'retry-after').length, 1, code);
  }
  assert.equal(escapeHtml(`<a href="x">'&`), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;');
});

test('a snapshot is checked whole, and each thing that is wrong is named', () => {
  const good = () => structuredClone(snapshotOf(1, [routeOf({ upstreams: [at('a')] })]));
  assert.deepEqual(parseSnapshot(good()), good());
  const check = (expected: RegExp, path: string, value: unknown) =>
    assert.throws(() => parseSnapshot(withValue(good(), path, value)), { code: 'bad-request', message: expected });
  check(/protocol 2 is not spoken/, 'protocol', 2);
  check(/generation is not a whole number/, 'generation', -1);
  check(/unknown key routez/, 'routez', []);
  check(/routes is not a list/, 'routes', {});
  check(/platformHosts is not a list/, 'platformHosts', 'x');
  check(/routes\[0\] is not an object/, 'routes.0', null);
  check(/routes\[0\]\.state is not one of/, 'routes.0.state', 'up');
  check(/routes\[0\] is serving with no upstream/, 'routes.0.upstreams', []);
  check(/host is not an IP address/, 'routes.0.upstreams.0.host', 'localhost');
  check(/port is not a port/, 'routes.0.upstreams.0.port', 65_536);
  check(/instanceId: a is there twice/, 'routes.0.upstreams.1', at('a'));
  check(/hosts\[0\]: 127.0.0.1 is there twice/, 'routes.0.hosts', ['127.0.0.1']);
  for (const host of ['Blog.localhost', 'blog.localhost.', 'blog:80', '[::0:1]', '', 5])
    check(/not a host in its normal form/, 'routes.0.hosts', [host]);
  check(/releaseLabel cannot be the value of a header/, 'routes.0.releaseLabel', 'v1\r\nx: y');
  check(/concurrency is not 1 or more/, 'routes.0.concurrency', 0);
  check(/appId: app_blog is there twice/, 'routes.1', routeOf({ hosts: [] }));
  check(/appId is not a text/, 'routes.0.appId', '');
  for (const none of [null, 1, 'x', []]) assert.throws(() => parseSnapshot(none), { code: 'bad-request' });
});

/** `object` with the value at `path` ("routes.0.state") replaced. */
function withValue(object: object, path: string, value: unknown): object {
  const keys = path.split('.');
  const last = keys.pop()!;
  const inner = keys.reduce<object>((one, key) => Reflect.get(one, key), object);
  Reflect.set(inner, last, value);
  return object;
}

test('an older table is refused, the same one again is fine, another of the same number is not', () => {
  const routes = createRoutes(snapshotOf(5, []));
  assert.throws(() => routes.swap(snapshotOf(4, [])), { code: 'conflict' });
  assert.throws(() => routes.swap(snapshotOf(5, [routeOf({})])), { code: 'conflict' });
  routes.swap(snapshotOf(5, []));
  routes.swap(snapshotOf(6, [routeOf({})]));
  assert.equal(routes.generation, 6);
  assert.equal(routes.table?.find('blog.localhost').kind, 'app');
  assert.equal(routeTable(snapshotOf(1, [])).find('__proto__').kind, 'unknown');
});

test('percentiles come from a histogram of fixed size, right within a tenth', () => {
  const stats = createStats();
  for (let ms = 1; ms <= 1000; ms += 1)
    stats.answered('a', ms % 10 === 0 ? 503 : 200, ms, ms % 10 === 0 ? 'L15' : null);
  stats.answered('b', 200, 1e9, null);
  stats.answered('b', 200, 0, null);
  const { a, b } = stats.report(7).apps;
  assert.ok(Math.abs(a!.p50Ms - 500) <= 50, String(a!.p50Ms));
  assert.ok(Math.abs(a!.p99Ms - 990) <= 99, String(a!.p99Ms));
  assert.deepEqual(a!.byClass, { '2xx': 900, '5xx': 100 });
  assert.deepEqual(a!.byLCode, { L15: 100 });
  assert.ok(b!.p50Ms <= 0.05);
});

test('an app that has left the table is forgotten once nothing of it is in flight', () => {
  const stats = createStats();
  stats.came('gone', 1);
  const end = stats.begin('gone');
  stats.forget(new Set());
  assert.equal(stats.inFlightOfApp('gone'), 1);
  end();
  end();
  assert.equal(stats.inFlightOfApp('gone'), 0);
  stats.forget(new Set());
  assert.deepEqual(stats.report(1).apps, {});
});

test('log lines are bounded in number, and what is left out is counted', () => {
  const lines: { at: number; leftOut?: number }[] = [];
  let now = 0;
  const log = limitRate<{ at: number }>(
    2,
    () => now,
    (line) => lines.push(line),
  );
  for (const at of [0, 1, 2, 999, 1000, 1001]) {
    now = at;
    log({ at });
  }
  assert.deepEqual(lines, [{ at: 0 }, { at: 1 }, { at: 1000, leftOut: 2 }, { at: 1001 }]);
});
