// Judging a push: what lands, what is stored, and that one ref's trouble is not another's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectId } from '../domain/ids.ts';
import { listChanges } from '../store/changes.ts';
import { liveRelease } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';

const main = 'refs/heads/main';

test('a first push to main lands and is live', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  assert.equal(liveRelease(stage.database, app.id)?.commit, one);
  assert.equal(stage.agent.routed(app.id), liveRelease(stage.database, app.id)?.setId);
  assert.equal(stage.app().mainBranch, 'main');
  while (stage.agent.copies.size > 0) await new Promise((turn) => setTimeout(turn, 5));
});

test('a tag object is not taken for a commit, and nothing is gated', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  await stage.git(app, ['tag', '-a', '-m', 'release', 'r1', two]);
  const tag = (await stage.git(app, ['rev-parse', 'refs/tags/r1'])).trim() as ObjectId;
  const { verdicts } = await stage.push(app, [{ ref: main, from: one, to: tag }]);
  assert.match(JSON.stringify(verdicts.get(main)), /only a commit can be pushed/);
  assert.equal(listChanges(stage.database, app.id, null, 10).length, 1);
});

test('a ref that cannot be judged does not take the word of the one that landed', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  // The folder stands where the branch `master` would.
  await stage.git(app, ['update-ref', 'refs/heads/master/x', one]);
  const { verdicts } = await stage.push(app, [
    { ref: main, from: null, to: one },
    { ref: 'refs/heads/master', from: null, to: one },
  ]);
  assert.deepEqual(verdicts.get(main), { isAccepted: true });
  assert.match(JSON.stringify(verdicts.get('refs/heads/master')), /another branch stands in its way/);
});

test('a branch below main is neither main nor in its way', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  const { verdicts } = await stage.push(app, [{ ref: 'refs/heads/main/x', from: null, to: one }]);
  assert.match(JSON.stringify(verdicts.get('refs/heads/main/x')), /cannot be kept beside the main branch/);
  assert.equal(stage.app().mainBranch, null);
  await stage.land(app, one, null);
});

test('a push has its turn to its end: another one of the app waits, and is told that main moved', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  const three = await stage.commit(app, page('three'), one);
  let goOn = (): void => {};
  const started = new Promise<void>((resolve) => {
    stage.agent.beforeDocument = (state) => {
      if (!state.apps.some((each) => each.sets.some((set) => set.stage === 'candidate'))) return;
      stage.agent.beforeDocument = () => {};
      resolve();
      return new Promise<void>((open) => {
        goOn = open;
      });
    };
  });
  const first = stage.push(app, [{ ref: main, from: one, to: two }]);
  await started;
  const second = stage.push(app, [{ ref: main, from: one, to: three }]);
  await new Promise((turn) => setTimeout(turn, 100));
  assert.equal(listChanges(stage.database, app.id, null, 10).length, 2);
  goOn();
  assert.deepEqual((await first).verdicts.get(main), { isAccepted: true });
  const { said, verdicts } = await second;
  assert.match(said[0]!, /another change of this app is on its way/);
  assert.match(JSON.stringify(verdicts.get(main)), /main moved to/);
});

test('a token that is revoked during the gate lands nothing', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  stage.agent.boot = () => {
    stage.mayPush = false;
    return { state: 'healthy', healthStatus: 200 };
  };
  const { verdicts } = await stage.push(app, [{ ref: main, from: null, to: one }]);
  assert.match(JSON.stringify(verdicts.get(main)), /its token was revoked/);
  assert.equal(liveRelease(stage.database, app.id), null);
  assert.deepEqual(stage.agent.sets(app.id), []);
});

test('D4: a tree of more files than can be placed is a rejection that says so, before anything is sent', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const blob = (await stage.git(app, ['hash-object', '-w', '--stdin'], 'x')).trim();
  const treeOf = async (count: number, line: (at: number) => string): Promise<string> =>
    (await stage.git(app, ['mktree'], Array.from({ length: count }, (_, at) => `${line(at)}\n`).join(''))).trim();
  const many = await treeOf(400, (at) => `100644 blob ${blob}\tf${at}`);
  const tooMany = await treeOf(300, (at) => `040000 tree ${many}\td${at}`);
  // A few trees that hold one another: 10^9 files.
  let endless = many;
  for (let depth = 0; depth < 7; depth += 1) {
    const inner = endless;
    endless = await treeOf(10, (at) => `040000 tree ${inner}\t${'d'.repeat(200)}${at}`);
  }
  for (const [tree, word] of [
    [tooMany, /The tree has 120000 files; at most 100000 are placed/],
    [endless, /The tree lists more files than are read/],
  ] as const) {
    const author = { name: 'Ada', email: 'ada@example.org', atSeconds: 1_700_000_000 };
    const { git } = await stage.world.repositoryOf(app);
    const made = { tree: tree as ObjectId, parents: [one], message: 'many', author, committer: author };
    const { said, verdicts } = await stage.push(app, [{ ref: main, from: one, to: await git.commitTree(made) }]);
    assert.match(said.join('\n'), word);
    assert.match(JSON.stringify(verdicts.get(main)), /gate: build: /);
    assert.match(JSON.stringify(listChanges(stage.database, app.id, null, 1)[0]), /"state":"rejected"/);
    assert.equal(liveRelease(stage.database, app.id)?.commit, one);
  }
});
