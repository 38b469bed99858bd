// The snapshot on disk under damage of every kind: the one before it is used, and damage never means "no routes".
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RouteSnapshot } from '../domain/route.ts';
import { loadSnapshot, previousOf, SnapshotFile } from './snapshot-file.ts';
import { routeOf, snapshotOf } from './test-router.ts';

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-snapshot-'));
  const file = join(path, 'snapshot.json');
  const save = (snapshot: RouteSnapshot) => new SnapshotFile(file).save(snapshot);
  return { path, file, save, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('a first start finds nothing, and what is saved is found again, readable by its owner only', async () => {
  await using home = await folder();
  assert.deepEqual(await loadSnapshot(home.file), { snapshot: null, source: 'none', problem: null });
  await home.save(snapshotOf(1, [routeOf({})]));
  await home.save(snapshotOf(2, []));
  assert.deepEqual((await loadSnapshot(home.file)).snapshot, snapshotOf(2, []));
  assert.equal((await stat(home.file)).mode & 0o777, 0o600);
  assert.deepEqual((await readdir(home.path)).sort(), ['snapshot.json', 'snapshot.json.previous']);
});

test('E6: a file cut anywhere, or with a byte changed, gives way to the one before it', async () => {
  await using home = await folder();
  await home.save(snapshotOf(1, [routeOf({})]));
  await home.save(snapshotOf(2, [routeOf({})]));
  const whole = await readFile(home.file);
  const check = async (bytes: Buffer) => {
    await writeFile(home.file, bytes);
    const loaded = await loadSnapshot(home.file);
    assert.deepEqual([loaded.source, loaded.snapshot?.generation], ['previous', 1]);
    assert.match(loaded.problem!, /snapshot\.json/);
  };
  for (let length = 0; length < whole.length; length += 1) await check(whole.subarray(0, length));
  for (let at = 0; at < whole.length - 1; at += 1) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    await check(changed);
  }
  await rm(home.file);
  assert.equal((await loadSnapshot(home.file)).source, 'previous', 'gone');
});

test('E6: a damaged file never becomes the one before', async () => {
  await using home = await folder();
  await home.save(snapshotOf(1, []));
  await home.save(snapshotOf(2, []));
  await writeFile(home.file, 'damaged');
  await home.save(snapshotOf(3, []));
  await writeFile(home.file, 'damaged again');
  assert.equal((await loadSnapshot(home.file)).snapshot?.generation, 1);
});

test('E6: when neither can be read it says so instead of taking it for a first start', async () => {
  await using home = await folder();
  await home.save(snapshotOf(1, []));
  await writeFile(home.file, 'damaged');
  await writeFile(previousOf(home.file), '');
  await assert.rejects(loadSnapshot(home.file), { code: 'home-unreachable' });
});
