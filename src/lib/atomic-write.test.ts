import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { atomicWrite } from './atomic-write.ts';

test('replaces a file whole and leaves nothing beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-atomic-'));
  try {
    const file = join(folder, 'document.json');
    await atomicWrite(file, 'first');
    await atomicWrite(file, 'second');
    assert.equal(await readFile(file, 'utf8'), 'second');
    assert.deepEqual(await readdir(folder), ['document.json']);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a folder that is not there is an error, and makes no file', async () => {
  await assert.rejects(atomicWrite('/nonexistent-lockstep/document.json', 'x'), { code: 'ENOENT' });
});
