// What V8 left of real processes, as lines: of what ran, of what a loader made of another file, and of what was left half.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parseLcov } from '../reports/lcov.ts';

const { measure } = (await import(pathToFileURL(join(import.meta.dirname, 'v8_coverage.mjs')).href)) as {
  measure(folder: string, tree: string): { end(): string | null };
};
const home = mkdtempSync(join(tmpdir(), 'lockstep-v8-'));
after(() => rmSync(home, { recursive: true, force: true }));

test('lines that no process ran have no hits, runs of several add up, and what was read is taken away', () => {
  const tree = join(home, 'tree');
  const left = join(home, 'v8');
  mkdirSync(join(tree, 'node_modules/other'), { recursive: true });
  const write = (path: string, text: string) => writeFileSync(join(tree, path), text);
  write('a.js', 'exports.two = () => {\n  return 2;\n};\nexports.never = () => {\n  return 1;\n};\n');
  write('node_modules/other/index.js', 'module.exports = 1;\n');
  // Each line but the first was made of the one before it in the source; nobody runs the last function.
  write('made.ts', 'const a: number = 1;\nfunction never() {\n  return a;\n}\n');
  const map = { version: 3, sources: ['made.ts'], names: [], mappings: ';AAAA;AACA;AACA;AACA' };
  const inline = Buffer.from(JSON.stringify(map)).toString('base64');
  write(
    'made.js',
    `"use strict";\nconst a = 1;\nfunction never() {\n  return a;\n}\n//# sourceMappingURL=data:application/json;base64,${inline}\n`,
  );
  write('run.js', "require('./a.js').two();\nrequire('other');\nrequire('./made.js');\n");
  const measuring = measure(left, tree);
  for (let times = 0; times < 2; times += 1) {
    const { status, stderr } = spawnSync(process.execPath, ['run.js'], {
      ...{ cwd: tree, env: { NODE_V8_COVERAGE: left }, encoding: 'utf8' },
    });
    assert.equal(status, 0, stderr);
  }
  writeFileSync(join(left, 'half.json'), '{"result": [{"url": ');
  const { files } = parseLcov(measuring.end()!)!;
  assert.deepEqual([...files.keys()].sort(), ['a.js', 'made.ts', 'run.js']);
  assert.deepEqual(
    [...files.get('a.js')!],
    [
      [1, 2],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 0],
      [6, 2],
    ],
  );
  assert.deepEqual(
    [...files.get('made.ts')!],
    [
      [1, 2],
      [2, 0],
      [3, 0],
      [4, 0],
    ],
  );
  assert.deepEqual(readdirSync(left), ['half.json']);
});

test('where nothing was measured there is no coverage', () => {
  assert.equal(measure(join(home, 'nowhere'), home).end(), null);
  assert.equal(existsSync(join(home, 'nowhere')), false);
});
