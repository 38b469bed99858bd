import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCommand } from './detectors/node.ts';
import { layerSteps } from './layer-steps.ts';
import { memoryTree } from './memory-tree.ts';
import { decidePlan } from './plan.ts';

const manifest = (value: object) => JSON.stringify(value);
const express = { dependencies: { express: '5' } };

test('what serves is the start script, else the file that listens, else what a generator leaves', async () => {
  const check = async (files: Record<string, string>, web: object, name = 'Node') => {
    const plan = await decidePlan(memoryTree(files));
    assert.deepEqual([plan.detector, plan.processes.web.command], [name, web], JSON.stringify(files));
  };
  const node = '{layer}/bin/node';
  const listens = 'require("http").createServer().listen(process.env.PORT)';
  await check({ 'package.json': manifest({ scripts: { start: 'node a.js' } }) }, { argv: [node, 'a.js'] });
  await check(
    { 'package.json': manifest(express), 'server.js': listens },
    { argv: [node, 'server.js'] },
    'Node (Express)',
  );
  await check(
    { 'package.json': '{"main":"./lib/x"}', 'lib/x.js': listens, 'index.js': listens },
    { argv: [node, 'lib/x.js'] },
  );
  await check(
    { 'package.json': '{"main":"lib.js"}', 'lib.js': '1', 'src/index.ts': listens },
    { argv: [node, 'src/index.ts'] },
  );
  // A framework says what listening is, and serves nothing itself.
  for (const framework of [
    'class App {\n  listen(...args) {\n    return http.createServer(this.callback()).listen(...args)\n  }\n}',
    'app.listen = function listen() {\n  return http.createServer(this).listen.apply(server, arguments)\n}',
    'const app = {\n  listen: listen,\n}\nhttp.createServer(app).listen(1)',
    'const { listen } = createServer();\nconst app = {\n  listen,\n};\n',
  ])
    await assert.rejects(decidePlan(memoryTree({ 'package.json': '{"main":"lib.js"}', 'lib.js': framework })), {
      code: 'no-detector',
    });
  // A person's word, and what else is in the tree.
  await check(
    { 'package.json': '{}', Procfile: 'web: node x.js', 'tools/a.py': '' },
    { shell: 'node x.js' },
    'Procfile',
  );
  await check({ 'package.json': manifest({ scripts: { start: 'node a' } }), 'x.go': '' }, { argv: [node, 'a'] });
  const site = { scripts: { build: 'vite build' }, devDependencies: { vite: '7' } };
  const command = { argv: ['{tool:static-server}', '--root', '{tree}/dist', '--bind', '127.0.0.1:$PORT'] };
  await check({ 'package.json': manifest(site), 'index.html': '' }, command, 'vite site');
  const flask = 'from flask import Flask\napp = Flask(__name__)\n';
  const both = await decidePlan(memoryTree({ 'app.py': flask, 'package.json': manifest({ scripts: { start: 'x' } }) }));
  assert.deepEqual([both.detector, both.layer.interpreter.kind], ['Flask', 'python']);
});

test('a start script that needs no shell gets none, and one command takes its place', () => {
  const check = (scripts: Record<string, string>, expected: object) =>
    assert.deepEqual(startCommand({ scripts }, scripts.start!), { env: {}, ...expected });
  const argv = (...words: string[]) => ({ command: { argv: ['{layer}/bin/node', ...words] } });
  check({ start: 'node server.js' }, argv('server.js'));
  check(
    { start: 'node --enable-source-maps dist/a.js --port=1' },
    argv('--enable-source-maps', 'dist/a.js', '--port=1'),
  );
  check({ start: 'NODE_ENV=production node a.js' }, { ...argv('a.js'), env: { NODE_ENV: 'production' } });
  check({ start: 'npm run serve', serve: 'node a.js' }, argv('a.js'));
  check({ start: 'yarn serve', serve: 'pnpm run deep', deep: 'node a.js' }, argv('a.js'));
  check({ start: 'npm start' }, { command: { shell: 'exec npm start' } });
  check({ start: 'next start -p $PORT' }, { command: { shell: 'exec next start -p $PORT' } });
  check({ start: 'node a.js && echo x' }, { command: { shell: 'node a.js && echo x' } });
  check({ start: 'A=$B node a.js' }, { command: { shell: 'A=$B node a.js' } });
  check({ start: 'node "a b.js"' }, { command: { shell: 'exec node "a b.js"' } });
  check({ start: 'node a.js', prestart: 'node m.js' }, { command: { shell: '{ node m.js; } && exec node a.js' } });
});

const lock9 = "lockfileVersion: '9.0'\n";
const berry = '# This file\n\n__metadata:\n  version: 8\n  cacheKey: 10\n';

test('the lock file says who installs, from what, and how strictly', async () => {
  const check = async (files: Record<string, string>, manager: string, isLocked: boolean, more: object = {}) => {
    const text = manifest({ scripts: { start: 'node a.js' }, ...express, ...more });
    const { layer, notes } = await decidePlan(memoryTree({ 'package.json': text, ...files }));
    assert.deepEqual(layer.installer, { tool: 'node', manager, isLocked });
    return { notes: notes.join('; '), inputs: layer.inputs };
  };
  await check({ 'package-lock.json': '{}' }, 'npm', true);
  await check({ 'npm-shrinkwrap.json': '{}' }, 'npm', true);
  await check({ 'pnpm-lock.yaml': lock9 }, 'pnpm', true);
  await check({ 'pnpm-lock.yaml': 'lockfileVersion: 5.4\n' }, 'pnpm-8', true);
  await check({ 'yarn.lock': '# yarn lockfile v1\n' }, 'yarn', true);
  await check({ 'yarn.lock': berry }, 'yarn-berry', true);
  const old = await check({ 'yarn.lock': berry.replace('8', '6') }, 'yarn-berry', false);
  assert.match(old.notes, /older form/);
  const none = await check({}, 'npm', false);
  assert.match(none.notes, /no lock file/);
  await check({}, 'pnpm', false, { packageManager: 'pnpm@10.1.0' });
  await check({}, 'yarn-berry', false, { packageManager: 'yarn@4.1.0' });
  const two = await check({ 'yarn.lock': '', 'package-lock.json': '{}' }, 'npm', true, {
    packageManager: 'npm@10.0.0',
  });
  assert.match(two.notes, /yarn\.lock is not used: package-lock\.json is/);
  const many = await check(
    {
      'pnpm-lock.yaml': lock9,
      'pnpm-workspace.yaml': '',
      'a/package.json': '{}',
      '.npmrc': '',
      'a/b.js': '',
      'patches/x.patch': '',
    },
    'pnpm',
    true,
  );
  const expected = [
    'pnpm-lock.yaml',
    '.npmrc',
    'package.json',
    'patches/x.patch',
    'pnpm-workspace.yaml',
    'a/package.json',
  ];
  assert.deepEqual([...many.inputs].sort(), expected.sort(), 'no source');
});

test('an app is built where it says how, and linked to what was installed where there is any', async () => {
  const check = async (files: Record<string, string>, more: object, needs: string[] | null, scripts: string[] = []) => {
    const text = manifest({ scripts: { start: 'node a.js' }, ...more });
    const { built, layer } = await decidePlan(memoryTree({ 'package.json': text, ...files }));
    assert.deepEqual(built?.needs ?? null, needs, text);
    assert.deepEqual(built?.steps.flatMap(({ argv }) => argv.slice(6)) ?? [], scripts, text);
    return layer.installer;
  };
  const start = 'node a.js';
  const nothing = await check({}, {}, null);
  assert.equal('manager' in nothing && nothing.manager, null, 'the layer is the interpreter alone');
  await check({}, { devDependencies: { eslint: '9' } }, null);
  await check({}, express, ['run']);
  await check({}, { ...express, scripts: { start, build: 'tsc' } }, ['gate', 'run'], ['build']);
  await check({}, { ...express, scripts: { start, prepare: 'husky' } }, ['run']);
  await check(
    {},
    { scripts: { start, prepare: 'tsc', postinstall: 'x' } },
    ['gate', 'run'],
    ['postinstall', 'prepare'],
  );
  const brought = await check({ 'node_modules/express/index.js': '' }, express, null);
  assert.equal('manager' in brought && brought.manager, null, 'what the repository brings is kept');
});

test('installing is without a shell, without sources, and without development packages where it serves', async () => {
  const text = manifest({ scripts: { start: 'node a.js' }, ...express });
  const check = async (lock: Record<string, string>, run: string, gate: string) => {
    const { layer, gateLayer } = await decidePlan(memoryTree({ 'package.json': text, ...lock }));
    const words = (purpose: 'run' | 'gate') =>
      layerSteps(purpose === 'run' ? layer : gateLayer!, purpose)[1]!
        .argv.slice(2)
        .join(' ');
    assert.deepEqual([words('run'), words('gate')], [run, gate]);
  };
  const npm = '--no-audit --no-fund --prefer-offline';
  await check({ 'package-lock.json': '' }, `ci --omit=dev ${npm}`, `ci --include=dev ${npm}`);
  await check({}, 'install --omit=dev --no-audit --no-fund', 'install --include=dev --no-audit --no-fund');
  const pnpm = 'install --frozen-lockfile';
  await check({ 'pnpm-lock.yaml': lock9 }, `${pnpm} --prod --reporter=append-only`, `${pnpm} --reporter=append-only`);
  await check(
    { 'yarn.lock': '' },
    'install --frozen-lockfile --non-interactive --production=true --no-progress',
    'install --frozen-lockfile --non-interactive --production=false --no-progress',
  );
  await check({ 'yarn.lock': berry }, 'workspaces focus --all --production', 'install --immutable');
});
