import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CollectedFile } from '../domain/collected.ts';
import { isFailure } from '../domain/errors.ts';
import type { AppId, Digest } from '../domain/ids.ts';
import { answerFile, type FileRequest } from './answer-file.ts';
import { mediaType } from './media-types.ts';
import { isPlainPath, Pack, packName, writePack } from './pack.ts';
import { DocsServer, docsNameOf } from './serve-docs.ts';
import { openShelf, type Shelf } from './shelf.ts';
import { sitesOf } from './sites.ts';

const top = mkdtempSync(join(tmpdir(), 'lockstep-published-'));
const shelves: Shelf[] = [];
const open = (root: string): Shelf => {
  const shelf = openShelf(root);
  shelves.push(shelf);
  return shelf;
};
after(() => {
  for (const shelf of shelves) shelf.close();
  rmSync(top, { recursive: true, force: true });
});
let folders = 0;
const folder = (): string => join(top, String(++folders));
const app = 'app_00000000000000000000000000' as AppId;

async function* files(texts: Record<string, string>): AsyncGenerator<CollectedFile> {
  for (const [path, text] of Object.entries(texts))
    yield { path, size: Buffer.byteLength(text), content: chunks(text) };
}
async function* chunks(text: string): AsyncGenerator<Buffer> {
  for (let at = 0; at < text.length; at += 1000) yield Buffer.from(text.slice(at, at + 1000));
}

const large = 'x'.repeat(300_000);

test('a pack holds every file as it came, and its name depends on paths and contents alone', async () => {
  const place = folder();
  const one = await writePack(place, files({ 'index.html': 'home', 'a/b.css': large, empty: '' }));
  const other = await writePack(place, files({ empty: '', 'a/b.css': large, 'index.html': 'home' }));
  assert.deepEqual(one, other);
  assert.equal(one.files, 3);
  assert.equal(one.bytes, 300_004);
  assert.equal(one.hasIndex, true);
  assert.deepEqual(readdirSync(place), [packName(one.digest)]);
  const changed = await writePack(place, files({ 'index.html': 'hole', 'a/b.css': large, empty: '' }));
  const moved = await writePack(place, files({ 'index.htm': 'home', 'a/b.css': large, empty: '' }));
  assert.equal(new Set([one.digest, changed.digest, moved.digest]).size, 3);
  const pack = (await Pack.open(join(place, packName(one.digest))))!;
  assert.equal(await pack.text('a/b.css'), large);
  assert.equal(await pack.text('empty'), '');
  assert.equal(await pack.text('nothing'), null);
  const middle: Buffer[] = [];
  for await (const chunk of pack.read(pack.files.get('index.html')!, 1, 3)) middle.push(chunk);
  assert.equal(Buffer.concat(middle).toString(), 'om');
  pack.letGo();
});

test('a folder beyond a limit, a path that leads out of it, or a size that is not so leaves nothing behind', async () => {
  const place = folder();
  const limits = { files: 2, totalBytes: 10, pathBytes: 100 };
  await assert.rejects(writePack(place, files({ a: '', b: '', c: '' }), limits), (e) => isFailure(e, 'too-large'));
  await assert.rejects(writePack(place, files({ a: '0123456789x' }), limits), (e) => isFailure(e, 'too-large'));
  for (const path of ['../a', '/a', 'a//b', 'a/./b', 'a/../b', '', 'a\\b', 'a\u0000', 'a\n'])
    await assert.rejects(writePack(place, files({ [path]: '' })), /no plain path/, path);
  const lies = (async function* () {
    yield { path: 'a', size: 5, content: chunks('four') };
  })();
  await assert.rejects(writePack(place, lies), /not of the size/);
  assert.deepEqual(readdirSync(place), []);
});

test('a pack that was cut or changed on the disk is refused, wherever it was', async () => {
  const place = folder();
  const { digest } = await writePack(place, files({ 'index.html': 'home' }));
  const path = join(place, packName(digest));
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 7) {
    truncateSync(path, length);
    await assert.rejects(Pack.open(path), /damaged/, `${length} bytes`);
    writeFileSync(path, whole);
  }
  const turned = Buffer.from(whole);
  const at = whole.length - 40; // in its table
  turned[at] = turned[at]! ^ 1;
  writeFileSync(path, turned);
  await assert.rejects(Pack.open(path), /not whole/);
  assert.equal(await Pack.open(join(place, 'nothing')), null);
});

test('the shelf drops what nobody names once it has lain there for an hour, and what was destroyed at once', async () => {
  const root = folder();
  const shelf = open(root);
  const [one, two, three] = [
    await shelf.put(app, files({ a: '1' })),
    await shelf.put(app, files({ a: '2' })),
    await shelf.put(app, files({ a: '3' })),
  ];
  const old = new Date(Date.now() - 2 * 3_600_000);
  for (const { digest } of [one, two]) utimesSync(join(root, app, packName(digest)), old, old);
  const held = (await shelf.hold(app, two.digest))!;
  assert.ok((await shelf.collect(app, new Set([one.digest]))).bytesFreed > 0);
  assert.deepEqual(await Promise.all([one, two, three].map(({ digest }) => shelf.has(app, digest))), [
    true,
    false,
    true,
  ]);
  assert.equal(await held.text('a'), '2', 'who reads reads on');
  held.letGo();
  assert.equal(await shelf.hold(app, two.digest), null);
  await shelf.put(app, files({ a: '1' }));
  assert.equal((await shelf.collect(app, new Set())).bytesFreed, 0, 'what is put again is new');
  assert.deepEqual(await shelf.apps(), [app]);
  await shelf.forget(app);
  assert.equal(existsSync(join(root, app)), false);
});

test('more packs are read than are kept open', async () => {
  const shelf = open(folder());
  const put = await Promise.all(Array.from({ length: 40 }, (_, at) => shelf.put(app, files({ a: `${at}` }))));
  const read = async (digest: Digest) => {
    const pack = (await shelf.hold(app, digest))!;
    const text = await pack.text('a');
    pack.letGo();
    return text;
  };
  const texts = await Promise.all([...put, ...put.toReversed()].map(({ digest }) => read(digest)));
  assert.deepEqual(
    texts.slice(0, 40),
    Array.from({ length: 40 }, (_, at) => `${at}`),
  );
});

test('each documentation gets a place of its own, the first of the top "/"', () => {
  const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;
  const check = (name: string, letter: string | null) => ({
    name,
    ...(letter === null ? {} : { kept: { docs: { digest: digest(letter), files: 1, bytes: 1 } } }),
  });
  const places = (...checks: ReturnType<typeof check>[]) => sitesOf(checks).map(({ at }) => at);
  assert.deepEqual(places(check('style', null), check('docs', 'a')), ['/']);
  assert.deepEqual(places(check('docs (services/api)', 'a'), check('docs', 'b')), ['/services/api/', '/']);
  assert.deepEqual(places(check('docs', 'a'), check('api docs', 'b'), check('api docs', 'c')), [
    '/',
    '/api-docs/',
    '/api-docs-2/',
  ]);
  assert.deepEqual(places(check('docs (../..)', 'a'), check('docs (a b/<x>)', 'b')), ['/x/x/', '/a-b/x/']);
  assert.deepEqual(places(check('style', null)), []);
  const below = (path: string | null) =>
    sitesOf([check('docs', 'a'), check('docs (web)', 'b')], path).map(({ at }) => at);
  assert.deepEqual(below('/manual/v1'), ['/manual/v1/', '/manual/v1/web/']);
  assert.deepEqual([below('/'), below(null)], [['/', '/web/'], []]);
});

test('a path in a pack is plain', () => {
  for (const path of ['a', 'a/b.html', 'a b', '.nojekyll', '…']) assert.equal(isPlainPath(path), true, path);
  for (const path of ['', '/', '/a', 'a/', '..', 'a/..', './a', 'a\\b', 'a\tb'])
    assert.equal(isPlainPath(path), false, path);
});

const table = new Map(
  ['index.html', 'guide/index.html', 'a.css', '%41.html', 'a b.html'].map((path, at) => [
    path,
    { offset: at * 10, size: 10, sha256: `${at}`.repeat(64) },
  ]),
);
const asked = (more: Partial<FileRequest>): FileRequest => ({
  ...{ method: 'GET', path: '', ifNoneMatch: null, range: null, ifRange: null },
  ...more,
});
const answered = (more: Partial<FileRequest>) => answerFile(table, asked(more), {});

test('a request finds the file that its path names, an index in a folder, and nothing outside of the pack', () => {
  const found = (path: string) => answered({ path })?.headers.etag?.[1] ?? null;
  assert.equal(found(''), '0');
  assert.equal(found('index.html'), '0');
  assert.equal(found('guide/'), '1');
  assert.equal(found('%2541.html'), '3');
  assert.equal(found('a%20b.html'), '4');
  assert.deepEqual(answered({ path: 'guide' })?.headers.location, 'guide/');
  for (const path of [
    'nothing',
    '../index.html',
    '..%2findex.html',
    '%2e%2e/a.css',
    'guide/../a.css',
    './a.css',
    '%00',
    '%',
    '%ff',
    'A.css',
    'guide//',
    '/etc/passwd',
  ])
    assert.equal(answered({ path }), null, path);
});

test('conditions and ranges are answered as RFC 9110 says', () => {
  const etag = `"${'0'.repeat(32)}"`;
  const check = (more: Partial<FileRequest>, status: number, bytes: [number, number] | null) => {
    const answer = answered(more)!;
    assert.equal(answer.status, status, JSON.stringify(more));
    const { body } = answer;
    assert.deepEqual(body && 'file' in body ? [body.from, body.to] : null, bytes, JSON.stringify(more));
    if (bytes !== null) assert.equal(answer.headers['content-length'], String(bytes[1] - bytes[0]));
  };
  check({}, 200, [0, 10]);
  check({ method: 'HEAD' }, 200, null);
  for (const ifNoneMatch of [etag, `W/${etag}`, `"x", ${etag}`, '*']) check({ ifNoneMatch }, 304, null);
  for (const ifNoneMatch of ['"x"', '', 'x'.repeat(5000)]) check({ ifNoneMatch }, 200, [0, 10]);
  check({ range: 'bytes=0-3' }, 206, [0, 4]);
  check({ range: 'bytes=4-' }, 206, [4, 10]);
  check({ range: 'bytes=-3' }, 206, [7, 10]);
  check({ range: 'bytes=-300' }, 206, [0, 10]);
  check({ range: 'bytes=9-300' }, 206, [9, 10]);
  for (const range of ['bytes=10-', 'bytes=-0']) check({ range }, 416, null);
  for (const range of ['bytes=', 'bytes=-', 'bytes=5-4', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=0-9999999999999999'])
    check({ range }, 200, [0, 10]);
  check({ range: 'bytes=0-3', ifRange: etag }, 206, [0, 4]);
  check({ range: 'bytes=0-3', ifRange: '"old"' }, 200, [0, 10]);
  assert.equal(answered({ range: 'bytes=0-3' })?.headers['content-range'], 'bytes 0-3/10');
  assert.equal(answered({ range: 'bytes=10-' })?.headers['content-range'], 'bytes */10');
});

test('a file has the type of its name, and one that is not known is bytes', () => {
  const types = ['a.html', 'A.HTML', 'a.js', 'a.woff2', 'a.exe', 'a', 'a.constructor', 'x.html.gz'].map(mediaType);
  const html = 'text/html; charset=utf-8';
  const bytes = 'application/octet-stream';
  assert.deepEqual(types, [html, html, 'text/javascript; charset=utf-8', 'font/woff2', bytes, bytes, bytes, bytes]);
});

test('only a host of documentation is one', () => {
  const hosts = ['docs--blog.localhost', 'DOCS--Blog.localhost:8080', 'docs--a-b.1.2.3.4.sslip.io'];
  assert.deepEqual(hosts.map(docsNameOf), ['blog', 'blog', 'a-b']);
  for (const host of [
    undefined,
    '',
    'blog.localhost',
    'docs.localhost',
    'docs--.localhost',
    'x-docs--blog.localhost',
    'docs--blog',
    'docs--a_b.x',
  ])
    assert.equal(docsNameOf(host), null, String(host));
});

test('the documentation of what is live is served, sandboxed and without cookies; its own page says what is not there', async () => {
  const shelf = open(folder());
  const one = await shelf.put(app, files({ 'index.html': '<p>one', 'search.js': 'go()', '404.html': '<p>lost' }));
  const two = await shelf.put(app, files({ 'index.html': '<p>two' }));
  let sites = [{ at: '/', digest: one.digest }];
  const server = new DocsServer({
    shelf,
    docsOf: (name) => (name === 'blog' ? { appId: app, sites } : null),
    log: (message) => assert.fail(message),
  });
  const http = createServer((incoming, response) => void server.answer('blog', incoming, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as { port: number };
  const get = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const asking = request({ port, host: '127.0.0.1', path, method, headers }, async (answer) => {
        let body = '';
        for await (const chunk of answer) body += String(chunk);
        resolve({ status: answer.statusCode!, headers: answer.headers, body });
      });
      asking.on('error', reject).end();
    });
  try {
    const page = await get('/');
    assert.equal(page.body, '<p>one');
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /^sandbox allow-scripts/);
    assert.doesNotMatch(policy, /allow-same-origin/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.equal(page.headers['set-cookie'], undefined);
    assert.equal((await get('/?q=x')).body, '<p>one');
    assert.equal((await get('/', 'GET', { 'if-none-match': String(page.headers.etag) })).status, 304);
    assert.deepEqual([(await get('/nothing')).status, (await get('/nothing')).body], [404, '<p>lost']);
    for (const path of ['/../index.html', '/..%2f..%2fetc/passwd', '//etc/passwd', '/%2e%2e/x', '/%00', '/%'])
      assert.equal((await get(path)).status, 404, path);
    for (const method of ['POST', 'DELETE', 'OPTIONS']) assert.equal((await get('/', method)).status, 405);
    assert.equal((await get('/', 'HEAD')).headers['content-length'], '6');

    sites = [{ at: '/api/', digest: two.digest }];
    assert.match((await get('/')).body, /<a href="\/api\/">/);
    assert.equal((await get('/api/')).body, '<p>two');
    assert.equal((await get('/api')).headers.location, '/api/');
    assert.equal((await get('/apix')).status, 404);
    sites = [
      { at: '/', digest: one.digest },
      { at: '/api/', digest: two.digest },
    ];
    assert.equal((await get('/api/index.html')).body, '<p>two');
    assert.equal((await get('/index.html')).body, '<p>one');

    sites = [{ at: '/', digest: `sha256:${'0'.repeat(64)}` as Digest }];
    assert.match((await get('/')).body, /not kept any more/);
    sites = [];
    assert.deepEqual([(await get('/')).status, (await get('/')).body], [404, 'What is live has no documentation.\n']);
  } finally {
    http.closeAllConnections();
    http.close();
  }
});
