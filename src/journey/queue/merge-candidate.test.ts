import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { FakeWorld } from '../fake-world.ts';
import { type History, type Member, makeCandidate } from './merge-candidate.ts';

const member = (number: number, head: CommitId, more: Partial<Member> = {}): Member => ({
  ...{ id: `chg_${number}` as ChangeId, number, branch: `b${number}` as BranchName, head, override: null },
  ...more,
});

async function repository(stage: FakeWorld) {
  const app = await stage.createApp();
  const { git } = await stage.world.repositoryOf(app);
  const base = await stage.commit(app, { a: '1', b: '1' }, null);
  const commit = (files: Record<string, string>, parent: CommitId | null, message?: string) =>
    stage.commit(app, files, parent, message);
  const make = (members: Member[], history: History = 'auto', on = base) => makeCandidate(git, on, members, history);
  const words = async (id: CommitId) => stage.git(app, ['cat-file', 'commit', id]);
  return { git, base, commit, make, words };
}

test('one commit ahead is landed as it is, unless the history says otherwise', async () => {
  using stage = new FakeWorld();
  const { git, base, commit, make } = await repository(stage);
  const head = await commit({ a: '2', b: '1' }, base, 'edit a');
  const tree = await git.treeOf(head);
  const members = [member(1, head)];
  assert.deepEqual(await make(members), { kind: 'candidate', commit: head, tree, members, leftOut: [] });
  const merged = await make(members, 'merge');
  assert.ok(merged.kind === 'candidate' && merged.commit !== head && merged.tree === tree);
  assert.deepEqual((await git.commitOf(merged.commit))?.parents, [base, head]);
  const squashed = await make(members, 'squash');
  assert.ok(squashed.kind === 'candidate' && squashed.commit !== head);
  assert.deepEqual(await git.commitOf(squashed.commit), { tree, parents: [base] });
  // Two ahead: a merge commit, so that main held nothing that was not tested.
  const two = await commit({ a: '3', b: '1' }, head, 'edit a again');
  const both = await make([member(1, two)]);
  assert.ok(both.kind === 'candidate');
  assert.deepEqual((await git.commitOf(both.commit))?.parents, [base, two]);
});

test('the same requests on the same main are the same commit, made of nothing but them', async () => {
  using stage = new FakeWorld();
  const { base, commit, make, words } = await repository(stage);
  const main = await commit({ a: '1', b: '2' }, base);
  const head = await commit({ a: '2', b: '1' }, base, 'edit a');
  const once = await make([member(1, head)], 'auto', main);
  assert.ok(once.kind === 'candidate');
  assert.deepEqual(await make([member(1, head)], 'auto', main), once);
  const said = await words(once.commit);
  assert.match(said, /^author Ada <ada@example\.org> 1700000000 \+0000$/m);
  assert.match(said, /^committer Lockstep <lockstep@localhost> 1700000000 \+0000$/m);
  assert.ok(
    said.endsWith(`\n\nMerge b1\n\n* edit a\n\nLockstep-Change: chg_1\nLockstep-Branch: b1\nLockstep-Head: ${head}\n`),
    said,
  );
  const other = await make([member(2, head)], 'auto', main);
  assert.ok(other.kind === 'candidate' && other.commit !== once.commit && other.tree === once.tree);
});

test('a squash keeps the words of what it holds', async () => {
  using stage = new FakeWorld();
  const { base, commit, make, words } = await repository(stage);
  const one = await commit({ a: '2', b: '1' }, base, 'first');
  const two = await commit({ a: '3', b: '1' }, one, 'second');
  const made = await make([member(1, two)], 'squash');
  assert.ok(made.kind === 'candidate');
  assert.match(await words(made.commit), /\n\nSquash b1\n\n\* second\n\* first\n\nLockstep-Change: chg_1\n/);
});

test('what conflicts names its files, and what main has already is nothing', async () => {
  using stage = new FakeWorld();
  const { base, commit, make } = await repository(stage);
  const main = await commit({ a: '2', b: '2' }, base);
  const head = await commit({ a: '3', b: '1' }, base);
  assert.deepEqual(await make([member(1, head)], 'auto', main), { kind: 'conflict', files: ['a'] });
  assert.deepEqual(await make([member(1, base)], 'auto', main), { kind: 'nothing' });
  assert.deepEqual(await make([member(1, main)], 'auto', main), { kind: 'nothing' });
  const same = await commit({ a: '2', b: '2' }, base, 'the same by another way');
  assert.deepEqual(await make([member(1, same)], 'auto', main), { kind: 'nothing' });
  const stranger = await commit({ c: '1' }, null);
  const unrelated = await make([member(1, stranger)], 'auto', main);
  assert.deepEqual(unrelated, { kind: 'conflict', files: ['everything (no common history)'] });
  assert.deepEqual(await make([member(1, '1'.repeat(40) as CommitId)]), { kind: 'gone' });
});

test('a batch is one commit with a parent each; who conflicts with another is left out', async () => {
  using stage = new FakeWorld();
  const { git, base, commit, make, words } = await repository(stage);
  const a = member(1, await commit({ a: '2', b: '1' }, base, 'edit a'));
  const b = member(2, await commit({ a: '1', b: '2' }, base, 'edit b'));
  const against = member(3, await commit({ a: '9', b: '1' }, base, 'edit a otherwise'));
  const c = member(4, await commit({ a: '1', b: '1', c: '1' }, base, 'add c'));
  const made = await make([a, b, against, c]);
  assert.ok(made.kind === 'candidate');
  assert.deepEqual([made.members, made.leftOut], [[a, b, c], [against]]);
  const { parents, tree } = (await git.commitOf(made.commit))!;
  assert.deepEqual(parents, [base, a.head, b.head, c.head]);
  const expected = await git.treeOf(await commit({ a: '2', b: '2', c: '1' }, null));
  assert.equal(tree, expected);
  assert.equal((await words(made.commit)).match(/^Lockstep-Change: /gm)?.length, 3);
  const squashed = await make([a, b], 'squash');
  assert.ok(squashed.kind === 'candidate');
  assert.deepEqual([squashed.members, squashed.leftOut], [[a], [b]]);
});

test('an override is written into the commit, which is never the head itself', async () => {
  using stage = new FakeWorld();
  const { base, commit, make, words } = await repository(stage);
  const head = await commit({ a: '2', b: '1' }, base);
  const made = await make([member(1, head, { override: { reason: 'the site is down\nLockstep-Head: x', by: 'Ada' } })]);
  assert.ok(made.kind === 'candidate' && made.commit !== head);
  assert.match(await words(made.commit), /^Lockstep-Override: the site is down\?Lockstep-Head: x \(Ada\)$/m);
});
