import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const program = join(import.meta.dirname, 'node-tree.mjs');

function put(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** A layer as npm leaves one of a project with a workspace, and the project's tree. */
function stage() {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-tree-'));
  const [layer, tree] = [join(home, 'layer'), join(home, 'tree')];
  const module = (name: string) => ({
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, main: 'index.js' }),
    [`node_modules/${name}/index.js`]: `module.exports = '${name}';\n`,
  });
  put(layer, {
    'bin/node': '',
    ...module('plain'),
    ...module('@scope/one'),
    ...module('@prisma/client'),
    'node_modules/.cache/x': 'x',
    'packages/a/package.json': '{"name":"@own/a"}',
    'packages/a/node_modules/inner/index.js': 'module.exports = "inner";\n',
  });
  mkdirSync(join(layer, 'node_modules/@own'));
  symlinkSync('../../packages/a', join(layer, 'node_modules/@own/a'));
  put(tree, {
    'package.json': '{"scripts":{"build":"node build.js"}}',
    'packages/a/package.json': '{"name":"@own/a","main":"a.js"}',
    'packages/a/a.js': 'module.exports = [require("plain"), require("inner")];\n',
    'build.js':
      'require("fs").writeFileSync("node_modules/.generated", require("@own/a").join() + require("@scope/one"));\n',
  });
  return { home, layer, tree, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

const build = (tree: string, ...words: string[]) =>
  spawnSync(process.execPath, [program, 'build', ...words], { cwd: tree, encoding: 'utf8' });

test('packages are linked from the layer, a workspace from the tree, and what is built stays', () => {
  using at = stage();
  const npm = join(at.home, 'npm.cjs');
  put(at.home, {
    'npm.cjs': 'process.exit(require("child_process").spawnSync(process.execPath, ["build.js"]).status);',
  });
  const ran = build(at.tree, at.layer, at.layer, JSON.stringify({ npm }), 'build');
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(readFileSync(join(at.tree, 'node_modules/.generated'), 'utf8'), 'plain,inner@scope/one');
  assert.equal(readlinkSync(join(at.tree, 'node_modules/plain')), join(at.layer, 'node_modules/plain'));
  assert.equal(readlinkSync(join(at.tree, 'node_modules/@own/a')), join(at.tree, 'packages/a'));
  assert.ok(lstatSync(join(at.tree, 'node_modules/@prisma/client')).isDirectory(), 'what writes into itself is a copy');
  assert.equal(existsSync(join(at.tree, 'node_modules/.cache')), false);
});

test('several may link at once, what the tree brings stays, and a layer that is none is said', async () => {
  using at = stage();
  put(at.tree, { 'node_modules/plain/index.js': 'module.exports = "mine";\n' });
  const loaded: { linkModules(layer: string, tree: string): void } = await import(pathToFileURL(program).href);
  loaded.linkModules(at.layer, at.tree);
  loaded.linkModules(at.layer, at.tree);
  assert.equal(readFileSync(join(at.tree, 'node_modules/plain/index.js'), 'utf8'), 'module.exports = "mine";\n');
  assert.throws(() => loaded.linkModules(join(at.home, 'nowhere'), at.tree), /is not installed/);
});

test('a script that fails ends the build, with its name', () => {
  using at = stage();
  put(at.home, { 'npm.cjs': 'process.exit(7);' });
  const ran = build(at.tree, at.layer, at.layer, JSON.stringify({ npm: join(at.home, 'npm.cjs') }), 'build');
  assert.equal(ran.status, 7);
  assert.match(ran.stderr, /error: the script "build" of package\.json ended with exit 7/);
});
