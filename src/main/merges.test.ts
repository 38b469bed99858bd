// The verbs of merge requests, as the doors call them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitId } from '../domain/ids.ts';
import type { BranchName } from '../domain/names.ts';
import { openBranches } from '../journey/queue/branch-stage.ts';
import { mergesOf } from './merges.ts';

const one = 'one' as BranchName;
const usual = { priority: 'normal', override: null, allowsWeaker: false } as const;

test('a request is bound to the commit that is named, and a branch that is elsewhere is refused', async () => {
  using on = await openBranches();
  const { world, owner } = on.stage;
  const merges = mergesOf(world);
  const head = await on.commit({ one: '1' });
  const ask = (branch: BranchName | null, wanted: CommitId | null) =>
    merges.startMerge(owner, on.stage.app(), { ...usual, branch, head: wanted });
  await assert.rejects(ask(one, null), { code: 'not-found' });
  await on.push('one', head, ['detach']);
  await assert.rejects(ask(one, on.base), { code: 'conflict', message: /^one is at \w{7} here, not at \w{7}$/ });
  const asked = await ask(one, head);
  assert.deepEqual(await ask(null, head), asked);
});

test('the list is the order in which they are taken up, and a request that waits is cancelled by its id', async () => {
  using on = await openBranches();
  const { world, owner } = on.stage;
  const app = on.stage.app();
  const merges = mergesOf(world);
  const turn = await world.lockOf(app.id).take();
  const ask = async (name: string, more: object = {}) => {
    const head = await on.commit({ [name]: '1' });
    await on.push(name, head, ['detach']);
    return (await merges.startMerge(owner, app, { ...usual, branch: name as BranchName, head: null, ...more })).id;
  };
  const first = await ask('first');
  const hotfix = await ask('hotfix', { priority: 'hotfix' });
  const second = await ask('second');
  const override = await ask('override', { override: 'the site is down' });
  const ids = () => merges.listMerges(owner, app).map(({ id }) => id as string);
  assert.deepEqual(ids(), [override, hotfix, first, second]);
  await merges.cancelMerge(owner, app, second as never);
  while (ids().includes(second)) await new Promise((tick) => setTimeout(tick, 5));
  assert.equal(on.changes().find(({ id }) => id === second)?.reason, 'cancelled by owner');
  await assert.rejects(merges.cancelMerge(owner, app, second as never), { code: 'conflict' });
  turn.release();
});

test('a dry run says whether it would merge, and asks for nothing', async () => {
  using on = await openBranches();
  const app = on.stage.app();
  const merges = mergesOf(on.stage.world);
  await on.push('one', await on.commit({ one: '1' }), ['detach']);
  const dry = { branch: one, head: null, allowsWeaker: false };
  const yes = await merges.checkMerge(on.stage.owner, app, dry);
  assert.deepEqual([yes.mergeable, yes.base, yes.verdict?.outcome], ['yes', on.base, 'passed']);
  const broken = await on.commit({ 'lockstep.yml': 'nonsense: [' });
  await on.push('broken', broken, ['detach']);
  const no = await merges.checkMerge(on.stage.owner, app, { ...dry, branch: 'broken' as BranchName });
  assert.deepEqual([no.mergeable, no.head], ['no', broken]);
  assert.match(no.reason!, /lockstep\.yml/);
  assert.deepEqual(merges.listMerges(on.stage.owner, app), []);
});
