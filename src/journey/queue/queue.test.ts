// The queue on a real store and real repositories: what lands, in what order, and how what does not land ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import { listChanges, verdictOfChange } from '../../store/changes.ts';
import { listEvents } from '../../store/events.ts';
import { liveRelease } from '../../store/releases.ts';
import { statusOf } from '../status.ts';
import { mainlineOf } from '../world.ts';
import { cancelMerge } from './ask.ts';
import { measuredBase } from './measured-base.ts';
import { pages, Stage } from './queue-stage.ts';

test('a branch one commit ahead lands as it is, one behind as a merge commit, and nothing stays behind', async () => {
  using stage = await Stage.open();
  const one = await stage.branch('one', { ...pages, one: '1' });
  const two = await stage.branch('two', { ...pages, two: '2' });
  const first = await stage.ask('one', one);
  assert.equal((await stage.end(first.change.id)).state, 'landed');
  assert.equal(await stage.tip(), one);
  const second = await stage.end((await stage.ask('two', two)).change.id);
  assert.equal(second.state, 'landed');
  const tip = await stage.tip();
  assert.equal(second.candidate, tip);
  const { git } = await stage.world.repositoryOf(stage.app());
  assert.deepEqual((await git.commitOf(tip))?.parents, [one, two]);
  assert.equal(liveRelease(stage.database, stage.app().id)?.commit, tip);
  assert.equal(stage.agent.routed(stage.app().id), liveRelease(stage.database, stage.app().id)?.setId);
  while ((await stage.refs()).length > 0) await new Promise((turn) => setTimeout(turn, 5));
});

test('the same commit asked for twice is one change; what main has is refused', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const one = await stage.branch('one', { ...pages, one: '1' });
  const first = await stage.ask('one', one);
  const again = await stage.ask(null, one, { priority: 'hotfix' });
  assert.deepEqual([again.isNew, again.change.id, again.change.priority], [false, first.change.id, 'hotfix']);
  const two = await stage.branch('two', { ...pages, two: '2' });
  const atOnce = await Promise.all([stage.ask('two', two), stage.ask(null, two), stage.ask('two', two)]);
  assert.equal(new Set(atOnce.map(({ change }) => change.id)).size, 1);
  assert.equal(atOnce.filter(({ isNew }) => isNew).length, 1);
  turn.release();
  await stage.end(first.change.id);
  await assert.rejects(stage.ask('one', one), { code: 'conflict', message: /main has .* already/ });
  await assert.rejects(stage.ask(null, '1'.repeat(40) as CommitId), { code: 'not-found' });
});

test('what is superseded, deleted, cancelled or in conflict ends and says why', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  for (const name of ['moved', 'deleted', 'cancelled', 'against']) {
    const head = await stage.branch(name, { 'index.html': `${name}\n` });
    ids.push((await stage.ask(name, head)).change.id);
  }
  await stage.setBranch('moved', stage.base);
  await stage.setBranch('deleted', null);
  cancelMerge(stage.world, stage.app(), ids[2]!, 'ada');
  const [moved, deleted, cancelled] = await Promise.all(ids.slice(0, 3).map((id) => stage.end(id)));
  assert.match(`${moved!.state}: ${moved!.reason}`, /^superseded: moved moved to .*: nobody has asked/);
  assert.equal(`${deleted!.state}: ${deleted!.reason}`, 'cancelled: deleted was deleted');
  assert.equal(`${cancelled!.state}: ${cancelled!.reason}`, 'cancelled: cancelled by ada');
  const other = await stage.commit(stage.app(), { 'index.html': 'other\n' }, stage.base);
  turn.release();
  await stage.land(stage.app(), other, stage.base).catch(() => {});
  const against = await stage.end(ids[3]!);
  assert.ok(['landed', 'conflict'].includes(against.state));
  if (against.state === 'conflict') assert.match(against.reason!, /conflicts with main in index\.html/);
  assert.throws(() => cancelMerge(stage.world, stage.app(), ids[2]!, 'ada'), { code: 'conflict' });
});

test('what conflicts with main names the files', async () => {
  using stage = await Stage.open();
  const head = await stage.branch('against', { 'index.html': 'against\n' });
  await stage.land(stage.app(), await stage.commit(stage.app(), { 'index.html': 'other\n' }, stage.base), stage.base);
  const end = await stage.end((await stage.ask('against', head)).change.id);
  assert.equal(end.state, 'conflict');
  assert.match(end.reason!, /^conflicts with main in index\.html: merge main into the branch/);
  while ((await stage.refs()).length > 0) await new Promise((turn) => setTimeout(turn, 5));
});

test('a hotfix stops a gate that runs, which goes on afterwards and lands too', async () => {
  using stage = await Stage.open();
  let started = (): void => {};
  const isRunning = new Promise<void>((resolve) => {
    started = resolve;
  });
  stage.agent.boot = () => {
    started();
    return null;
  };
  const slow = await stage.branch('slow', { ...pages, slow: '1' });
  const fix = await stage.branch('fix', { ...pages, fix: '1' });
  const first = await stage.ask('slow', slow);
  await isRunning;
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 200 });
  const hotfix = await stage.ask('fix', fix, { priority: 'hotfix' });
  assert.equal((await stage.end(hotfix.change.id)).state, 'landed');
  assert.equal((await stage.end(first.change.id)).state, 'landed');
  const events = listEvents(stage.database, stage.owner, stage.app().id, 0, 1000);
  const about = events.filter((one) => one.changeId === first.change.id && one.type.startsWith('change.'));
  const types = about.map(({ type }) => type.slice('change.'.length));
  assert.deepEqual(types, ['received', 'gating', 'requeued', 'gating', 'passed', 'landed']);
  assert.match((await stage.lines(first.change.id)).join('\n'), /back in the queue: change #\d+ is more urgent/);
  const landed = listChanges(stage.database, stage.app().id, null, 10).filter((one) => one.how === 'merge');
  const [late, early] = landed.sort((a, b) => b.endedAtMs! - a.endedAtMs!);
  assert.deepEqual([early!.id, late!.id], [hotfix.change.id, first.change.id]);
});

test('main that moved by another hand makes the verdict void, and the request is tested on what main is then', async () => {
  using stage = await Stage.open();
  const head = await stage.branch('one', { ...pages, one: '1' });
  const other = await stage.commit(stage.app(), { ...pages, other: '1' }, stage.base, 'by another hand');
  let isMoved = false;
  const { privileged } = await stage.world.repositoryOf(stage.app());
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 200 });
  stage.agent.beforeDocument = async (state) => {
    if (isMoved || !state.apps.some((app) => app.sets.some((set) => set.stage === 'candidate'))) return;
    isMoved = true;
    const mainline = mainlineOf(stage.app(), { ...(await stage.world.repositoryOf(stage.app())), privileged });
    assert.equal(await mainline.advance(stage.base, other), 'advanced');
  };
  const change = await stage.end((await stage.ask('one', head)).change.id);
  assert.deepEqual([change.state, change.base], ['landed', other]);
  assert.match((await stage.lines(change.id)).join('\n'), /back in the queue: main moved/);
  assert.deepEqual((await (await stage.world.repositoryOf(stage.app())).git.commitOf(await stage.tip()))?.parents, [
    other,
    head,
  ]);
});

test('a hotfix does not stop a push that somebody waits for', async () => {
  using stage = await Stage.open();
  let release = (): void => {};
  const isRunning = new Promise<void>((started) => {
    stage.agent.beforeTree = () => {
      stage.agent.beforeTree = () => {};
      started();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
  });
  const direct = await stage.commit(stage.app(), { ...pages, direct: '1' }, stage.base);
  const pushed = stage.push(stage.app(), [{ ref: 'refs/heads/main', from: stage.base, to: direct }]);
  await isRunning;
  const fix = await stage.branch('fix', { ...pages, fix: '1' });
  const hotfix = await stage.ask('fix', fix, { priority: 'hotfix' });
  release();
  assert.deepEqual((await pushed).verdicts.get('refs/heads/main'), { isAccepted: true });
  const end = await stage.end(hotfix.change.id);
  assert.deepEqual([end.state, end.base], ['landed', direct]);
});

test("how a branch lands is main's own word, not the branch's", async () => {
  using stage = await Stage.open();
  const squash = { ...pages, 'lockstep.yml': 'gate: { history: squash }\n' };
  const one = await stage.branch('one', squash);
  await stage.end((await stage.ask('one', one)).change.id);
  assert.equal(await stage.tip(), one, 'as it is, by the rule of main before it');
  const two = await stage.branch('two', { ...squash, two: '1' }, one);
  await stage.end((await stage.ask('two', two)).change.id);
  const tip = await stage.tip();
  assert.notEqual(tip, two);
  const { git } = await stage.world.repositoryOf(stage.app());
  assert.deepEqual((await git.commitOf(tip))?.parents, [one]);
});

test('what the machinery fails under is tried again, and ends when it goes on failing', async () => {
  using stage = await Stage.open();
  let failures = 1;
  stage.agent.beforeDocument = (state) => {
    if (failures > 0 && state.apps.some((app) => app.sets.some((set) => set.stage === 'candidate'))) {
      failures -= 1;
      throw new Error('the machine gave out');
    }
  };
  const one = await stage.branch('one', { ...pages, one: '1' });
  const landed = await stage.end((await stage.ask('one', one)).change.id);
  assert.deepEqual([landed.state, landed.tries], ['landed', 1]);
  failures = 100;
  const two = await stage.branch('two', { ...pages, two: '1' });
  const ended = await stage.end((await stage.ask('two', two)).change.id);
  assert.deepEqual([ended.state, ended.tries], ['infra-error', 2]);
  assert.match(ended.reason!, /the machine gave out/);
});

test('an override lands without the checks, says so everywhere, and is no baseline', async () => {
  using stage = await Stage.open();
  const one = await stage.branch('one', { ...pages, one: '1' });
  const asked = await stage.ask('one', one, { override: 'the site is down' });
  const change = await stage.end(asked.change.id);
  assert.equal(change.state, 'landed', change.reason ?? '');
  const tip = await stage.tip();
  const app = stage.app();
  assert.match(await stage.git(app, ['cat-file', 'commit', tip]), /^Lockstep-Override: the site is down \(ada\)$/m);
  const verdict = verdictOfChange(stage.database, app.id, change.id)!;
  assert.deepEqual(
    verdict.checks.map(({ kind, name }) => `${kind} ${name}`),
    ['policy override', 'build build', 'boot boot'],
  );
  assert.match(verdict.checks[0]!.summary, /the checks were not run: ada let it past them \(the site is down\)/);
  assert.match((await statusOf(stage.world, app)).why, /landed without the checks: the site is down/);
  const events = listEvents(stage.database, stage.owner, app.id, 0, 1000).filter((each) => each.changeId === change.id);
  const told = events.filter(({ data }) => data.override === 'the site is down').map(({ type }) => type);
  assert.deepEqual(told, ['change.received', 'change.landed']);
  // What it let through is new to whatever comes next, and it is not known as good.
  assert.equal(measuredBase(stage.database, app.id, tip), stage.base);
  const two = await stage.branch('two', { ...pages, two: '1' });
  const next = await stage.end((await stage.ask('two', two)).change.id);
  assert.equal(next.state, 'landed');
  assert.equal(next.isMemoised, false);
  assert.equal(measuredBase(stage.database, app.id, next.candidate), next.candidate);
});

test('an override that does not start is refused all the same', async () => {
  using stage = await Stage.open();
  stage.agent.boot = () => ({ state: 'failed', reason: 'it ended with 1' });
  const one = await stage.branch('one', { ...pages, one: '1' });
  const change = await stage.end((await stage.ask('one', one, { override: 'the site is down' })).change.id);
  assert.equal(change.state, 'rejected');
  assert.equal(await stage.tip(), stage.base);
});
