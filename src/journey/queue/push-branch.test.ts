// Branches as they are pushed: stored whatever becomes of them, checked at once, and merged when that is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { branchCheckOf } from '../../store/branch-checks.ts';
import { listChanges } from '../../store/changes.ts';
import { listEvents } from '../../store/events.ts';
import { openBranches, refOf } from './branch-stage.ts';
import { afterStoring, wishesOf } from './push-branch.ts';

test('a branch is stored and checked at once, and is not deployed', async () => {
  using on = await openBranches();
  const one = await on.commit({ one: '1' });
  const { said, verdict } = await on.push('one', one);
  assert.deepEqual(verdict, { isAccepted: true });
  assert.match(said, /one is stored, and not deployed: only main is live/);
  assert.match(said, /^mergeable: yes$/m);
  assert.match(said, /lockstep merge one/);
  assert.deepEqual([await on.head('one'), on.live()], [one, on.base]);
  const check = branchCheckOf(on.stage.database, on.stage.app().id, one)!;
  assert.deepEqual([check.branch, check.base, check.outcome], ['one', on.base, 'green']);
  assert.equal(check.verdict?.outcome, 'passed');
  assert.equal(
    check.verdict?.checks.some(({ kind }) => kind === 'boot'),
    false,
  );
  assert.equal(listChanges(on.stage.database, on.stage.app().id, null, 10).length, 1);
});

test('a branch that would break main is stored all the same, and told so', async () => {
  using on = await openBranches();
  const broken = await on.commit({ 'lockstep.yml': 'nonsense: [' });
  const red = await on.push('broken', broken);
  assert.deepEqual(red.verdict, { isAccepted: true });
  assert.match(red.said, /^mergeable: no.*build: .*lockstep\.yml/m);
  await on.stage.land(on.stage.app(), await on.commit({ 'index.html': 'other\n' }), on.base);
  const against = await on.commit({ 'index.html': 'against\n' });
  const conflict = await on.push('against', against);
  assert.deepEqual(conflict.verdict, { isAccepted: true });
  assert.match(conflict.said, /^mergeable: no, conflicts with main \w{7} in index\.html$/m);
  assert.equal(await on.head('against'), against);
  const behind = await on.push('behind', on.base);
  assert.match(behind.said, /mergeable: main has all of it already/);
});

test('-o merge lands it, and says that main has moved', async () => {
  using on = await openBranches();
  await on.stage.land(on.stage.app(), await on.commit({ other: '1' }), on.base);
  const one = await on.commit({ one: '1' });
  const { said, verdict } = await on.push('one', one, ['merge']);
  assert.deepEqual(verdict, { isAccepted: true }, said);
  assert.match(said, /change #3 queued/);
  assert.match(said, /candidate \w{7} = main \w{7} \+ one \w{7}/);
  assert.match(said, /main is now \w{7}: git pull\nlive: http:\/\/blog\.test \(v3\) in \d+ ms$/);
  assert.equal(on.live(), listChanges(on.stage.database, on.stage.app().id, null, 1)[0]?.candidate);
});

test('refs/for/main lands a commit that is on no branch', async () => {
  using on = await openBranches();
  const one = await on.commit({ one: '1' });
  const { said, verdict } = await on.push('refs/for/main', one);
  assert.deepEqual(verdict, { isAccepted: true }, said);
  assert.equal(on.live(), one);
  const other = await on.push('refs/for/other', one);
  assert.match(JSON.stringify(other.verdict), /only main is merged into/);
  const again = await on.push('refs/for/main', one);
  assert.match(JSON.stringify(again.verdict), /main has \w{7} already/);
});

test('what is refused is stored, and the push fails with the reason', async () => {
  using on = await openBranches();
  const broken = await on.commit({ 'lockstep.yml': 'nonsense: [' });
  const { said, verdict } = await on.push('broken', broken, ['merge']);
  assert.match(JSON.stringify(verdict), /not merged: gate: build: /);
  assert.match(said, /REJECTED by build; main and live unchanged at/);
  assert.deepEqual([await on.head('broken'), on.live()], [broken, on.base]);
});

test('a dry run checks and merges nothing; a word that nobody knows is said', async () => {
  using on = await openBranches();
  const one = await on.commit({ one: '1' });
  for (const ref of ['one', 'refs/for/main']) {
    const { said, verdict } = await on.push(ref, one, ['merge', 'dry-run', 'hurry']);
    assert.deepEqual(verdict, { isAccepted: true });
    assert.match(said, /-o hurry is not known here/);
    assert.match(said, /mergeable: yes\na dry run: nothing is merged/);
  }
  assert.equal(on.live(), on.base);
});

test('a client that goes away leaves its request, -o detach does so at once, and -o cancel ends it', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const [one, two, three] = [
    await on.commit({ one: '1' }),
    await on.commit({ two: '1' }),
    await on.commit({ three: '1' }),
  ];
  const gone = new AbortController();
  const pushed = on.push('one', one, ['merge'], { signal: gone.signal });
  while (listChanges(on.stage.database, on.stage.app().id, null, 1)[0]?.head !== one)
    await new Promise((tick) => setTimeout(tick, 5));
  gone.abort();
  assert.match(JSON.stringify((await pushed).verdict), /goes on without you/);
  assert.match((await on.push('two', two, ['merge', 'detach'])).said, /change #3 queued \(position 2, ~\d+s\)/);
  assert.deepEqual((await on.push('three', three, ['merge', 'detach'])).verdict, { isAccepted: true });
  const cancelled = await on.push('refs/for/main', three, ['cancel']);
  assert.match(cancelled.said, /change #4 is cancelled/);
  turn.release();
  const app = on.stage.app();
  const states = () => listChanges(on.stage.database, app.id, null, 10).map(({ state }) => state);
  while (states().some((state) => ['received', 'gating', 'passed'].includes(state)))
    await new Promise((tick) => setTimeout(tick, 10));
  assert.deepEqual(states(), ['cancelled', 'landed', 'landed', 'landed']);
});

test('a new push of a branch supersedes its request, and a deletion ends it', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const one = await on.commit({ one: '1' });
  await on.push('one', one, ['merge', 'detach']);
  await on.push('one', await on.commit({ one: '2' }), ['detach']);
  await on.push('two', await on.commit({ two: '1' }), ['merge', 'detach']);
  assert.match((await on.push('two', null)).said, /two is removed/);
  const changes = () => listChanges(on.stage.database, on.stage.app().id, null, 2);
  while (changes().some(({ endedAtMs }) => endedAtMs === null)) await new Promise((tick) => setTimeout(tick, 5));
  assert.deepEqual(
    changes().map(({ state }) => state),
    ['cancelled', 'superseded'],
  );
  turn.release();
});

test('several branches are stored together; with --atomic all of them or none', async () => {
  using on = await openBranches();
  const [one, two] = [await on.commit({ one: '1' }), await on.commit({ two: '1' })];
  const app = on.stage.app();
  const both = [
    { ref: refOf('one'), from: null, to: one },
    { ref: refOf('two'), from: null, to: two },
  ];
  const stored = await on.stage.push(app, both, { isAtomic: true });
  assert.deepEqual([...stored.verdicts.values()], [{ isAccepted: true }, { isAccepted: true }], stored.said.join('\n'));
  assert.equal(stored.said.filter((line) => line === 'mergeable: yes').length, 2);
  const none = await on.stage.push(app, [{ ref: refOf('new'), from: null, to: one }, both[1]!], { isAtomic: true });
  assert.match(JSON.stringify([...none.verdicts.values()]), /one of the refs could not be moved, and none was/);
  assert.equal(await on.head('new'), null);
  const some = await on.stage.push(app, [{ ref: refOf('new'), from: null, to: one }, both[1]!]);
  assert.deepEqual(
    [...some.verdicts.values()].map((one) => one.isAccepted),
    [true, false],
  );
  const below = await on.push('one/below', one);
  assert.match(JSON.stringify(below.verdict), /another branch stands in its way/);
});

test('what is checked is what main would become, and not the branch as it is', async () => {
  using on = await openBranches();
  const one = await on.commit({ one: '1' });
  await on.stage.land(on.stage.app(), await on.commit({ other: '1' }), on.base);
  assert.match((await on.push('one', one)).said, /^mergeable: yes$/m);
  const { git } = await on.stage.world.repositoryOf(on.stage.app());
  const merged = await git.treeOf(
    await on.stage.commit(on.stage.app(), { 'index.html': 'hello\n', one: '1', other: '1' }, null),
  );
  const [own] = [await git.treeOf(one)];
  assert.deepEqual([on.stage.agent.trees.has(merged!), on.stage.agent.trees.has(own!)], [true, false]);
});

test('a newer push of a branch ends the check of the older', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const lines: string[] = [];
  const older = on.push('one', await on.commit({ one: '1' }), [], { say: (line) => void lines.push(line) });
  while (!lines.includes('the check waits for those who land')) await new Promise((tick) => setTimeout(tick, 5));
  const newer = await on.commit({ one: '2' });
  const again = on.push('one', newer);
  // It waits no more for the turn that is still taken.
  await older;
  assert.doesNotMatch(lines.join('\n'), /mergeable/);
  turn.release();
  assert.match((await again).said, /^mergeable: yes$/m);
  const events = listEvents(on.stage.database, on.stage.owner, on.stage.app().id, 0, 1000);
  const checked = events.filter(({ type }) => type === 'branch.checked').map(({ data }) => data.commit);
  assert.deepEqual(checked, [newer]);
});

test('of more than three branches at once none is checked, until its merge is asked for', async () => {
  using on = await openBranches();
  const app = on.stage.app();
  const pushes: { ref: string; from: null; to: CommitId }[] = [];
  for (const name of ['a', 'b', 'c', 'd'])
    pushes.push({ ref: refOf(name), from: null, to: await on.commit({ [name]: '1' }) });
  const { said } = await on.stage.push(app, pushes);
  assert.doesNotMatch(said.join('\n'), /mergeable/);
  assert.equal(said.filter((line) => line.includes('is stored')).length, 4);
  assert.equal(branchCheckOf(on.stage.database, app.id, pushes[0]!.to), null);
  const merged = await on.push('refs/for/main', pushes[0]!.to);
  assert.deepEqual(merged.verdict, { isAccepted: true }, merged.said);
});

test('a push does not wait for a check that others hold up, and the check goes on', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const [one, two] = [await on.commit({ one: '1' }), await on.commit({ two: '1' })];
  const repository = await on.stage.world.repositoryOf(on.stage.app());
  const said: string[] = [];
  const push = { commands: [], options: [], isAtomic: false, say: (line: string) => void said.push(line) };
  const verdict = await afterStoring(
    {
      ...{ world: on.stage.world, app: on.stage.app(), repository, actor: 'ada', tokenId: null, weaken: 'not' },
      push: { ...push, signal: new AbortController().signal },
      wishes: wishesOf({ options: [], say: () => {} }),
      ...{ requestedAtMs: 1, patienceMs: 20 },
    },
    'one' as BranchName,
    one,
  );
  assert.deepEqual(verdict, { isAccepted: true });
  assert.ok(said.includes('others go first; the check goes on without you'), said.join('\n'));
  assert.match((await on.push('two', two, ['detach'])).said, /the check goes on without you/);
  turn.release();
  const outcome = (head: CommitId) => branchCheckOf(on.stage.database, on.stage.app().id, head)?.outcome;
  while (outcome(one) !== 'green' || outcome(two) !== 'green') await new Promise((tick) => setTimeout(tick, 5));
});

test('-o priority=hotfix goes before those that wait', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  await on.push('one', await on.commit({ one: '1' }), ['merge', 'detach']);
  await on.push('fix', await on.commit({ fix: '1' }), ['merge', 'detach', 'priority=hotfix']);
  turn.release();
  while (on.changes().some(({ endedAtMs }) => endedAtMs === null)) await new Promise((tick) => setTimeout(tick, 5));
  const [fix, one] = on.changes();
  assert.deepEqual([fix!.source, fix!.state, fix!.priority, one!.state], ['fix', 'landed', 'hotfix', 'landed']);
  assert.equal(one!.base, fix!.candidate);
});

test('a check gives way to who lands, and is answered afterwards', async () => {
  using on = await openBranches();
  let release = (): void => {};
  const isSending = new Promise<void>((started) => {
    on.stage.agent.beforeTree = () => {
      on.stage.agent.beforeTree = () => {};
      started();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
  });
  const checked = on.push('one', await on.commit({ one: '1' }));
  await isSending;
  const landing = on.stage.land(on.stage.app(), await on.commit({ other: '1' }), on.base);
  while (!on.stage.world.lockOf(on.stage.app().id).waiting) await new Promise((tick) => setTimeout(tick, 5));
  release();
  await landing;
  const { said } = await checked;
  assert.match(said, /somebody lands first; the check begins again afterwards[\s\S]*mergeable: yes/);
});
