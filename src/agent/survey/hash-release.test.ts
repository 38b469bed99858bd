import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../exec/exec.ts';
import { ReleaseHashes } from './hash-release.ts';

let folder: string;
let release: string;
let volumes: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-hash-'));
  release = join(folder, 'release');
  volumes = join(folder, 'volumes');
  mkdirSync(join(release, 'a', 'b'), { recursive: true });
  mkdirSync(join(release, 'empty'));
  writeFileSync(join(release, 'a.txt'), 'one\n');
  writeFileSync(join(release, 'a', 'b', 'two'), '');
  writeFileSync(join(release, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('a.txt', join(release, 'link'));
});
after(() => rmSync(folder, { recursive: true }));

/** What git itself says of the folder. */
async function gitsOwn(): Promise<string> {
  const git = ['git', `--git-dir=${join(folder, 'git')}`, `--work-tree=${release}`];
  const env = { PATH: process.env.PATH!, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', HOME: folder };
  await run(['git', 'init', '-q', '--bare', join(folder, 'git')], { env, okCodes: [0] });
  await run([...git, 'add', '-A', '.'], { env, cwd: release, okCodes: [0] });
  return (await run([...git, 'write-tree'], { env, okCodes: [0] })).stdout.trim();
}

const fresh = { isFresh: true, withListing: false };
const usual = { isFresh: false, withListing: false };

test('the id is the one that git gives, and the files are listed when asked for', async () => {
  const read = await new ReleaseHashes().read(release, { volumes, isFresh: true, withListing: true });
  assert.equal(read.treeId, await gitsOwn());
  assert.equal(read.files, 4);
  assert.deepEqual(read.listing?.map(({ path, mode }) => `${mode} ${path}`).sort(), [
    '100644 a.txt',
    '100644 a/b/two',
    '100755 run.sh',
    '120000 link',
  ]);
});

test('a second reading is remembered, until any inode changes; one that is asked to be fresh never is', async () => {
  const hashes = new ReleaseHashes();
  const read = (options: typeof usual) => hashes.read(release, { volumes, ...options });
  // Long enough after the last change for it to count.
  await sleep(1200);
  const first = await read(usual);
  assert.equal(first.isCached, false);
  assert.deepEqual(await read(usual), { ...first, isCached: true });
  assert.equal((await read(fresh)).isCached, false);
  // The same length, and the times put back: ctime tells all the same.
  const file = join(release, 'a.txt');
  utimesSync(file, 1, 1);
  await sleep(1200);
  const before = await read(usual);
  writeFileSync(file, 'two\n');
  utimesSync(file, 1, 1);
  const after = await read(usual);
  assert.equal(after.isCached, false);
  assert.notEqual(after.treeId, before.treeId);
  assert.equal(after.treeId, await gitsOwn());
});

test('a reading beside a change is not remembered: the next change may bear the same ctime', async () => {
  const hashes = new ReleaseHashes();
  writeFileSync(join(release, 'a.txt'), 'one\n');
  await hashes.read(release, { volumes, ...usual });
  assert.equal((await hashes.read(release, { volumes, ...usual })).isCached, false);
});

test('volume links are told and left out; any other link is a file of the tree', async () => {
  const plain = (await new ReleaseHashes().read(release, { volumes, ...fresh })).treeId;
  symlinkSync(join(volumes, 'data'), join(release, 'a', 'data'));
  const linked = await new ReleaseHashes().read(release, { volumes, ...fresh });
  assert.deepEqual([linked.treeId, linked.volumes], [plain, { 'a/data': 'data' }]);
  rmSync(join(release, 'a', 'data'));
  symlinkSync('/etc/passwd', join(release, 'a', 'data'));
  const strange = await new ReleaseHashes().read(release, { volumes, ...fresh });
  assert.notEqual(strange.treeId, plain);
  assert.deepEqual(strange.volumes, {});
  rmSync(join(release, 'a', 'data'));
});

test('what others may write is told, and limits end a reading', async () => {
  chmodSync(join(release, 'run.sh'), 0o757);
  const { loose } = await new ReleaseHashes().read(release, { volumes, ...fresh });
  assert.match(loose.join(), /run\.sh \(757/);
  chmodSync(join(release, 'run.sh'), 0o755);
  const small = (limits: object) => new ReleaseHashes({ files: 10, bytes: 1000, ms: 1000, ...limits });
  await assert.rejects(small({ files: 2 }).read(release, { volumes, ...fresh }), { code: 'too-large' });
  await assert.rejects(small({ bytes: 5 }).read(release, { volumes, ...fresh }), { code: 'too-large' });
  await assert.rejects(small({}).read(join(folder, 'nothing'), { volumes, ...fresh }), { code: 'not-found' });
});

test('a release that was collected is forgotten when another of the app is read', async () => {
  const hashes = new ReleaseHashes();
  const trees = mkdtempSync(join(folder, 'trees-'));
  const ids = ['one', 'two', 'three'];
  for (const name of ids) {
    mkdirSync(join(trees, name));
    writeFileSync(join(trees, name, 'page'), name);
  }
  await sleep(1200);
  for (const name of ['one', 'two']) await hashes.read(join(trees, name), { volumes, ...usual });
  await hashes.read(release, { volumes, ...usual });
  assert.equal(hashes.size, 3);
  rmSync(join(trees, 'one'), { recursive: true });
  await hashes.read(join(trees, 'three'), { volumes, ...usual });
  assert.equal(hashes.size, 3);
  assert.equal((await hashes.read(join(trees, 'two'), { volumes, ...usual })).isCached, true);
});
