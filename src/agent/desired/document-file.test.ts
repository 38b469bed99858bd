// The agent's document on disk under damage of every kind: the one before it is used, it is said, and damage is never a first start.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDocument, saveDocument } from './document-file.ts';

type Document = { version: number; apps: string[] };

async function place() {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-document-'));
  const file = join(path, 'desired.json');
  return {
    path,
    file,
    save: (version: number) => saveDocument(file, { version, apps: ['blog', 'größe'] }),
    load: () => loadDocument(file, (value) => value as Document),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

test('a first start finds nothing and raises no alarm; what is saved is found again, and the one before it kept', async () => {
  await using here = await place();
  assert.deepEqual(await here.load(), { document: null, from: 'none', alarm: null });
  await here.save(1);
  await here.save(2);
  assert.deepEqual(await here.load(), {
    document: { version: 2, apps: ['blog', 'größe'] },
    from: 'current',
    alarm: null,
  });
  assert.deepEqual((await readdir(here.path)).sort(), ['desired.json', 'desired.json.previous']);
});

test('E6: a document cut at any byte, or with any byte changed, gives way to the one before it, and says so', async () => {
  await using here = await place();
  await here.save(1);
  await here.save(2);
  const whole = await readFile(here.file);
  const check = async (bytes: Buffer) => {
    await writeFile(here.file, bytes);
    const { document, from, alarm } = await here.load();
    assert.deepEqual([document?.version, from], [1, 'previous']);
    assert.match(alarm!, /desired\.json: .*; using .*\.previous$/);
  };
  for (let length = 0; length < whole.length; length += 1) await check(whole.subarray(0, length));
  for (let at = 0; at < whole.length; at += 1) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    await check(changed);
  }
  await check(Buffer.concat([whole, Buffer.from('\n')]));
  await check(Buffer.alloc(whole.length));
  await rm(here.file);
  assert.deepEqual([(await here.load()).from, (await here.load()).document?.version], ['previous', 1], 'gone');
});

test('E6: a damaged document never becomes the one before, and when both are damaged that is an alarm and no first start', async () => {
  await using here = await place();
  await here.save(1);
  await here.save(2);
  await writeFile(here.file, 'damaged');
  await here.save(3);
  assert.equal((await here.load()).document?.version, 3);
  await writeFile(here.file, '');
  assert.equal((await here.load()).document?.version, 1);
  await writeFile(`${here.file}.previous`, 'sha256:');
  const { document, from, alarm } = await here.load();
  assert.deepEqual([document, from], [null, 'none']);
  assert.match(alarm!, /desired\.json: .*cut short.*; .*previous: .*cut short/);
  await here.save(4);
  assert.deepEqual([(await here.load()).document?.version, (await here.load()).alarm], [4, null], 'healed');
});
