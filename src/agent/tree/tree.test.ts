import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import type { TreeCaps } from '../../domain/tree-caps.ts';
import { blobHash, gitTreeId } from './git-tree-hash.ts';
import { copyTree, type PlaceSpec, placeTree } from './place-tree.ts';
import { decodeTree, encodeTree, type TreeFile, type TreeMode } from './tree-stream.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-tree-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const root = process.getuid?.() === 0;

const file = (path: string, text: string, mode: TreeMode = '100644'): TreeFile => {
  const content = Buffer.from(text);
  return { mode, path: Buffer.from(path), size: content.length, content };
};
const hashed = (files: readonly TreeFile[]): string =>
  gitTreeId(
    files.map((f) => {
      const hash = blobHash(f.size);
      hash.update(f.content as Buffer);
      return { mode: f.mode, path: f.path, blobId: hash.id() };
    }),
  );
const sample = [
  file('a/b', 'inner\n'),
  file('a.b', 'dot\n'),
  file('a-b', ''),
  file('a0', 'zero'),
  file('bin/run', '#!/bin/sh\n', '100755'),
  file('deep/er/link', '../../a/b', '120000'),
  file('z\u00e9 \n', 'odd name'),
  file('big', 'x'.repeat(300_000)),
];

/** The tree in a real repository: its id, and its files as git gives them. */
function inGit(files: readonly TreeFile[]): { id: string; files: TreeFile[] } {
  const repo = mkdtempSync(join(scratch, 'repo-'));
  const git = (args: string[], input?: Buffer | string): Buffer =>
    execFileSync('git', ['-C', repo, ...args], {
      ...(input === undefined ? {} : { input }),
      env: { PATH: process.env.PATH, HOME: repo },
    });
  git(['init', '-q']);
  const lines = files.map((f) => {
    const id = git(['hash-object', '-w', '--stdin'], f.content as Buffer)
      .toString()
      .trim();
    return Buffer.concat([Buffer.from(`${f.mode} ${id}\t`), f.path, Buffer.from('\0')]);
  });
  git(['update-index', '-z', '--index-info'], Buffer.concat(lines));
  const id = git(['write-tree']).toString().trim();
  const listed = git(['ls-tree', '-r', '-z', '-l', id]).toString('latin1').split('\0').filter(Boolean);
  return {
    id,
    files: listed.map((line) => {
      const [, mode, blob, size, path] = /^(\d+) blob (\w+) +(\d+)\t(.*)$/s.exec(line)!;
      return {
        mode: mode as TreeMode,
        size: Number(size),
        path: Buffer.from(path!, 'latin1'),
        content: git(['cat-file', 'blob', blob!]),
      };
    }),
  };
}

async function* inChunks(source: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; at += length) yield chunk.subarray(at, at + length);
}

function spec(expectedTreeId: string): PlaceSpec & { base: string } {
  const base = mkdtempSync(join(scratch, 'place-'));
  const id = root ? 54321 : null;
  return {
    base,
    expectedTreeId,
    release: { path: join(base, 'release'), gid: id },
    gate: { path: join(base, 'gate'), uid: id, gid: id },
  };
}

test('a tree id is the one that git computes, also where directories and names sort apart', () => {
  assert.equal(hashed(sample), inGit(sample).id);
  assert.equal(hashed([]), '4b825dc642cb6eb9a060e54bf8d69288fbee4904');
});

test('a tree of git arrives twice, with modes, links and owners', async () => {
  const tree = inGit(sample);
  const where = spec(tree.id);
  const placed = await placeTree(decodeTree(inChunks(encodeTree(tree.files), 1000)), where);
  assert.deepEqual({ ...placed, bytes: 0 }, { treeId: tree.id, files: sample.length, bytes: 0, wasThere: false });
  await copyTree(where.release.path, join(where.base, 'again'), root ? 54322 : null, root ? 54321 : null);
  for (const [name, run, plain] of [
    ['release', root ? 0o750 : 0o550, root ? 0o640 : 0o440],
    ['gate', 0o700, 0o600],
    ['again', 0o700, 0o600],
  ] as const) {
    const at = (path: string) => join(where.base, name, path);
    for (const f of sample.filter(({ mode }) => mode !== '120000'))
      assert.deepEqual(readFileSync(at(f.path.toString())), f.content);
    assert.equal(readlinkSync(at('deep/er/link')), '../../a/b');
    assert.equal(lstatSync(at('bin/run')).mode & 0o7777, run);
    assert.equal(lstatSync(at('a.b')).mode & 0o7777, plain);
    if (!root) continue;
    const uid = { release: 0, gate: 54321, again: 54322 }[name];
    for (const path of ['.', 'a', 'a/b', 'deep/er/link', 'bin/run'])
      assert.deepEqual([lstatSync(at(path)).uid, lstatSync(at(path)).gid], [uid, 54321], `${name} ${path}`);
  }
});

test('a tree that is there already is kept, and nothing partial stays', async () => {
  const where = spec(hashed(sample));
  await placeTree(decodeTree(encodeTree(sample)), { ...where, gate: null });
  const again = await placeTree(decodeTree(encodeTree(sample)), where);
  assert.equal(again.wasThere, true);
  assert.deepEqual(readdirSync(where.base).sort(), ['gate', 'release']);
});

test('the gate copy is whole, and told of, before the release is written; what is too much to be held is written twice at once', async () => {
  const large = Array.from({ length: 45 }, (_, at) => file(`large/${at}`, String(at % 10).repeat(200_000)));
  const small = Array.from({ length: 40 }, (_, at) => file(`small/${at}`, `${at}`));
  const files = [...small, ...large];
  const where = spec(hashed(files));
  const filesIn = (name: string) =>
    readdirSync(join(where.base, name), { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('/'));
  let told = 0;
  /** Of the release, once who waited for the copy has done what needs no event. */
  let atBegin = -1;
  const onGateCopy = () => {
    told += 1;
    for (const one of files) assert.deepEqual(readFileSync(join(where.base, 'gate', `${one.path}`)), one.content);
    const [release] = readdirSync(where.base).filter((name) => name !== 'gate');
    assert.match(release!, /^release\.partial-/);
    // 8 MiB of them are held: those are not there yet.
    assert.deepEqual(
      filesIn(release!).sort(),
      large
        .slice(41)
        .map(({ path }) => `${path}`)
        .sort(),
    );
    void (async () => {
      for (let hop = 0; hop < 50; hop += 1) await null;
      atBegin = filesIn(release!).length;
    })();
  };
  await placeTree(decodeTree(encodeTree(files)), { ...where, onGateCopy });
  assert.deepEqual([told, atBegin], [1, 4]);
  for (const one of files) assert.deepEqual(readFileSync(join(where.base, 'release', `${one.path}`)), one.content);
  assert.equal(filesIn('release').length, files.length);
});

test('a tree with another id than expected leaves nothing', async () => {
  const where = spec(hashed(sample));
  await assert.rejects(placeTree(decodeTree(encodeTree([...sample, file('more', '')])), where), (e) =>
    isFailure(e, 'tree-refused'),
  );
  assert.deepEqual(readdirSync(where.base), []);
});

const caps: TreeCaps = { entries: 3, totalBytes: 100, pathBytes: 20 };
const hostile: [string, TreeFile[], 'tree-refused' | 'too-large'][] = [
  ['an absolute path', [file('/etc/x', '')], 'tree-refused'],
  ['a path upwards', [file('a/../../x', '')], 'tree-refused'],
  ['an empty component', [file('a//x', '')], 'tree-refused'],
  ['an empty path', [file('', '')], 'tree-refused'],
  ['a dot', [file('./x', '')], 'tree-refused'],
  ['a .git of any case', [file('a/.GiT/config', '')], 'tree-refused'],
  ['a NUL', [file('a\0b', '')], 'tree-refused'],
  ['a duplicate', [file('a', ''), file('a', '')], 'tree-refused'],
  ['a file below a symlink', [file('a', 'b', '120000'), file('a/x', '')], 'tree-refused'],
  ['a symlink in the place of a directory', [file('a/x', ''), file('a', 'b', '120000')], 'tree-refused'],
  ['a file that would run as its owner', [file('a', '', '104755' as TreeMode)], 'tree-refused'],
  ['a device', [file('a', '', '020666' as TreeMode)], 'tree-refused'],
  [
    'a chain of links out',
    [file('a', 'b/..', '120000'), file('b', 'c', '120000'), file('c', '..', '120000')],
    'tree-refused',
  ],
  ['a directory and a link of one name', [file('a', '..', '120000'), file('a/b', '')], 'tree-refused'],
  ['a submodule', [file('a', '', '160000' as TreeMode)], 'tree-refused'],
  ['an absolute link', [file('a', '/etc/passwd', '120000')], 'tree-refused'],
  ['a link upwards', [file('d/a', '../../x', '120000')], 'tree-refused'],
  ['a link that leaves through a link', [file('d/x', '..', '120000'), file('l', 'd/x/..', '120000')], 'tree-refused'],
  ['a long path', [file('x'.repeat(21), '')], 'tree-refused'],
  ['too many bytes', [file('a', 'x'.repeat(60)), file('b', 'x'.repeat(60))], 'too-large'],
  ['too many files', ['a', 'b', 'c', 'd'].map((name) => file(name, '')), 'too-large'],
];
for (const [what, files, code] of hostile)
  test(`G1: refused, with nothing left: ${what}`, async () => {
    const where = spec(hashed([]));
    await assert.rejects(placeTree(decodeTree(encodeTree(files), caps), where), (error) => {
      assert.ok(isFailure(error, code), String(error));
      assert.ok(error.advice);
      assert.doesNotMatch(error.message, /that arrived/);
      return true;
    });
    assert.deepEqual(readdirSync(where.base), []);
    assert.ok(!existsSync('/etc/x'));
  });

test('G1: names that differ in case only are two files, also where one is a link', async () => {
  const files = [file('A', 'b', '120000'), file('B', 'upper'), file('a', 'lower'), file('b', 'target')];
  const where = spec(hashed(files));
  await placeTree(decodeTree(encodeTree(files)), where);
  assert.deepEqual(readdirSync(where.release.path).sort(), ['A', 'B', 'a', 'b']);
  assert.equal(readFileSync(join(where.release.path, 'A'), 'utf8'), 'target');
  assert.equal(readFileSync(join(where.release.path, 'a'), 'utf8'), 'lower');
});

test('a stream that is cut or has a tail is refused', async () => {
  const whole = await gather(encodeTree(sample.slice(0, 2)));
  const drain = async (bytes: Buffer): Promise<void> => {
    for await (const _ of decodeTree(
      inChunks(
        (async function* () {
          yield bytes;
        })(),
        7,
      ),
    ));
  };
  await drain(whole);
  for (const bytes of [
    whole.subarray(0, -1),
    whole.subarray(0, 30),
    Buffer.concat([whole, whole]),
    Buffer.from('GET / HTTP'),
  ])
    await assert.rejects(drain(bytes), (error) => isFailure(error, 'tree-refused'));
});

test('a loop of links leads nowhere and is allowed', async () => {
  const files = [file('a', 'b', '120000'), file('b', 'a', '120000')];
  assert.equal((await placeTree(decodeTree(encodeTree(files)), spec(hashed(files)))).files, 2);
});

async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}
