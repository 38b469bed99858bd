// The codes and their pages in the docs: each has the other, and they say the same.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type LCode, lCodes } from './l-codes.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'errors');
const codes = Object.keys(lCodes) as LCode[];

test('every code has a page, and every page a code', () => {
  const pages = readdirSync(folder).filter((name) => name !== 'README.md');
  assert.deepEqual(pages.sort(), codes.map((code) => `${code}.md`).sort());
});

test('a page has the title and the status of its code, and says who can do what', () => {
  const list = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const code of codes) {
    const { title, status } = lCodes[code];
    const page = readFileSync(join(folder, `${code}.md`), 'utf8');
    assert.ok(page.startsWith(`# ${code}: ${title}\nStatus ${status},`), code);
    for (const part of ['What happened', 'Who asked', 'Who runs the app'])
      assert.match(page, new RegExp(`\n## ${part}\n.{5}`), `${code} ${part}`);
    assert.ok(list.includes(`| [${code}](${code}.md) | ${status} | ${title} |`), code);
  }
});
