// The lock file's own manager installs, for what serves and for the checks; a build script reaches nothing that is
// not its own; a project in a folder is checked with its own packages.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Stage } from './support/stage.ts';

const locks = join(import.meta.dirname, 'fixtures', 'node-managers');
const lock = (name: string) => readFileSync(join(locks, name), 'utf8');
const app = {
  'package.json': JSON.stringify({
    name: 'x',
    version: '1.0.0',
    private: true,
    scripts: { start: 'node server.js', test: 'node --test' },
    dependencies: { 'is-odd': '3.0.1' },
    devDependencies: { 'is-even': '1.0.0' },
  }),
  'server.js':
    "const odd = require('is-odd');\nrequire('node:http').createServer((q, r) => r.end(odd(3) ? 'three is odd' : '')).listen(process.env.PORT, '127.0.0.1');\n",
  'test/a.test.js': "require('node:test').test('even', () => require('node:assert').ok(require('is-even')(2)));\n",
};
let stage: Stage;
before(async () => {
  stage = await Stage.open();
  stage.giveTools('npm', 'pnpm');
});
after(() => stage[Symbol.asyncDispose]());

for (const [name, file, text] of [
  ['pnpm', 'pnpm-lock.yaml', 'pnpm-lock.yaml'],
  ['yarn', 'yarn.lock', 'yarn-1.lock'],
  ['berry', 'yarn.lock', 'yarn-4.lock'],
] as const) {
  test(`an app with the lock file of ${name} is installed, tested and served`, async () => {
    const work = await stage.makeApp(name, { ...app, [file]: lock(text) });
    const said = await stage.deploy(work);
    assert.match(said, /tests ok.*1 test \(node\)/);
    assert.equal((await stage.get(name)).body, 'three is odd');
    // What serves has no development packages.
    const linked = globSync(`${stage.home}/apps/*/layers/*/node_modules/is-odd`);
    assert.ok(linked.length > 0);
    const status = await stage.status(name);
    assert.equal(status.state, 'IN SYNC');
  });
}

test('what a build script runs writes nowhere else, reads nobody else, and leaves nothing running', async () => {
  const manifest = {
    name: 'y',
    version: '1.0.0',
    scripts: { start: 'node server.js' },
    dependencies: { bad: 'file:./bad' },
  };
  const server =
    "require('node:http').createServer((q, r) => r.end(require('bad'))).listen(process.env.PORT, '127.0.0.1');\n";
  const work = await stage.makeApp('hostile', {
    'package.json': JSON.stringify({ ...manifest, workspaces: ['bad'] }),
    'server.js': server,
    'bad/package.json': JSON.stringify({ name: 'bad', version: '1.0.0', scripts: { install: 'node hostile.js' } }),
    'bad/index.js': "module.exports = 'served';\n",
    'bad/hostile.js': lock('hostile.cjs'),
  });
  // Sources are not there when dependencies are installed, so it runs where they are: in the build.
  await stage.edit(
    work,
    'package.json',
    '"start":"node server.js"',
    '"start":"node server.js","build":"cd bad && node hostile.js"',
  );
  const said = await stage.deploy(work);
  const line = said.split('\n').find((one) => one.includes('uid '));
  assert.ok(line && !line.includes('WORKED'), said);
  assert.equal((await stage.get('hostile')).body, 'served');
  assert.equal(existsSync(join(stage.home, 'mine')), false);
  const left = globSync('/proc/[0-9]*/cmdline').filter((file) => {
    try {
      return readFileSync(file, 'utf8').includes('LIFECYCLE_MARK');
    } catch {
      return false; // it ended
    }
  });
  assert.deepEqual(left, []);
});

test('a project in a folder of a static site is checked with its own packages', async () => {
  const inner = Object.fromEntries(Object.entries(app).map(([path, text]) => [`tools/${path}`, text]));
  const work = await stage.makeApp('parts', {
    'index.html': '<!doctype html><html lang="en"><head><title>x</title></head><body><p>x</p></body></html>\n',
    ...inner,
    'tools/pnpm-lock.yaml': lock('pnpm-lock.yaml'),
  });
  assert.match(await stage.deploy(work), /tests \(tools\) ok.*1 test \(node\)/);
  await stage.edit(work, 'tools/test/a.test.js', "'is-even')(2)", "'is-even')(3)");
  const pushed = await stage.push(work);
  assert.notEqual(pushed.code, 0);
  assert.match(pushed.stderr, /tests \(tools\) FAILED[^\n]*tools\/test\/a\.test\.js:1 even/);
});
