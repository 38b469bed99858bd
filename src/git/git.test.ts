import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../test/support/until.ts';
import type { CommitId, ObjectId, TreeId } from '../domain/ids.ts';
import { run } from '../exec/exec.ts';
import { Uses } from '../lib/uses.ts';
import { branchRef, emptyTree, type RefName } from './argv.ts';
import { gitEnvironment } from './environment.ts';
import { openGit } from './git.ts';
import { removeLateQuarantines, removeQuarantines } from './left-overs.ts';
import { trimReflogs } from './reflogs.ts';
import { maintain, openRepository } from './repository.ts';

type Entry = { mode: string; path: string | Buffer; id: string };
const someone = { name: 'Ada', email: 'ada@example.org', atSeconds: 1_700_000_000 };
const main = 'refs/heads/main' as RefName;
const nowhere = '1234567890123456789012345678901234567890';

/** A bare repository on disk, filled by git's plumbing so that any byte can stand in a path. */
async function stage() {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-git-'));
  const repository = await openRepository(join(folder, 'app.git'));
  const plumb = async (words: string[], input: string | Buffer) =>
    (
      await run(['git', `--git-dir=${repository.path}`, ...words], { env: gitEnvironment(), input, okCodes: [0] })
    ).stdout.trim();
  const blob = (content: string | Buffer) => plumb(['hash-object', '-w', '--stdin'], content);
  const tree = async (entries: Entry[]) =>
    (await plumb(
      ['mktree', '-z', '--missing'],
      Buffer.concat(
        entries.flatMap(({ mode, path, id }) => [
          Buffer.from(`${mode} ${{ '40': 'tree', '16': 'commit' }[mode.slice(0, 2)] ?? 'blob'} ${id}\t`),
          Buffer.from(path as string),
          Buffer.from([0]),
        ]),
      ),
    )) as TreeId;
  /** A tree of plain files in one folder. */
  const files = async (contents: Record<string, string | Buffer>) =>
    tree(
      await Promise.all(
        Object.entries(contents).map(async ([path, content]) => ({ mode: '100644', path, id: await blob(content) })),
      ),
    );
  const commit = (treeId: TreeId, ...parents: CommitId[]) =>
    repository.git.commitTree({ tree: treeId, parents, message: 'change\n', author: someone, committer: someone });
  return {
    repository,
    git: repository.git,
    privileged: repository.privileged,
    blob,
    tree,
    files,
    commit,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('a tree is listed with whatever git allows in a path, links and submodules', async () => {
  await using s = await stage();
  const id = await s.blob('hello');
  const inner = await s.tree([{ mode: '100755', path: 'run', id }]);
  const odd = Buffer.from([0x66, 0xff, 0xfe]);
  const entries = [
    { mode: '100644', path: ' two  spaces ', id },
    { mode: '40000', path: 'dir', id: inner },
    { mode: '100644', path: odd, id },
    { mode: '120000', path: 'link', id },
    { mode: '160000', path: 'module', id: nowhere },
    { mode: '100644', path: 'new\nline\ttab', id },
    { mode: '100644', path: 'snow ☃ é "q"', id },
  ];
  const listed = await s.git.lsTree(await s.tree(entries));
  assert.deepEqual(
    listed.map((entry) => [entry.mode, entry.type, entry.path, entry.size]),
    [
      ['100644', 'blob', ' two  spaces ', 5],
      ['100755', 'blob', 'dir/run', 5],
      ['100644', 'blob', 'f\uFFFD\uFFFD', 5],
      ['120000', 'blob', 'link', 5],
      ['160000', 'commit', 'module', null],
      ['100644', 'blob', 'new\nline\ttab', 5],
      ['100644', 'blob', 'snow ☃ é "q"', 5],
    ],
  );
  assert.deepEqual(listed[2]!.pathBytes, odd);
  assert.deepEqual(await s.git.lsTree(emptyTree), []);
  await assert.rejects(s.git.lsTree(nowhere as ObjectId), { code: 'git-failed' });
  await assert.rejects(s.git.lsTree(emptyTree, AbortSignal.abort()), { code: 'cancelled' });
});

test('objects come in the order asked for, byte for byte, small and big, and twice when asked twice', async () => {
  await using s = await stage();
  const big = Buffer.alloc(3_000_001, 'x\n');
  const contents = [Buffer.alloc(0), Buffer.from('no newline'), big, Buffer.from([0, 10, 255, 10])];
  const ids = (await Promise.all(contents.map((content) => s.blob(content)))) as ObjectId[];
  const read = await all(s.git.catFiles([...ids, ids[1]!]));
  assert.deepEqual(
    read.map(({ id, content }) => [id, content.equals(contents[ids.indexOf(id)]!)]),
    [...ids, ids[1]].map((id) => [id, true]),
  );
  for await (const one of s.git.catFiles([emptyTree])) assert.equal(one.type, 'tree');
});

test('a large object comes in pieces, and one that nobody reads is passed over', async () => {
  await using s = await stage();
  const big = Buffer.alloc(5_000_000, 'abcdefg');
  const [bigId, smallId] = [(await s.blob(big)) as ObjectId, (await s.blob('small')) as ObjectId];
  const sizes: number[] = [];
  let read = 0;
  for await (const { size, content } of s.git.streamFiles([bigId, smallId, bigId, smallId])) {
    sizes.push(size);
    if (Buffer.isBuffer(content)) assert.equal(content.toString(), 'small');
    else if (read++ === 0) assert.ok(Buffer.concat(await all(content)).equals(big));
    else for await (const _ of content) break;
  }
  assert.deepEqual(sizes, [5_000_000, 5, 5_000_000, 5]);
});

test('an object that is missing or over the limit is refused, and leaving early ends git', async () => {
  await using s = await stage();
  const id = (await s.blob(Buffer.alloc(2_000_000))) as ObjectId;
  await assert.rejects(all(s.git.catFiles([nowhere as ObjectId])), { code: 'not-found' });
  await assert.rejects(all(s.git.catFiles([id], 1_999_999)), { code: 'too-large' });
  assert.equal((await all(s.git.catFiles([id], 2_000_000))).length, 1);
  for await (const { content } of s.git.streamFiles([id, id])) {
    assert.ok(!Buffer.isBuffer(content));
    break;
  }
});

test('changed files are told with renames, modes, types and odd names', async () => {
  await using s = await stage();
  const [a, b, long] = [await s.blob('a\n'), await s.blob('b\n'), await s.blob('one\ntwo\nthree\nfour\nfive\n')];
  const longer = await s.blob('one\ntwo\nthree\nfour\nfive\nsix\n');
  const from = await s.tree([
    { mode: '100644', path: 'gone', id: a },
    { mode: '100644', path: 'mode', id: b },
    { mode: '100644', path: 'old name', id: long },
    { mode: '100644', path: 'type', id: a },
  ]);
  const to = await s.tree([
    { mode: '100755', path: 'mode', id: b },
    { mode: '100644', path: 'new\nname é', id: longer },
    { mode: '160000', path: 'sub', id: nowhere },
    { mode: '120000', path: 'type', id: a },
  ]);
  assert.deepEqual(
    (await s.git.changedFiles(from, to)).map((file) => [
      file.status,
      file.oldPath,
      file.path,
      file.oldMode,
      file.newMode,
    ]),
    [
      ['D', null, 'gone', '100644', '000000'],
      ['M', null, 'mode', '100644', '100755'],
      ['R', 'old name', 'new\nname é', '100644', '100644'],
      ['A', null, 'sub', '000000', '160000'],
      ['T', null, 'type', '100644', '120000'],
    ],
  );
  assert.equal((await s.git.changedFiles(null, from)).length, 4);
  assert.deepEqual(await s.git.changedFiles(from, from), []);
});

test('a diff has no context, and a very large file is not shown in it', async () => {
  await using s = await stage();
  const from = await s.files({ f: '1\n2\n3\n4\n5\n', data: 'small\n' });
  const to = await s.files({ f: '1\n2\nthree\n4\n5\n', data: Buffer.alloc(17 * 2 ** 20, 'long line\n') });
  const diff = await s.git.diff(from, to);
  assert.match(diff, /@@ -3 \+3 @@\n-3\n\+three\n$/);
  assert.match(diff, /Binary files a\/data and b\/data differ/);
  assert.ok(diff.length < 1000);
  assert.match(await s.git.diff(null, from), /--- \/dev\/null\n\+\+\+ b\/f\n@@ -0,0 \+1,5 @@/);
});

test('a merge is clean, or names what conflicts, or is refused without a common ancestor', async () => {
  await using s = await stage();
  const base = await s.commit(await s.files({ 'a é\nb': '1\n', other: '1\n' }));
  const left = await s.commit(await s.files({ 'a é\nb': '2\n', other: '1\n' }), base);
  const right = await s.commit(await s.files({ 'a é\nb': '1\n', other: '2\n' }), base);
  const against = await s.commit(await s.files({ 'a é\nb': '3\n', other: '1\n' }), base);
  assert.deepEqual(await s.git.mergeTree(left, right), {
    isClean: true,
    tree: await s.files({ 'a é\nb': '2\n', other: '2\n' }),
  });
  const conflict = await s.git.mergeTree(left, against);
  assert.ok(!conflict.isClean);
  assert.deepEqual(conflict.conflicts, ['a é\nb']);
  const stranger = await s.commit(await s.files({ x: 'x' }));
  await assert.rejects(s.git.mergeTree(left, stranger), { code: 'conflict' });
});

test('history is asked by commit: trees, parents and ancestry', async () => {
  await using s = await stage();
  const tree = await s.files({ a: '1' });
  const first = await s.commit(tree);
  const second = await s.commit(await s.files({ a: '2' }), first);
  const merge = await s.commit(tree, second, first);
  const parentsOf = async (id: CommitId) => (await s.git.commitOf(id))?.parents;
  assert.deepEqual(
    [await parentsOf(first), await parentsOf(second), await parentsOf(merge)],
    [[], [first], [second, first]],
  );
  assert.equal(await s.git.isAncestor(first, merge), true);
  assert.equal(await s.git.isAncestor(merge, first), false);
  assert.equal(await s.git.isAncestor(first, first), true);
  await assert.rejects(s.git.isAncestor(first, nowhere as CommitId), { code: 'git-failed' });
  assert.equal(await s.git.commitOf(nowhere as ObjectId), null);
  assert.equal(await s.git.commitOf((await s.git.treeOf(first))!), null);
  assert.equal(await s.git.treeOf(first), tree);
  assert.equal(await s.git.treeOf(nowhere as CommitId), null);
});

test('the same commit has the same id, and each part of it counts', async () => {
  await using s = await stage();
  const given = {
    tree: await s.files({ a: '1' }),
    parents: [] as CommitId[],
    message: 'Revert "x"\n\nété $(id) `id`\n',
    author: { name: 'Änne "O\'Neil" <x> B', email: 'a@b', atSeconds: 5 },
    committer: someone,
  };
  const id = await s.git.commitTree(given);
  assert.equal(await s.privileged.commitTree({ ...given, author: { ...given.author, atSeconds: 5.9 } }), id);
  for (const other of [
    { message: 'other' },
    { parents: [id] },
    { tree: emptyTree },
    { author: someone },
    { committer: { ...someone, atSeconds: 1 } },
  ])
    assert.notEqual(await s.git.commitTree({ ...given, ...other }), id);
  for await (const { content } of s.git.catFiles([id])) {
    assert.match(content.toString(), /^author Änne "O'Neil" x B <a@b> 5 \+0000$/m);
    assert.ok(content.toString().endsWith('\n\nRevert "x"\n\nété $(id) `id`\n'));
  }
});

test('a git that is ended after it has moved the ref has moved it', async () => {
  await using s = await stage();
  const id = await s.commit(await s.files({ a: '1' }));
  const hook = join(s.repository.path, 'hooks', 'reference-transaction');
  await writeFile(hook, '#!/bin/sh\n[ "$1" = committed ] && sleep 60\nexit 0\n');
  const hasty = openGit({ repositoryPath: s.repository.path, timeoutMs: 500 });
  assert.equal(await hasty.updateRef(main, id, null, 'landed'), true);
  assert.equal(await s.git.resolveRef(main), id);
});

test('a ref keeps its whole history through packing, and HEAD follows the main branch', async () => {
  await using s = await stage();
  assert.deepEqual(await s.git.refHistory(main), []);
  const ids: CommitId[] = [];
  for (const content of ['1', '2', '3']) {
    const id = await s.commit(await s.files({ a: content }), ...ids.slice(-1));
    assert.equal(await s.privileged.updateRef(main, id, ids.at(-1) ?? null, 'landed'), true);
    assert.equal(await s.privileged.updateRef(main, id, ids.at(-1) ?? null, 'late'), false);
    ids.push(id);
  }
  await s.privileged.maintain('now');
  assert.deepEqual(await s.git.refHistory(main), ids.toReversed());
  assert.deepEqual(await s.git.listRefs('refs/heads/'), new Map([[main, ids[2]]]));
  const master = branchRef('master' as never);
  await s.privileged.setHead(master);
  assert.equal(await s.git.updateRef(master, ids[0]!, null, 'by hand').catch(({ code }) => code), 'git-failed');
  assert.equal(await s.privileged.updateRef(master, ids[0]!, null, 'landed'), true);
});

test('of the moves of a ref so many are remembered, and git reads the log as its own', async () => {
  await using s = await stage();
  const ids: CommitId[] = [];
  for (let at = 0; at < 6; at += 1) {
    const id = await s.commit(await s.files({ a: String(at) }), ...ids.slice(-1));
    assert.equal(await s.privileged.updateRef(main, id, ids.at(-1) ?? null, 'landed'), true);
    ids.push(id);
  }
  assert.equal(await trimReflogs(s.repository.path, 10), 0);
  assert.equal(await trimReflogs(s.repository.path, 4), 4, "of main's log and of HEAD's");
  assert.deepEqual(await s.git.refHistory(main), ids.slice(2).toReversed());
  assert.deepEqual(await s.git.lastMove(main), { to: ids.at(-1), reason: 'landed' });
  const next = await s.commit(await s.files({ a: 'next' }), ids.at(-1)!);
  assert.equal(await s.privileged.updateRef(main, next, ids.at(-1)!, 'landed'), true);
  assert.deepEqual(await s.git.refHistory(main), [...ids.slice(2), next].toReversed());
});

test('what the git of a dead control began to receive after the start goes when no push is under way', async () => {
  await using s = await stage();
  const objects = join(s.repository.path, 'objects');
  const late = join(objects, 'tmp_objdir-incoming-abc');
  const uses = new Uses();
  const push = await uses.begin();
  const asked: string[] = [];
  await mkdir(join(late, 'pack'), { recursive: true });
  await writeFile(join(objects, 'tmp_obj_def'), 'of whoever writes an object now');
  const whenIdle = (name: string, work: () => Promise<void>): void => {
    asked.push(name);
    uses.whenIdle(work);
  };
  removeLateQuarantines(join(s.repository.path, '..'), whenIdle, [1, 30]);
  await until('both looks', () => asked.length === 2);
  assert.deepEqual([new Set(asked), existsSync(late)], [new Set([basename(s.repository.path)]), true]);
  push.release();
  await until('it is gone', () => !existsSync(late));
  assert.ok(existsSync(join(objects, 'tmp_obj_def')));
});

test('a lock that a dead git left goes by its age, and what a slow push is still sending does not', async () => {
  await using s = await stage();
  const first = await s.commit(await s.files({ a: '1' }));
  const second = await s.commit(await s.files({ a: '2' }), first);
  await s.privileged.updateRef(main, first, null, 'landed');
  const arriving = join(s.repository.path, 'objects', 'tmp_objdir-incoming-abc');
  const lock = join(s.repository.path, `${main}.lock`);
  const minutesAgo = Date.now() / 1000 - 300;
  await mkdir(join(arriving, 'pack'), { recursive: true });
  await writeFile(lock, '');
  // Git makes the folder at the beginning, and writes below it from then on.
  for (const path of [arriving, lock]) await utimes(path, minutesAgo, minutesAgo);
  assert.equal(await s.privileged.updateRef(main, second, first, 'landed'), true);
  assert.deepEqual([existsSync(lock), existsSync(arriving)], [false, true]);
  await openRepository(s.repository.path);
  assert.ok(existsSync(arriving));
  await utimes(arriving, new Date(), new Date());
  await removeQuarantines(join(s.repository.path, '..'));
  assert.ok(existsSync(arriving), "a push of this process is nobody's left-over");
  // With nobody else at work.
  await maintain(s.repository, 'now');
  assert.ok(!existsSync(arriving));
});
