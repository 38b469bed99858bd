// A home goes into a file and comes back as it was; everything else is refused, and leaves the home empty.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { CommitId } from '../domain/ids.ts';
import { run } from '../exec/exec.ts';
import { branchRef, type RefName } from '../git/argv.ts';
import { openGit } from '../git/git.ts';
import { packOf } from '../git/pack.ts';
import { checkHome } from '../main/up-checks.ts';
import { createBackup, pinMain } from './create.ts';
import type { EntryHead } from './entries.ts';
import { blobPath } from './image-path.ts';
import { keptFile, repositoryFolder, volumesFolder } from './kept.ts';
import { sweepPlainCopies } from './plain-copy.ts';
import { restoreBackup } from './restore.ts';
import { type KeptApp, readSnapshot } from './snapshot.ts';
import { forge, newId, TestHome } from './test-home.ts';
import { verifyBackup } from './verify.ts';
import { walkVolume } from './walk-volume.ts';

const isRoot = process.getuid?.() === 0;
const main = branchRef('main' as never);
const passphrase = 'correct horse battery';

const create = (one: TestHome, more: { passphrase?: string | null; isRoot?: boolean } = {}) =>
  createBackup({
    ...{ home: one.home, file: one.file, passphrase: null, program: '0.1.0', nowMs: 1, isRoot: false, cost: 2 ** 10 },
    ...more,
  });
const restore = (one: TestHome, to = join(one.folder, 'restored'), secret: string | null = null) =>
  restoreBackup({ home: to, file: one.file, passphrase: secret, isRoot: false, control: null });

test('everything of a home comes back: database, refs, secrets, volumes with their links and modes', async () => {
  await using one = await TestHome.make();
  const odd = Buffer.from([0x66, 0xff, 0x20, 0x0a]);
  mkdirSync(join(one.volume, 'deep', 'er'), { recursive: true });
  writeFileSync(join(one.volume, 'deep', 'er', 'text'), 'some text', { mode: 0o640 });
  writeFileSync(Buffer.concat([Buffer.from(`${one.volume}/`), odd]), 'odd');
  writeFileSync(join(one.volume, 'empty'), '');
  writeFileSync(join(one.volume, 'big'), Buffer.alloc(3_000_000, 7));
  symlinkSync('../../../../../etc/passwd', join(one.volume, 'link'));
  await one.git(['update-ref', 'refs/heads/other', await one.git(['rev-parse', 'main'])]);
  await one.git([
    'update-ref',
    'refs/tags/blob',
    await one.git(['hash-object', '-w', '--stdin'], 'a tag may name a file'),
  ]);
  const made = await create(one, { passphrase });
  assert.deepEqual([made.apps, made.volumes.files, made.volumes.leftOut, made.notes], [1, 4, 0, []]);
  assert.equal(statSync(one.file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(one.folder).sort(), ['home', 'today.lockstep'], 'nothing is left beside it');

  const home = join(one.folder, 'restored');
  const { apps } = await restore(one, home, passphrase);
  assert.deepEqual(apps, readSnapshot(join(one.home, 'control', 'lockstep.db')).apps);
  for (const name of ['owner.token', 'receipt.key', 'node-id'] as const) {
    assert.deepEqual(readFileSync(keptFile(home, name)), readFileSync(keptFile(one.home, name)));
    assert.equal(statSync(keptFile(home, name)).mode & 0o777, 0o600);
  }
  const refs = (of: string) => openGit({ repositoryPath: repositoryFolder(of, one.app.id) }).listRefs('refs/');
  assert.deepEqual(await refs(home), await refs(one.home));
  const volume = join(volumesFolder(home, one.app.id), 'data');
  assert.deepEqual(readdirSync(volume, 'buffer'), readdirSync(one.volume, 'buffer'));
  assert.deepEqual(readFileSync(join(volume, 'big')), Buffer.alloc(3_000_000, 7));
  const [before, after] = [one.volume, volume].map((root) => statSync(join(root, 'deep', 'er', 'text')));
  assert.deepEqual([after!.mode, Math.round(after!.mtimeMs)], [before!.mode, Math.round(before!.mtimeMs)]);
  assert.equal(readlinkSync(join(volume, 'link')), '../../../../../etc/passwd');
  assert.ok(!existsSync(join(home, 'restore-incomplete')));
});

test('the images of the own registry come back, each layer as its name says, and nothing else that lies there', async () => {
  await using one = await TestHome.make();
  const root = (home: string) => join(home, 'registry', 'data', 'docker', 'registry', 'v2');
  const hex = createHash('sha256').update('layer').digest('hex');
  const files: Record<string, string> = {
    [blobPath(hex)]: 'layer',
    [`repositories/web/api/_layers/sha256/${hex}/link`]: `sha256:${hex}`,
    [`repositories/web/api/_manifests/revisions/sha256/${hex}/link`]: `sha256:${hex}`,
    'repositories/web/api/_manifests/tags/latest/current/link': `sha256:${hex}`,
  };
  const others = { 'repositories/web/_uploads/1/data': 'half', 'blobs/sha256/ab/x/data': 'x', secret: 'x' };
  for (const [path, text] of Object.entries({ ...files, ...others })) {
    mkdirSync(dirname(join(root(one.home), path)), { recursive: true });
    writeFileSync(join(root(one.home), path), text);
  }
  writeFileSync(join(one.home, 'registry', 'config.yml'), 'a secret');
  symlinkSync('/etc/passwd', join(root(one.home), 'repositories', 'web', 'link'));
  const made = await create(one);
  assert.deepEqual([made.images.files, made.images.bytes], [4, 5 + 3 * 71]);
  const home = join(one.folder, 'restored');
  await restore(one, home);
  const found = readdirSync(join(home, 'registry'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  assert.deepEqual(
    Object.fromEntries(
      found.map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [relative(root(home), path), readFileSync(path, 'utf8')];
      }),
    ),
    files,
  );
  assert.deepEqual((await verifyBackup(one.file, null)).problems, []);
  rmSync(one.file);
  rmSync(join(root(one.home), blobPath(hex)));
  await create(one);
  assert.deepEqual((await verifyBackup(one.file, null)).problems, [
    `of web/api@sha256:${hex} the registry has no file`,
  ]);
});

test('as root, volumes belong to their app again and the rest to control; links to others’ files are left out', {
  skip: !isRoot,
}, async () => {
  await using one = await TestHome.make();
  mkdirSync(one.volume, { recursive: true });
  writeFileSync(join(one.folder, 'secret'), 'of root');
  writeFileSync(join(one.volume, 'own'), 'own');
  for (const path of [one.volume, join(one.volume, 'own')]) chownSync(path, one.app.liveUid!, one.app.gid!);
  linkSync(join(one.folder, 'secret'), join(one.volume, 'hard'));
  const made = await create(one, { isRoot: true });
  assert.deepEqual([made.volumes.files, made.volumes.leftOut], [1, 1]);
  const home = join(one.folder, 'restored');
  const control = { uid: 39_990, gid: 39_990 };
  const mask = process.umask(0o077);
  await restoreBackup({ home, file: one.file, passphrase: null, isRoot: true, control });
  process.umask(mask);
  assert.equal(statSync(home).mode & 0o777, 0o711);
  const volume = join(volumesFolder(home, one.app.id), 'data');
  const ownerOf = (path: string) => [lstatSync(path).uid, lstatSync(path).gid];
  assert.deepEqual(readdirSync(volume), ['own']);
  for (const path of [volume, join(volume, 'own')]) assert.deepEqual(ownerOf(path), [one.app.liveUid, one.app.gid]);
  for (const path of readdirSync(join(home, 'control'), { recursive: true }) as string[])
    assert.deepEqual(ownerOf(join(home, 'control', path)), [39_990, 39_990], path);
  assert.deepEqual([ownerOf(join(home, 'apps')), statSync(join(home, 'apps')).mode & 0o777], [[0, 0], 0o700]);
});

test('a wrong passphrase, a cut file and a home that is not empty are refused, and nothing stays', async () => {
  await using one = await TestHome.make();
  await create(one, { passphrase });
  const home = join(one.folder, 'restored');
  await assert.rejects(restore(one, home, 'another passphrase'), { code: 'bad-backup' });
  assert.ok(!existsSync(home));
  mkdirSync(home);
  const whole = readFileSync(one.file);
  for (const part of [0.1, 0.5, 0.9, 0.999]) {
    writeFileSync(one.file, whole.subarray(0, Math.floor(whole.length * part)));
    await assert.rejects(restore(one, home, passphrase), { code: 'bad-backup' });
    assert.deepEqual(readdirSync(home), []);
  }
  writeFileSync(one.file, whole);
  writeFileSync(join(home, 'mine'), 'mine');
  await assert.rejects(restore(one, home, passphrase), { code: 'conflict', message: /is not empty/ });
  assert.deepEqual(readdirSync(home), ['mine']);
  await assert.rejects(create(one), { code: 'conflict', message: /is there already/ });
  await assert.rejects(
    createBackup({
      ...one,
      home: join(one.folder, 'absent'),
      file: join(one.folder, 'x'),
      passphrase: null,
      program: '',
      nowMs: 1,
      isRoot: false,
    }),
    { code: 'not-found' },
  );
});

test('a restore that the disk does not confirm is none', async () => {
  await using one = await TestHome.make();
  await create(one);
  const before = process.env.PATH;
  mkdirSync(join(one.folder, 'bin'));
  writeFileSync(join(one.folder, 'bin', 'sync'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  process.env.PATH = `${join(one.folder, 'bin')}:${before}`;
  try {
    await assert.rejects(restore(one), /sync ended with 1/);
  } finally {
    process.env.PATH = before;
  }
  assert.ok(!existsSync(join(one.folder, 'restored')));
});

test('a repository that cannot be read to its end fails the backup, however slowly it is written', async () => {
  await using one = await TestHome.make();
  // git reads the broken blob when it has sent the tree.
  const broken = await one.git(['hash-object', '-w', '--stdin'], randomBytes(20_000).toString('base64'));
  const names = Array.from({ length: 10_000 }, () => randomBytes(20).toString('base64url'));
  const tree = await one.git(['mktree'], names.map((name) => `100644 blob ${broken}\t${name}\n`).join(''));
  const path = repositoryFolder(one.home, one.app.id);
  const file = join(path, 'objects', broken.slice(0, 2), broken.slice(2));
  const bytes = readFileSync(file);
  rmSync(file);
  writeFileSync(file, bytes.fill(0, 1000));
  const unhandled: unknown[] = [];
  const saw = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', saw);
  let pieces = 0;
  const write = async () => {
    for await (const _piece of packOf(path, [tree as never])) {
      pieces += 1;
      // Something that takes its time, as the disk may.
      await one.git(['version']);
    }
  };
  await assert.rejects(write(), { code: 'git-failed' });
  process.off('unhandledRejection', saw);
  assert.ok(pieces > 1);
  assert.deepEqual(unhandled, []);
});

test('a home that a power cut left half restored starts nothing', () => {
  const home = join('/tmp', `lockstep-half-${process.pid}`);
  mkdirSync(home);
  try {
    writeFileSync(join(home, 'restore-incomplete'), '');
    assert.throws(() => checkHome(home, false), { code: 'home-unreachable', message: /half restored/ });
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('hostile archives put nothing anywhere', async (t) => {
  await using one = await TestHome.make();
  const { id } = one.app;
  one.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  one.database.close();
  const database = join(one.home, 'control', 'lockstep.db');
  const plain = new DatabaseSync(database);
  plain.exec('PRAGMA journal_mode=DELETE');
  plain.close();
  const good = readFileSync(database);
  const { schema } = readSnapshot(database);
  const changed = (sql: string): Buffer => {
    const path = join(one.folder, 'changed.db');
    writeFileSync(path, good);
    const copy = new DatabaseSync(path);
    copy.exec(`PRAGMA foreign_keys=OFF; ${sql}`);
    copy.close();
    const bytes = readFileSync(path);
    rmSync(path);
    return bytes;
  };
  const refs = await one.git(['for-each-ref', '--format=%(objectname) %(refname)']);
  const packed: Buffer[] = [];
  for await (const piece of packOf(repositoryFolder(one.home, id), [refs.slice(0, 40) as never])) packed.push(piece);
  const pack = Buffer.concat(packed);
  type Parts = readonly (readonly [EntryHead, (Uint8Array | string)?])[];
  const manifest = [{ kind: 'manifest', program: '0.1.0', schema, madeAtMs: 1, hasIdentities: false }] as const;
  const head: Parts = [manifest, [{ kind: 'database' }, good]];
  const repository: Parts = [
    [{ kind: 'refs', app: id }, `${refs}\n`],
    [{ kind: 'pack', app: id }, pack],
  ];
  const path = (text: string) => Buffer.from(text).toString('base64url');
  const node = (text: string, more: object): EntryHead =>
    ({ kind: 'node', app: id, volume: 'data', path: path(text), ...more }) as unknown as EntryHead;
  const folder = { type: 'directory', mode: 0o755 };
  const file = { type: 'file', mode: 0o644, mtimeMs: 0 };
  const withNodes = (...nodes: Parts): Parts => [...head, ...repository, [node('', folder)], ...nodes];
  const brokenPack = Buffer.from(pack);
  brokenPack[Math.floor(pack.length / 2)]! ^= 1;
  const inner = await one.git(
    ['mktree'],
    `100644 blob ${await one.git(['hash-object', '-w', '--stdin'], '[core]')}\tconfig\n`,
  );
  const evil = await one.git(['commit-tree', await one.git(['mktree'], `040000 tree ${inner}\t.git\n`), '-m', 'evil']);
  const evilPieces: Buffer[] = [];
  for await (const piece of packOf(repositoryFolder(one.home, id), [evil as never])) evilPieces.push(piece);
  const hex = createHash('sha256').update('layer').digest('hex');
  const link = `sha256:${hex}`;
  const image = (to: string): EntryHead => ({ kind: 'image', path: to });
  const cases: Record<string, Parts> = {
    'a path above the registry': [...head, ...repository, [image('../x'), 'x']],
    'a repository above the registry': [
      ...head,
      ...repository,
      [image(`repositories/../x/_layers/sha256/${hex}/link`), link],
    ],
    'a tag above the registry': [
      ...head,
      ...repository,
      [image('repositories/web/_manifests/tags/../current/link'), link],
    ],
    'a layer that is not what its name says': [...head, ...repository, [image(blobPath(hex)), 'x']],
    'a layer in another’s place': [...head, ...repository, [image(`blobs/sha256/ff/${hex}/data`), 'layer']],
    'a link to something else': [
      ...head,
      ...repository,
      [image(`repositories/web/_layers/sha256/${hex}/link`), '/etc/shadow'],
    ],
    'a layer twice': [...head, ...repository, [image(blobPath(hex)), 'layer'], [image(blobPath(hex)), 'layer']],
    'a path above the volume': withNodes([node('../x', file), 'x']),
    'an absolute path': withNodes([node('/x', file), 'x']),
    'a path with a NUL': withNodes([node('a\0b', file), 'x']),
    'a file through a link': withNodes([node('out', { type: 'link' }), one.folder], [node('out/x', file), 'x']),
    'a folder through a link': withNodes([node('out', { type: 'link' }), one.folder], [node('out/x', folder)]),
    'a file in place of a link': withNodes(
      [node('out', { type: 'link' }), join(one.folder, 'x')],
      [node('out', file), 'x'],
    ),
    'a file in no folder': withNodes([node('none/x', file), 'x']),
    'a file twice': withNodes([node('x', file), 'x'], [node('x', file), 'x']),
    'a volume that is a link': [...head, ...repository, [node('', { type: 'link' }), one.folder]],
    'a mode with setuid': withNodes([node('x', { ...file, mode: 0o4755 }), 'x']),
    'a volume’s name with a path': withNodes([{ ...node('x', file), volume: '../x' } as EntryHead, 'x']),
    'an app that is none': [...head, [{ kind: 'refs', app: '../../x' }, '']],
    'an app that the database does not know': [...head, [{ kind: 'refs', app: newId('app') }, '']],
    'a file of another name': [...head, [{ kind: 'file', name: '../../x' as never }, 'x']],
    'a secret twice': [...head, [{ kind: 'file', name: 'node-id' }, 'x'], [{ kind: 'file', name: 'node-id' }, 'x']],
    'a second database': [...head, [{ kind: 'database' }, good]],
    'no database': [manifest, ...repository],
    'no manifest': [[{ kind: 'database' }, good], ...repository],
    'no repository': head,
    'refs without their objects': [...head, [{ kind: 'refs', app: id }, `${refs}\n`]],
    'a pack without its refs': [...head, [{ kind: 'pack', app: id }, pack]],
    'a pack that is damaged': [...head, repository[0]!, [{ kind: 'pack', app: id }, brokenPack]],
    'a pack that is none': [...head, repository[0]!, [{ kind: 'pack', app: id }, 'PACK']],
    'a tree with a .git in it': [
      ...head,
      [{ kind: 'refs', app: id }, `${evil} refs/heads/main\n`],
      [{ kind: 'pack', app: id }, Buffer.concat(evilPieces)],
    ],
    'a ref outside of refs': [...head, [{ kind: 'refs', app: id }, `${refs.slice(0, 40)} HEAD\n`], repository[1]!],
    'a ref with a path': [
      ...head,
      [{ kind: 'refs', app: id }, `${refs.slice(0, 40)} refs/heads/../../x\n`],
      repository[1]!,
    ],
    'a ref to nothing': [...head, [{ kind: 'refs', app: id }, `${'1'.repeat(40)} refs/heads/x\n`], repository[1]!],
    'a database that is none': [manifest, [{ kind: 'database' }, 'not a database'.repeat(1000)]],
    'an empty database': [manifest, [{ kind: 'database' }, '']],
    'a newer database': [manifest, [{ kind: 'database' }, changed('PRAGMA user_version=999')]],
    'a database with a path for an app': [manifest, [{ kind: 'database' }, changed("UPDATE apps SET id = '../../x'")]],
    'a database whose app is root': [manifest, [{ kind: 'database' }, changed('UPDATE apps SET identity = -20000')]],
    'an unknown kind': [...head, [{ kind: 'surprise' } as never]],
    'an end in the middle': [...head, [{ kind: 'end', entries: 2 }], ...repository],
  };
  const before = one.list('.');
  for (const [name, entries] of Object.entries(cases)) {
    await t.test(name, async () => {
      await forge(one.file, entries);
      await assert.rejects(restore(one), { code: 'bad-backup' });
      rmSync(one.file);
      assert.deepEqual(one.list('.'), before);
    });
  }
  await t.test('and the same parts without malice are taken', async () => {
    await forge(one.file, withNodes([node('x', file), 'x']));
    await restore(one);
    assert.equal(readFileSync(join(volumesFolder(join(one.folder, 'restored'), id), 'data', 'x'), 'utf8'), 'x');
  });
});

test('a volume is read without being led out of it, and without waiting for what never comes', async () => {
  await using one = await TestHome.make();
  const { volume } = one;
  mkdirSync(join(volume, 'a'), { recursive: true });
  mkdirSync(join(volume, 'b'));
  for (const name of ['a', 'b']) writeFileSync(join(volume, name, 'inside'), 'inside');
  mkdirSync(join(one.folder, 'outside'));
  writeFileSync(join(one.folder, 'outside', 'secret'), 'secret');
  await run(['mkfifo', join(volume, 'pipe')], { env: { PATH: process.env.PATH! }, okCodes: [0] });
  const server = createServer().listen(join(volume, 'socket'));
  const counts = { files: 0, bytes: 0, leftOut: 0, changed: 0 };
  const seen: string[] = [];
  for (const at of walkVolume(volume, null, counts)) {
    const path = at.path.toString();
    const data =
      at.type === 'file' ? Buffer.concat([...at.data]).toString() : at.type === 'link' ? at.target.toString() : '';
    seen.push(`${at.type} ${path} ${data}`);
    // The app exchanges the folder that is being read, and the one that comes next, for links.
    if (!['a', 'b'].includes(path) || seen.length !== 2) continue;
    for (const name of ['a', 'b']) {
      renameSync(join(volume, name), join(one.folder, `was-${name}`));
      symlinkSync(join(one.folder, 'outside'), join(volume, name));
    }
  }
  server.close();
  const [, first] = seen;
  const [read, next] = first === 'directory a ' ? ['a', 'b'] : ['b', 'a'];
  assert.deepEqual(seen.sort(), [
    'directory  ',
    `directory ${read} `,
    `file ${read}/inside inside`,
    `link ${next} ${join(one.folder, 'outside')}`,
  ]);
  assert.deepEqual(counts, { files: 1, bytes: 6, leftOut: 2, changed: 0 });
});

test('a file that grows while it is read has an end, and is told', async () => {
  await using one = await TestHome.make();
  mkdirSync(one.volume, { recursive: true });
  const log = join(one.volume, 'log');
  writeFileSync(log, Buffer.alloc(600_000, 1));
  const counts = { files: 0, bytes: 0, leftOut: 0, changed: 0 };
  for (const at of walkVolume(one.volume, null, counts))
    if (at.type === 'file') for (const _ of at.data) writeFileSync(log, Buffer.alloc(600_000, 1), { flag: 'a' });
  assert.deepEqual(counts, { files: 1, bytes: 600_000, leftOut: 0, changed: 1 });
});

test('main is kept where the database of the backup says that it is', () => {
  const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(40) as CommitId) as [
    CommitId,
    CommitId,
    CommitId,
  ];
  const check = (app: Partial<KeptApp>, tip: CommitId | null, expected: CommitId | null, notes: number) => {
    const refs = new Map<RefName, CommitId>(tip ? [[main, tip]] : []);
    const said: string[] = [];
    pinMain({ name: 'blog', mainBranch: 'main' as never, live: null, passed: [], ...app } as KeptApp, refs, said);
    assert.deepEqual([refs.get(main) ?? null, said.length], [expected, notes]);
  };
  const live = { commit: one, tree: one, version: 1 };
  check({ live }, one, one, 0);
  check({ live }, two, one, 1); // landed after the copy of the database
  check({ live, passed: [two] }, two, two, 0); // a start goes forward with it
  check({ live, passed: [two] }, three, one, 1);
  check({}, null, null, 0);
  check({}, one, null, 1); // the first landing, after the copy
  check({ mainBranch: null }, one, null, 1);
  check({ passed: [one] }, one, one, 0);
});

test('a push that lands while the backup is made leaves a backup of one moment', async () => {
  await using one = await TestHome.make();
  const first = (await one.git(['rev-parse', 'main'])) as CommitId;
  const second = await one.commit('second', first);
  await one.moveMain(second, first); // main has moved, and the database does not know
  const { notes } = await create(one);
  assert.match(notes.join(), /main of blog is kept at/);
  const found = await verifyBackup(one.file, null);
  assert.deepEqual([found.apps, found.problems], [[{ name: 'blog', live: 1, releases: 1, problems: [] }], []]);
});

test('a verification says what would not come back, and leaves nothing', async () => {
  await using one = await TestHome.make();
  await create(one);
  const good = await verifyBackup(one.file, null);
  assert.ok(good.totalMs >= good.restoreMs && good.files === 4 && good.apps[0]?.problems.length === 0);
  rmSync(one.file);
  rmSync(keptFile(one.home, 'receipt.key'));
  one.database.exec("UPDATE releases SET tree_id = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'");
  await create(one);
  const bad = await verifyBackup(one.file, null);
  assert.match(bad.apps[0]!.problems.join(), /the tree that was live is not that of its commit/);
  assert.match(bad.problems.join(), /the signing key is not in it/);
  assert.deepEqual(readdirSync(one.folder).sort(), ['home', 'today.lockstep']);
});

test('while an encrypted backup is made no database in the clear lies where it goes, nor for long in the home', async () => {
  await using one = await TestHome.make();
  mkdirSync(one.volume, { recursive: true });
  writeFileSync(join(one.volume, 'big'), randomBytes(20_000_000));
  const control = join(one.home, 'control');
  const magic = Buffer.from('SQLite format 3');
  const beside = new Set<string>();
  const inHome: { names: string[]; modes: number[] }[] = [];
  let isOver = false;
  const watch = (async () => {
    for (; !isOver; await new Promise((resolve) => setImmediate(resolve))) {
      for (const name of readdirSync(one.folder)) {
        const path = join(one.folder, name);
        if (lstatSync(path, { throwIfNoEntry: false })?.isFile() && beginsWith(path, magic)) beside.add(name);
      }
      const names = readdirSync(control).filter((name) => name.startsWith('plain-copy'));
      const modes = names.flatMap((name) => statSync(join(control, name), { throwIfNoEntry: false })?.mode ?? []);
      inHome.push({ names, modes: modes.map((mode) => mode & 0o777) });
    }
  })();
  await create(one, { passphrase });
  isOver = true;
  await watch;
  assert.deepEqual([...beside], []);
  assert.ok(
    inHome.some(({ names }) => names.length > 0),
    'it was seen at work',
  );
  assert.deepEqual(new Set(inHome.flatMap(({ modes }) => modes)), new Set([0o600]));
  const last = inHome.findLastIndex(({ names }) => names.length > 0);
  assert.ok(
    last < inHome.length - 10,
    `it was there until ${last} of ${inHome.length} looks, while the volume was read`,
  );
});

function beginsWith(path: string, mark: Buffer): boolean {
  try {
    const descriptor = openSync(path, 'r');
    const begin = Buffer.alloc(mark.length);
    readSync(descriptor, begin, 0, mark.length, 0);
    closeSync(descriptor);
    return begin.equals(mark);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

test('what a killed backup left in the home is swept, and what another one reads just now is not', async () => {
  await using one = await TestHome.make();
  const control = join(one.home, 'control');
  const [dead, alive] = [`plain-copy-${2 ** 22 + 1}-0123456789ab`, `plain-copy-${process.pid}-0123456789ab`];
  for (const name of [dead, `${dead}-journal`, alive]) writeFileSync(join(control, name), 'x');
  assert.deepEqual(sweepPlainCopies(one.home).sort(), [dead, `${dead}-journal`]);
  await create(one, { passphrase });
  assert.deepEqual(
    readdirSync(control).filter((name) => name.startsWith('plain-copy')),
    [alive],
  );
});
