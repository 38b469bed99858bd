// docs/faults.md and the tests belong together: every fault that concerns what exists has a block, and every block names tests
// whose names begin with its id, or says why there is none.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './support/stage.ts';

/** The faults that concern what exists: letters and how far they go. */
const faults = [
  ...['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7'],
  ...['B1', 'B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B9', 'B10'],
  ...['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7'],
  ...['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10'],
  ...['E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E7', 'E9', 'E11', 'E12'],
  ...['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G8', 'I1', 'I2', 'I3', 'J1', 'J2', 'J3'],
  ...['L1', 'L2'],
];

type Block = { id: string; shownBy: string[]; text: string };

function parseBlocks(page: string): Block[] {
  return page
    .split(/^### /m)
    .slice(1)
    .map((text) => ({
      id: /^[A-Z]\d+/.exec(text)?.[0] ?? '',
      shownBy: [...text.matchAll(/shown by ((?:`[^`]+`(?:, | and )?)+)/g)].flatMap(([, names]) =>
        [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
      ),
      text,
    }));
}

/** Names of tests in a source file, as far as they stand there as text. */
function testNames(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/\b(?:test|engineTest)\(\s*['`"]([^'`"]*)/g)].map(([, name]) => name!);
}

const blocks = parseBlocks(readFileSync(join(root, 'docs', 'faults.md'), 'utf8'));

test('every fault that concerns what exists has its block, once', () => {
  assert.deepEqual(
    blocks.map(({ id }) => id),
    faults,
  );
});

for (const { id, shownBy, text } of blocks) {
  test(`${id} is shown by a test that bears its name, or says why not`, () => {
    if (shownBy.length === 0) assert.match(text, /^reasoned: \S.{60,}/ms, 'neither shown nor reasoned');
    for (const file of shownBy) {
      assert.ok(existsSync(join(root, file)), `${file} is not there`);
      const named = testNames(join(root, file)).filter((name) => new RegExp(`^(?:[A-Z]\\d+, )*${id}\\b`).test(name));
      assert.ok(named.length > 0, `${file} has no test whose name begins with ${id}`);
    }
  });
}

test('no test bears the id of a fault that the page does not tell it shows', () => {
  const missing = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).flatMap((file) =>
    testNames(join(root, file))
      .flatMap((name) => /^((?:[A-Z]\d+, )*[A-Z]\d+)[: ]/.exec(name)?.[1]?.split(', ') ?? [])
      .filter((id) => faults.includes(id) && !blocks.find((one) => one.id === id)?.shownBy.includes(file))
      .map((id) => `${id}: ${file}`),
  );
  assert.deepEqual(missing, []);
});
