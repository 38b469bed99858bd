import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cliDocs } from './cli-docs.ts';
import { commandTable } from './command-table.ts';

test('docs/cli.md is what the command table says', () => {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'cli.md');
  assert.equal(readFileSync(file, 'utf8'), cliDocs(), 'make it anew: node scripts/bootstrap.js scripts/cli-docs.ts');
});

test('the page holds every command and every exit code', () => {
  const page = cliDocs();
  for (const command of commandTable) assert.ok(page.includes(`\n## ${command.name}\n`), command.name);
  assert.match(page, /\| 77 \| `unauthenticated`, `forbidden` \|/);
});
