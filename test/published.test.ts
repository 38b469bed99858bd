// What the gate leaves besides its verdict, on a real Lockstep: documentation that moves with the code, reports of changes,
// quality over the releases, badges.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Page, Stage, until } from './support/stage.ts';

let stage: Stage;
let work: string;
before(async () => {
  stage = await Stage.open();
});
after(() => stage[Symbol.asyncDispose]());

const lcov = 'SF:code.txt\\nDA:1,1\\nDA:2,0\\nend_of_record\\n';
/** The manual is built by a command of the repository's own, which leaves whatever else `$MORE` makes in its folder. */
const checks = (more = 'true') => `
gate:
  checks:
    docs:
      run: mkdir -p out/sub && cp manual.html out/index.html && echo 'go()' >out/sub/search.js && ${more}
      report: { docs: out }
    tests:
      run: printf '${lcov}' >cover.info
      report: { lcov: cover.info }
`;
const files = (manual: string) => ({
  'index.html': `<!doctype html>\n<html lang="en">\n<head>\n<title>page</title>\n</head>\n<body>\n<p>${manual}</p>\n</body>\n</html>\n`,
  'manual.html': `<!doctype html>\n<html lang="en">\n<head>\n<title>manual</title>\n</head>\n<body>\n<p>manual ${manual}</p>\n</body>\n</html>\n`,
  'code.txt': 'one\ntwo\n',
  'lockstep.yml': checks(),
});

function ask(host: string, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Page> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: stage.port,
      path,
      method,
      headers: { host, ...headers },
      timeout: 20_000,
    };
    const asked = request(options, async (answer) => {
      let body = '';
      for await (const chunk of answer) body += String(chunk);
      resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers });
    });
    asked.on('timeout', () => asked.destroy(new Error('timed out')));
    asked.on('error', reject).end();
  });
}
const docs = (path = '/', method = 'GET', headers: Record<string, string> = {}) =>
  ask(`docs--site.localhost:${stage.port}`, path, method, headers);
const manual = async () => /manual ([a-z]+)/.exec((await docs()).body)?.[1] ?? null;

test('documentation is served with the commit that it was built from, and its address is said', async () => {
  work = await stage.makeApp('site', files('one'));
  const early = await docs();
  assert.deepEqual([early.status, early.body], [404, 'What is live has no documentation.\n']);
  const said = await stage.deploy(work);
  const address = `http://docs--site.localhost:${stage.port}`;
  assert.match(said, new RegExp(`docs: ${address}`));
  const page = await docs();
  assert.equal(page.status, 200);
  assert.match(page.body, /manual one/);
  assert.equal((await stage.status('site')).docsUrl, address);
  assert.equal((await stage.api('/apps/site')).body.docsUrl, address);
  const open = await stage.lockstep(['open', '--docs', '--print'], { cwd: work });
  assert.deepEqual([open.code, open.stdout], [0, `${address}\n`]);
  const script = await docs('/sub/search.js');
  assert.equal(script.headers['content-type'], 'text/javascript; charset=utf-8');
});

test('its host shares nothing: an origin of its own, no cookie, no API, no git, no way out of its folder', async () => {
  const page = await docs('/', 'GET', { cookie: 'session=secret' });
  const policy = String(page.headers['content-security-policy']);
  assert.match(policy, /^sandbox allow-scripts/);
  assert.doesNotMatch(policy, /allow-same-origin/);
  assert.equal(page.headers['set-cookie'], undefined);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  const token = { authorization: `Bearer ${stage.token}` };
  for (const path of [
    '/api/v1/apps',
    '/api/v1/openapi.json',
    '/healthz',
    '/site.git/info/refs?service=git-upload-pack',
  ])
    assert.equal((await docs(path, 'GET', token)).status, 404, path);
  for (const path of [
    '/../lockstep.db',
    '/..%2f..%2flockstep.db',
    '/%2e%2e/%2e%2e/owner.token',
    '/sub/../../x',
    '//etc/passwd',
  ])
    assert.notEqual((await docs(path)).status, 200, path);
  assert.equal((await docs('/', 'POST')).status, 405);
  assert.equal((await docs('/sub')).status, 404, 'a folder without an index');
  const etag = String(page.headers.etag);
  assert.equal((await docs('/', 'GET', { 'if-none-match': etag })).status, 304);
  const part = await docs('/', 'GET', { range: 'bytes=2-8' });
  assert.deepEqual([part.status, part.body], [206, 'doctype']);
  assert.equal((await ask(`docs--nobody.localhost:${stage.port}`, '/')).status, 404);
});

test('a red push leaves the documentation, a green one exchanges it, a change of config keeps it, a rollback brings it back', async () => {
  stage.write(work, { ...files('two'), 'lockstep.yml': checks('false') });
  await stage.commit(work, 'red');
  assert.notEqual((await stage.push(work)).code, 0);
  assert.equal(await manual(), 'one');
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
  stage.write(work, files('two'));
  await stage.commit(work, 'green');
  await stage.deploy(work);
  assert.equal(await manual(), 'two');
  const set = await stage.lockstep(['config', 'set', 'KEY=value'], { cwd: work });
  assert.equal(set.code, 0, set.stderr);
  assert.equal(await manual(), 'two');
  const back = await stage.lockstep(['rollback', 'v1'], { cwd: work });
  assert.equal(back.code, 0, back.stderr);
  assert.equal(await manual(), 'one');
  await stage.git(work, 'pull', '-q', 'lockstep', 'main');
});

test('after control was killed the same documentation is served', async () => {
  const { control } = stage.pids();
  process.kill(control, 'SIGKILL');
  await until(
    async () => stage.pids().control !== control && (await manual()) === 'one',
    30_000,
    () => 'not served again',
  );
});

test('what is too much is not kept, which is said, and what can be no page is left out, which is said as well', async () => {
  const many = 'head -c 70000000 /dev/zero >out/many.bin';
  stage.write(work, { ...files('many'), 'lockstep.yml': checks(many) });
  await stage.commit(work, 'many');
  assert.match(await stage.deploy(work), /its docs are not kept: it holds more than 64 MiB/);
  assert.equal((await docs()).status, 404);
  stage.write(work, { 'lockstep.yml': checks('ln -s /etc/passwd out/passwd') });
  await stage.commit(work, 'link');
  assert.match(await stage.deploy(work), /of its docs 1 entry is left out: "passwd": a link/);
  assert.equal(await manual(), 'many');
  assert.equal((await docs('/passwd')).status, 404);
});

test('the reports of a change are reached by address, in a sandbox and with a token', async () => {
  stage.write(work, files('three'));
  await stage.commit(work, 'three');
  await stage.deploy(work);
  const { id } = await stage.lastChange('site');
  const reports = `/apps/site/changes/${id}/reports`;
  let paths: string[] = [];
  await until(
    async () => {
      const { status, body } = await stage.api(reports);
      paths = status === 200 ? body.items.map((one: { path: string }) => one.path) : [];
      return paths.length > 0;
    },
    20_000,
    () => 'no reports came',
  );
  for (const path of ['findings.json', 'coverage/index.html', 'docs/docs/', 'tests/lcov'])
    assert.ok(paths.includes(path), `${path} of ${paths.join(' ')}`);
  const host = `lockstep.localhost:${stage.port}`;
  const token = { authorization: `Bearer ${stage.token}` };
  const get = (path: string, headers: Record<string, string> = token) =>
    ask(host, `/api/v1${reports}/${path}`, 'GET', headers);
  assert.equal((await get('findings.json', {})).status, 401);
  const index = await get('coverage/index.html');
  assert.match(index.body, /50 % of 2 lines/);
  assert.match(String(index.headers['content-security-policy']), /^sandbox; default-src 'none'/);
  assert.match((await get('coverage/code.txt.html')).body, /class="m"[^>]*><b>2<\/b>two/);
  assert.match((await get('docs/docs/index.html')).body, /manual three/);
  assert.match((await get('tests/lcov')).body, /DA:2,0/);
  assert.equal((await get('..%2f..%2fowner.token')).status, 404);
});

test('quality is told over the releases, and a badge is anybody’s only once its owner has said so', async () => {
  const { body } = await stage.api('/apps/site/quality');
  assert.ok(body.items.length >= 4);
  assert.equal(body.items.at(-1).coverage, 0.5);
  const shown = await stage.lockstep(['quality'], { cwd: work });
  assert.match(shown.stdout, /coverage +50 %/);
  const badge = (headers: Record<string, string> = {}) =>
    ask(`lockstep.localhost:${stage.port}`, '/api/v1/apps/site/badge.svg?metric=coverage', 'GET', headers);
  assert.equal((await badge()).status, 401);
  const opened = await stage.lockstep(['badge', '--public'], { cwd: work });
  assert.equal(opened.code, 0, opened.stderr);
  const svg = await badge();
  assert.equal(svg.status, 200);
  assert.match(svg.body, /coverage: 50%/);
  assert.equal((await badge({ 'if-none-match': String(svg.headers.etag) })).status, 304);
});

test('a destroyed app leaves no documentation and no report', async () => {
  const { body } = await stage.api('/apps/site');
  const place = join(stage.home, 'control', 'published', body.id);
  assert.ok(readdirSync(place).length > 0);
  const destroyed = await stage.lockstep(['destroy', '-a', 'site', '--yes'], { cwd: work });
  assert.equal(destroyed.code, 0, destroyed.stderr);
  await until(
    async () => !existsSync(place) && (await docs()).status === 404,
    30_000,
    () => 'something is left',
  );
});
