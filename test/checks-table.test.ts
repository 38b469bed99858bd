// docs/checks.md leaves nothing out: each test that it names is there, and each trap of the tables of traps has its row.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './support/stage.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const rows = read('docs/checks.md')
  .split('\n')
  .filter((line) => /^\| (?!trap|-)/.test(line))
  .map((line) => line.split(' | '));
const tests = rows.map((cells) => {
  const [, file, name] = /^`([^`]+\.test\.ts)`: (.+?) \|$/.exec(cells.at(-1)!) ?? [];
  assert.ok(file && name && cells.length === 4, `no test is named: ${cells.join(' | ')}`);
  return { file, name };
});
/** As they stand in the source: a quote may be escaped. */
const namesIn = (file: string, key: RegExp): string[] =>
  [...read(file).matchAll(key)].map((match) => (match[1] ?? match[2])!.replaceAll('\\', ''));
const anyName = /(?:\btest\(|\bname:)\s*(?:'((?:[^'\\\n]|\\.)+)'|"((?:[^"\\\n]|\\.)+)")/g;

test('every test that the page names is there', () => {
  for (const { file, name } of tests) assert.ok(namesIn(file, anyName).includes(name), `${file} has no test: ${name}`);
  assert.ok(tests.length > 70);
});

test('every trap that is tested has its row', () => {
  const trap = /\bname:\s*(?:'((?:[^'\\\n]|\\.)+: (?:[^'\\\n]|\\.)+)'|"((?:[^"\\\n]|\\.)+: (?:[^"\\\n]|\\.)+)")/g;
  for (const file of ['test/traps-python.test.ts', 'test/traps-node.test.ts', 'test/go.test.ts']) {
    const names = namesIn(file, trap);
    assert.ok(names.length >= 8, file);
    for (const name of names)
      assert.ok(
        tests.some((one) => one.file === file && one.name === name),
        `docs/checks.md has no row for ${file}: ${name}`,
      );
  }
});
