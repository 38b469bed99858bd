// Folders as the engine hands them out, in archives of a real `tar`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { Engine } from '../engine/engine.ts';
import { openCollected } from './collected.ts';
import { fetchFolder } from './container-folder.ts';

const limits = { files: 10, totalBytes: 100, pathBytes: 1024 };

function place(files: Record<string, string>, more: (top: string) => void = () => {}) {
  const top = mkdtempSync(join(tmpdir(), 'lockstep-folder-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, 'in', path)), { recursive: true });
    writeFileSync(join(top, 'in', path), text);
  }
  more(top);
  mkdirSync(join(top, 'out'));
  const fetch = async (words = ['site']) => {
    const archive = execFileSync('tar', ['-cf', '-', '-C', join(top, 'in'), ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const engine = { bytes: async () => Readable.from([archive]) } as unknown as Engine;
    await fetchFolder({ engine, container: 'c', folder: '/r/site', target: join(top, 'out') }, limits);
  };
  return { top, fetch, out: join(top, 'out'), [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }) };
}

test('plain files come as they are, and nothing of what leads elsewhere', async () => {
  const long = `${'deep/'.repeat(30)}page.html`;
  using one = place({ 'site/index.html': 'hello', [`site/${long}`]: 'far', 'other/x': 'x' }, (top) => {
    symlinkSync('/etc', join(top, 'in/site/link'));
    symlinkSync('/etc/hostname', join(top, 'in/site/file-link'));
  });
  await one.fetch(['other', 'site']);
  assert.equal(readFileSync(join(one.out, 'site/index.html'), 'utf8'), 'hello');
  assert.equal(readFileSync(join(one.out, 'site', long), 'utf8'), 'far');
  for (const path of ['site/link', 'site/file-link', 'other'])
    assert.equal(existsSync(join(one.out, path)), false, path);
});

test('names that lead out of the folder are passed over', async () => {
  using one = place({ 'site/a': 'a' });
  await one.fetch(['site', '--transform=s,^site/a$,site/../../a,', '-P']);
  assert.equal(existsSync(join(one.top, 'a')), false);
});

test('a folder beyond the limits is not written whole, and who collects it hears of the limit', async () => {
  using large = place({ 'site/a': 'x'.repeat(60), 'site/b': 'x'.repeat(60), 'site/c': 'x'.repeat(60) });
  await large.fetch();
  await assert.rejects(openCollected(join(large.out, 'site'), limits), /holds more than .* MiB/);
  using many = place(Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`site/${at}`, 'x'])));
  await many.fetch();
  await assert.rejects(openCollected(join(many.out, 'site'), limits), /more than 10 files/);
});

test('one that is not there leaves nothing', async () => {
  using one = place({ 'site/a': 'a' });
  const engine = { bytes: () => Promise.reject(new Error('no such folder')) } as unknown as Engine;
  await fetchFolder({ engine, container: 'c', folder: '/r/site', target: one.out }, limits);
  assert.equal(existsSync(join(one.out, 'site')), false);
});
