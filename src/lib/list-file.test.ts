// A document on disk under damage of every kind: the one before it is used, it is said, and damage is never a first start.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ListFile } from './list-file.ts';

type App = { name: string; at: number };
type Document = { version: number; apps: App[] };

const parse = (value: unknown) => value as Document;
const appsOf = (version: number): App[] => [
  { name: 'blog', at: 0 },
  { name: 'größe', at: version },
];
const documentOf = (version: number): Document => ({ version, apps: appsOf(version) });

async function place() {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-document-'));
  const file = join(path, 'desired.json');
  return {
    path,
    file,
    /** By a process that knows nothing of the file, so it is written whole. */
    save: (version: number) => new ListFile(file, 'apps', parse).save({ version }, appsOf(version)),
    load: () => new ListFile(file, 'apps', parse).load(),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

test('a first start finds nothing and raises no alarm; what is saved is found again, and the one before it kept', async () => {
  await using here = await place();
  assert.deepEqual(await here.load(), { document: null, from: 'none', alarm: null });
  await here.save(1);
  await here.save(2);
  assert.deepEqual(await here.load(), {
    document: documentOf(2),
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

/** Five saves by one process: the first whole, the others at the end of it. */
async function fiveSaves(file: string): Promise<ListFile<Document>> {
  const list = new ListFile(file, 'apps', parse);
  for (let version = 1; version <= 5; version += 1) await list.save({ version }, appsOf(version));
  await list.settled();
  return list;
}

test('a small change is added to the file, which is read as the last document, and the one before it is kept apart', async () => {
  await using here = await place();
  await fiveSaves(here.file);
  const [text, previous] = await Promise.all([readFile(here.file, 'utf8'), readFile(`${here.file}.previous`, 'utf8')]);
  assert.equal(text.split('\n').length - 1, 2 * 5);
  assert.ok(text.startsWith(previous), 'the beginning of the same chain');
  assert.match(previous, /sha256:[0-9a-f]{64}\n$/, 'it knows that there is one more');
  assert.deepEqual(await here.load(), { document: documentOf(5), from: 'current', alarm: null });
  await rm(here.file);
  assert.deepEqual((await here.load()).document, documentOf(4));
  assert.equal((await stat(`${here.file}.previous`)).mode & 0o777, 0o600);
});

test('E6: changes cut at any byte, or with any byte changed, give way to the document before the last one, and it is said', async () => {
  await using here = await place();
  await fiveSaves(here.file);
  const whole = await readFile(here.file);
  const check = async (bytes: Buffer, what: string) => {
    await writeFile(here.file, bytes);
    const { document, from, alarm } = await here.load();
    assert.deepEqual([document, from], [documentOf(4), 'previous'], what);
    assert.match(alarm!, /desired\.json: .*; using .*\.previous$/);
  };
  for (let length = 0; length < whole.length; length += 1) await check(whole.subarray(0, length), `cut to ${length}`);
  for (let at = 0; at < whole.length; at += 1) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    await check(changed, `changed at ${at}`);
  }
  const lines = whole.toString().split('\n');
  await check(Buffer.from([...lines.slice(0, 2), ...lines.slice(4)].join('\n')), 'a change left out');
  await check(Buffer.concat([whole, Buffer.from('\n')]), 'something more');
});

test('E6: a write that the power cut off half way is none: nobody was answered, and what was before it stands', async () => {
  await using here = await place();
  const list = await fiveSaves(here.file);
  const before = await readFile(here.file);
  const previous = await readFile(`${here.file}.previous`);
  await list.save({ version: 6 }, appsOf(6));
  await list.settled();
  const after = await readFile(here.file);
  await writeFile(`${here.file}.previous`, previous);
  for (let length = before.length; length < after.length; length += 1)
    for (const zeros of [0, after.length - length]) {
      await writeFile(here.file, Buffer.concat([after.subarray(0, length), Buffer.alloc(zeros)]));
      assert.deepEqual(
        await here.load(),
        { document: documentOf(5), from: 'current', alarm: null },
        `${length} ${zeros}`,
      );
    }
  // And whoever goes on from there writes it whole.
  await here.save(7);
  assert.deepEqual(await here.load(), { document: documentOf(7), from: 'current', alarm: null });
  await writeFile(here.file, '');
  assert.deepEqual((await here.load()).document, documentOf(5));
});

test('a file that is not what was left there, or is no longer there, is written whole', async () => {
  await using here = await place();
  const list = await fiveSaves(here.file);
  await writeFile(here.file, 'damaged');
  await list.save({ version: 6 }, appsOf(6));
  assert.deepEqual((await here.load()).document, documentOf(6));
  await rm(here.file);
  await list.save({ version: 7 }, appsOf(7));
  assert.deepEqual(await here.load(), { document: documentOf(7), from: 'current', alarm: null });
  await rm(here.path, { recursive: true });
  await assert.rejects(list.save({ version: 8 }, appsOf(8)), { code: 'ENOENT' });
  await mkdir(here.path);
  await list.save({ version: 8 }, appsOf(8));
  assert.deepEqual((await here.load()).document, documentOf(8));
});

test('a save that is only written is answered when every process finds it, and nothing stays open when it has settled', async () => {
  await using here = await place();
  const list = new ListFile(here.file, 'apps', parse, 'written');
  const open = async () => {
    const all = await readdir('/proc/self/fd');
    const files = await Promise.all(all.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return files.filter((file) => file === here.file).length;
  };
  for (let version = 1; version <= 5; version += 1) {
    await list.save({ version }, appsOf(version));
    assert.deepEqual(await here.load(), { document: documentOf(version), from: 'current', alarm: null });
  }
  assert.equal(await open(), 1);
  await list.settled();
  assert.equal(await open(), 0);
  await list.save({ version: 6 }, appsOf(6));
  assert.equal((await readFile(here.file, 'utf8')).split('\n').length - 1, 2 * 6, 'it goes on at the end');
  await list.settled();
  await rm(here.file);
  assert.deepEqual((await here.load()).document, documentOf(5));
});

test('the next process goes on at the end of the file, also when the last one died before the previous file followed', async () => {
  await using here = await place();
  await fiveSaves(here.file);
  const previous = await readFile(`${here.file}.previous`);
  for (const version of [6, 7, 8]) {
    const list = new ListFile(here.file, 'apps', parse);
    assert.deepEqual((await list.load()).document, documentOf(version - 1));
    await list.save({ version }, appsOf(version));
    await list.settled();
    assert.equal((await readFile(here.file, 'utf8')).split('\n').length - 1, 2 * version);
    const kept = await readFile(here.file);
    await writeFile(here.file, kept.subarray(0, -1));
    assert.deepEqual((await here.load()).document, documentOf(version - 1));
    await writeFile(here.file, kept);
    if (version === 7) await writeFile(`${here.file}.previous`, previous);
  }
});

test('a thousand saves keep the file small, and each is found again with the one before it', async () => {
  await using here = await place();
  const list = new ListFile(here.file, 'apps', parse);
  for (let version = 1; version <= 1000; version += 1) {
    const apps = version % 90 === 0 ? appsOf(version).slice(1) : appsOf(version);
    await list.save({ version }, apps);
    if (version % 7 !== 0) continue;
    await list.settled();
    assert.deepEqual(await here.load(), { document: { version, apps }, from: 'current', alarm: null });
    const kept = await readFile(here.file);
    await writeFile(here.file, 'damaged');
    assert.equal((await here.load()).document?.version, version - 1);
    await writeFile(here.file, kept);
    assert.ok(kept.length < 150_000, `${kept.length} bytes`);
  }
  assert.deepEqual((await readdir(here.path)).sort(), ['desired.json', 'desired.json.previous']);
});
