// The queue on a real store and real repositories: what lands, in what order, and how what does not land ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../../domain/app.ts';
import type { Change } from '../../domain/change.ts';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import type { RefName } from '../../git/argv.ts';
import { keepBranchCheck } from '../../store/branch-checks.ts';
import { findChange, listChanges, verdictOfChange } from '../../store/changes.ts';
import { listEvents } from '../../store/events.ts';
import { listQuality } from '../../store/quality.ts';
import { liveRelease } from '../../store/releases.ts';
import { FakeWorld } from '../fake-world.ts';
import { statusOf } from '../status.ts';
import { mainlineOf } from '../world.ts';
import { askMerge, cancelMerge, type MergeAsked } from './ask.ts';
import { measuredBase } from './measured-base.ts';

const pages = { 'index.html': 'hello\n' };

class Stage extends FakeWorld {
  app0!: App;
  base!: CommitId;

  static async open(files: Record<string, string> = pages): Promise<Stage> {
    const stage = new Stage();
    await stage.createApp();
    stage.base = await stage.commit(stage.app(), files, null);
    await stage.land(stage.app(), stage.base, null);
    return stage;
  }

  /** A branch with one commit that adds a file. */
  async branch(name: string, files: Record<string, string>, on = this.base): Promise<CommitId> {
    const head = await this.commit(this.app(), files, on, `work of ${name}`);
    await this.setBranch(name, head);
    return head;
  }

  async setBranch(name: string, to: CommitId | null): Promise<void> {
    const { git } = await this.world.repositoryOf(this.app());
    const ref = `refs/heads/${name}` as RefName;
    const now = await git.resolveRef(ref);
    if (to === null) await git.deleteRef(ref, now!);
    else await git.updateRef(ref, to, now, 'push');
  }

  ask(name: string | null, head: CommitId, more: Partial<MergeAsked> = {}) {
    const source = name as BranchName | null;
    const asked = {
      head,
      source,
      priority: 'normal',
      actor: 'ada',
      override: null,
      weaken: 'not',
      tokenId: null,
      requestedAtMs: Date.now(),
    } as const;
    return askMerge(this.world, this.app(), { ...asked, ...more });
  }

  async end(id: ChangeId): Promise<Change> {
    for await (const step of this.world.progress.follow(id, AbortSignal.timeout(20_000))!) if ('end' in step) break;
    return findChange(this.database, this.app().id, id)!;
  }

  async lines(id: ChangeId): Promise<string[]> {
    const lines: string[] = [];
    for await (const step of this.world.progress.follow(id, AbortSignal.timeout(20_000))!)
      if ('line' in step) lines.push(step.line);
    return lines;
  }

  async tip(): Promise<CommitId> {
    return (await mainlineOf(this.app(), await this.world.repositoryOf(this.app())).tip())!;
  }

  async refs(): Promise<string[]> {
    const { git } = await this.world.repositoryOf(this.app());
    return [...(await git.listRefs('refs/lockstep/')).keys()];
  }

  /** As the check of its branch found it. */
  green(name: string, head: CommitId): void {
    const app = this.app();
    keepBranchCheck(
      this.database,
      { teamId: app.teamId, appId: app.id },
      {
        ...{ branch: name as BranchName, head, base: this.base, outcome: 'green', reason: null },
        ...{ conflicts: [], verdict: null, checkedAtMs: Date.now() },
      },
    );
  }
}

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

test('under backlog green branches land together as one commit', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  const heads: CommitId[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const head = await stage.branch(name, { ...pages, [name]: '1' });
    stage.green(name, head);
    heads.push(head);
    ids.push((await stage.ask(name, head)).change.id);
  }
  turn.release();
  const ends = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual(
    ends.map(({ state }) => state),
    ['landed', 'landed', 'landed', 'landed'],
  );
  // How many depends on how long the first have waited by then.
  const together = ends.filter(({ candidate }) => candidate === ends[0]!.candidate).length;
  assert.ok(together >= 2, `${together} together`);
  const { git } = await stage.world.repositoryOf(stage.app());
  assert.deepEqual((await git.commitOf(ends[0]!.candidate!))?.parents, [stage.base, ...heads.slice(0, together)]);
  assert.ok(ends.every((one) => one.releaseId !== null && one.reason === null));
  // What shares a commit shares its figures: one row, that names them all.
  const rows = listQuality(stage.database, stage.app().id, 20);
  const batches = Map.groupBy(ends, ({ candidate }) => candidate);
  assert.deepEqual(
    rows.slice(1).map(({ commit, changes }) => [commit, changes]),
    [...batches].map(([commit, all]) => [commit, all.map(({ number }) => number)]),
  );
  assert.equal(rows.flatMap(({ changes }) => changes).length, 5);
});

test('a batch that is refused is halved, and only what breaks is rejected', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const files = name === 'd' ? { ...pages, 'lockstep.yml': 'nonsense: [' } : { ...pages, [name]: '1' };
    const head = await stage.branch(name, files);
    stage.green(name, head);
    ids.push((await stage.ask(name, head)).change.id);
  }
  turn.release();
  const ends = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual(
    ends.map(({ state }) => state),
    ['landed', 'landed', 'landed', 'rejected', 'landed', 'landed'],
    ends.map(({ reason }) => reason).join('\n'),
  );
  assert.match(ends[3]!.reason!, /lockstep\.yml/);
});

test('a batch that was refused says so, and what is left over when the others have landed is not tested once more', async () => {
  const gate = 'gate: { checks: { sound: { run: sh sound.sh } } }\n';
  using stage = await Stage.open({ ...pages, 'lockstep.yml': gate });
  const gates: number[] = [];
  const bad: CommitId[] = [];
  const { git } = await stage.world.repositoryOf(stage.app());
  const copies = new Map<string, string>();
  const put = stage.agent.putTree.bind(stage.agent);
  stage.agent.putTree = async (app, tree, copy, files) => {
    if (copy !== null) copies.set(copy, tree);
    return put(app, tree, copy, files);
  };
  const badTrees = new Set<string>();
  stage.agent.job = (spec) => {
    if (spec.kind !== 'check' || !JSON.stringify(spec.files).includes('sound.sh')) return {};
    gates.push(1);
    const tree = 'copy' in spec.place ? copies.get(spec.place.copy) : spec.place.treeId;
    return { exitCode: badTrees.has(tree!) ? 1 : 0 };
  };
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  const all: Record<string, string> = { ...pages, 'lockstep.yml': gate };
  for (const name of ['a', 'b']) {
    const head = await stage.branch(name, { ...pages, 'lockstep.yml': gate, [name]: '1' });
    all[name] = '1';
    bad.push(head);
    stage.green(name, head);
    ids.push((await stage.ask(name, head, { requestedAtMs: 1 })).change.id);
  }
  // What breaks is both of them together.
  badTrees.add((await git.treeOf(await stage.commit(stage.app(), all, null)))!);
  stage.database.prepare("UPDATE changes SET created_at_ms = 1 WHERE how = 'merge'").run();
  gates.length = 0;
  turn.release();
  const [a, b] = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual([a!.state, b!.state], ['landed', 'rejected'], `${a!.reason} ${b!.reason}`);
  const told = (await stage.lines(b!.id)).join('\n');
  assert.match(told, /back in the queue: 2 changes together were refused \(sound.*\): each half by itself/);
  assert.match(told, /this tree was checked before/);
  assert.equal(b!.isMemoised, true);
  assert.equal(gates.length, 2, 'the batch and the first half were tested, the last was not');
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
