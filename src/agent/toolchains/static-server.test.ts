import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-static-'));
const site = join(scratch, 'site');
let child: ChildProcess;
let port = 0;

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: string };

/** A request whose path is sent as it is. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

before(async () => {
  mkdirSync(join(site, 'docs/empty'), { recursive: true });
  mkdirSync(join(site, '.well-known'));
  writeFileSync(join(site, 'index.html'), '<h1>home</h1>');
  writeFileSync(join(site, '404.html'), '<h1>lost</h1>');
  writeFileSync(join(site, 'docs/index.html'), '<h1>docs</h1>');
  writeFileSync(join(site, 'docs/a b%.txt'), 'odd name');
  writeFileSync(join(site, 'style.css'), 'body {}');
  writeFileSync(join(site, 'letters.txt'), 'abcdefghij');
  writeFileSync(join(site, '.env'), 'SECRET');
  writeFileSync(join(site, '.well-known/security.txt'), 'contact');
  writeFileSync(join(scratch, 'outside.txt'), 'OUTSIDE');
  symlinkSync('../outside.txt', join(site, 'leaves.txt'));
  symlinkSync('.env', join(site, 'hidden.txt'));
  symlinkSync('style.css', join(site, 'stays.css'));
  symlinkSync('..', join(site, 'up'));
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  port = (probe.address() as { port: number }).port;
  await new Promise((resolve) => probe.close(resolve));
  const script = join(import.meta.dirname, 'static-server.mjs');
  child = spawn(process.execPath, [script, '--root', site, '--bind', `127.0.0.1:${port}`], { stdio: 'inherit' });
  for (let left = 500; left > 0; left -= 1) {
    if (await ask('/').catch(() => null)) return;
    await pause(10);
  }
  throw new Error('the server does not listen');
});

after(() => {
  child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});

const check = (path: string, status: number, body: string) =>
  test(`GET ${path} is ${status}`, async () => {
    const answer = await ask(path);
    assert.equal(answer.status, status);
    assert.equal(answer.body, body);
  });

check('/', 200, '<h1>home</h1>');
check('/docs/', 200, '<h1>docs</h1>');
check('/docs/?q=/../', 200, '<h1>docs</h1>');
check('/docs/a%20b%25.txt', 200, 'odd name');
check('/.well-known/security.txt', 200, 'contact');
check('/stays.css', 200, 'body {}');
check('/docs/empty/', 404, '<h1>lost</h1>');
check('/docs/empty', 404, '<h1>lost</h1>');
check('/style.css/', 404, '<h1>lost</h1>');
for (const path of [
  '/nowhere',
  '/.env',
  '/docs/../.env',
  '/../outside.txt',
  '/%2e%2e/outside.txt',
  '/..%2foutside.txt',
  '/docs/..%5c..%5coutside.txt',
  '/leaves.txt',
  '/hidden.txt',
  '/up/outside.txt',
  '/%00',
  '/%zz',
  '//etc/passwd',
])
  check(path, 404, '<h1>lost</h1>');

test('a folder without its slash is sent on to itself, never to another host', async () => {
  const answer = await ask('/docs?a=1');
  assert.equal(answer.status, 308);
  assert.equal(answer.headers.location, './docs/?a=1');
  assert.equal((await ask('//docs')).headers.location, './docs/');
});

test('an answer carries its type and validators, and is not sent twice', async () => {
  const first = await ask('/style.css');
  assert.equal(first.headers['content-type'], 'text/css; charset=utf-8');
  assert.equal(first.headers['x-content-type-options'], 'nosniff');
  const etag = String(first.headers.etag);
  const modified = String(first.headers['last-modified']);
  assert.equal((await ask('/style.css', { 'if-none-match': etag })).status, 304);
  assert.equal((await ask('/style.css', { 'if-none-match': `W/${etag}, "x"` })).status, 304);
  assert.equal((await ask('/style.css', { 'if-none-match': '"x"', 'if-modified-since': modified })).status, 200);
  assert.equal((await ask('/style.css', { 'if-modified-since': modified })).status, 304);
  const later = new Date(Date.now() + 86_400_000).toUTCString();
  assert.equal(
    (await ask('/style.css', { 'if-modified-since': later })).status,
    200,
    'a rollback serves an older file',
  );
});

test('HEAD has no body, other methods are refused', async () => {
  const head = await ask('/', {}, 'HEAD');
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '13', '']);
  const posted = await ask('/', {}, 'POST');
  assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD']);
});

test('one range is served as asked', async () => {
  const range = async (value: string, more = {}) => {
    const { status, body, headers } = await ask('/letters.txt', { range: value, ...more });
    return [status, body, headers['content-range']];
  };
  assert.deepEqual(await range('bytes=2-4'), [206, 'cde', 'bytes 2-4/10']);
  assert.deepEqual(await range('bytes=-3'), [206, 'hij', 'bytes 7-9/10']);
  assert.deepEqual(await range('bytes=8-99'), [206, 'ij', 'bytes 8-9/10']);
  assert.deepEqual((await range('bytes=10-'))[0], 416);
  assert.deepEqual((await range('bytes=0-1,3-4'))[0], 200);
  assert.deepEqual((await range('bytes=2-4', { 'if-range': '"other"' }))[0], 200);
});

test('clients that go away in the middle leave no file open', async () => {
  const openFiles = () =>
    readdirSync(`/proc/${child.pid}/fd`).filter((fd) => {
      try {
        return readlinkSync(`/proc/${child.pid}/fd/${fd}`).startsWith(site);
      } catch {
        return false;
      }
    });
  await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      const socket = connect(port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write('GET /letters.txt HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3));
      await pause(at % 4);
      socket.resetAndDestroy();
    }),
  );
  for (let left = 200; left > 0 && openFiles().length > 0; left -= 1) await pause(10);
  assert.deepEqual(openFiles(), []);
  assert.equal((await ask('/')).status, 200);
});

test('SIGTERM ends it, also when a kept connection is asked again and again', async () => {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isOver = false;
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, agent }, (answer) => answer.resume().once('end', resolve));
      sent.once('error', () => resolve()).end();
    });
  const asking = [0, 1, 2].map(async () => {
    while (!isOver) await once();
  });
  await once();
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  isOver = true;
  await Promise.all(asking);
  agent.destroy();
});
