// Packages of an image, and those that only checks need: real folders, and a real Node that resolves them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { mergeModules } = (await import(pathToFileURL(join(import.meta.dirname, 'node_in_image.mjs')).href)) as {
  mergeModules(gate: string, tree: string): string[];
};
const home = mkdtempSync(join(tmpdir(), 'lockstep-node-in-image-'));
after(() => rmSync(home, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
};
const pack = (at: string, version: string, code: string): void => {
  write(`${at}/package.json`, JSON.stringify({ version, main: 'index.js' }));
  write(`${at}/index.js`, code);
};

test("the image's packages stay, what it lacks comes beside them, and both find the one that they share", () => {
  const say = "module.exports = 'the checks'";
  pack('image/node_modules/shared', '1.0.0', "module.exports = 'the image'");
  pack('image/node_modules/old', '1.0.0', "module.exports = 'the image'");
  pack('image/node_modules/@me/kept', '1.0.0', "module.exports = 'the image'");
  pack('gate/node_modules/shared', '1.0.0', say);
  pack('gate/node_modules/old', '2.0.0', say);
  pack('gate/node_modules/old/node_modules/below', '1.0.0', say);
  pack('gate/node_modules/shared/node_modules/below', '1.0.0', say);
  pack('gate/node_modules/@me/kept', '1.0.0', say);
  pack('gate/node_modules/@me/tool', '1.0.0', "module.exports = require('shared') + ', ' + require('only')");
  pack('gate/node_modules/only', '1.0.0', say);
  write('gate/node_modules/.package-lock.json', '{}');
  mkdirSync(join(home, 'gate/node_modules/.bin'));
  symlinkSync('../only/index.js', join(home, 'gate/node_modules/.bin/only'));
  // A workspace: its link leads into the tree.
  write('gate/work/package.json', '{}');
  symlinkSync('../work', join(home, 'gate/node_modules/work'));
  pack('image/work', '1.0.0', "module.exports = 'the tree'");
  pack(
    'gate/work/node_modules/inner',
    '1.0.0',
    "module.exports = __dirname.includes('gate') ? 'the checks' : 'a copy'",
  );
  pack('gate/gone/node_modules/inner', '1.0.0', say);

  assert.deepEqual(mergeModules(join(home, 'gate'), join(home, 'image')), ['old is 1.0.0 in the image, not 2.0.0']);
  assert.deepEqual(mergeModules(join(home, 'none'), join(home, 'image')), []);
  const names = ['@me/tool', '@me/kept', 'old', 'work', './work/node_modules/inner', './node_modules/.bin/only'];
  const code = `console.log(JSON.stringify([${names.map((one) => `require('${one}')`)}]));
    try { require('old/node_modules/below') } catch { console.log('not below') }
    console.log(require('shared/node_modules/below'))`;
  write('image/run.js', code);
  const { stdout, stderr } = spawnSync(process.execPath, ['run.js'], { cwd: join(home, 'image'), encoding: 'utf8' });
  const said = ['the image, the checks', 'the image', 'the image', 'the tree', 'a copy', 'the checks'];
  assert.equal(stdout, `${JSON.stringify(said)}\nnot below\nthe checks\n`, stderr);

  // A stage that has no packages: nothing is copied, and the same are found.
  mkdirSync(join(home, 'bare'));
  assert.deepEqual(mergeModules(join(home, 'gate'), join(home, 'bare')), []);
  const bare = `console.log(require('@me/tool'), require('./node_modules/.bin/only'))`;
  const ran = spawnSync(process.execPath, ['-e', bare], { cwd: join(home, 'bare'), encoding: 'utf8' });
  assert.equal(ran.stdout, 'the checks, the checks the checks\n', ran.stderr);
  assert.ok(lstatSync(join(home, 'bare/node_modules/shared')).isSymbolicLink());
});
