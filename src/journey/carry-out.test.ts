// Every path of a change ends, says why, and leaves nothing behind (invariants I6 and I7); past the commit point there is
// only forward.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fail } from '../domain/errors.ts';
import { listChanges, runningChanges } from '../store/changes.ts';
import { liveRelease, startingReleases } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';
import { startRollback } from './rollback.ts';

const main = 'refs/heads/main';
const python = { 'app.py': 'print(1)\n', Procfile: 'web: python3 app.py\n' };

const isRefused = (line: Record<string, unknown>): boolean =>
  String(line.message).startsWith('the store cannot be written');

/** There is room again once somebody had none: on a busy machine that may take a while. */
async function freeWhenMet(stage: FakeWorld): Promise<void> {
  for (const limit = performance.now() + 10_000; performance.now() < limit; await pause(10))
    if (stage.logged.some(isRefused)) break;
  stage.freeDisk();
}

test('a candidate whose proof breaks off leaves no instance and no release that starts for ever', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  // A check that cannot even be judged, while the instances start.
  stage.agent.boot = () => null;
  stage.agent.job = () => ({ reports: null as never, outputTail: null as never });
  stage.agent.interpreters = [{ id: 'py', kind: 'python', version: '3.11.2' }];
  const two = await stage.commit(app, python, one);
  const { verdicts } = await stage.push(app, [{ ref: main, from: one, to: two }]);
  assert.equal(verdicts.get(main)?.isAccepted, false);
  assert.deepEqual(startingReleases(stage.database), []);
  assert.deepEqual(runningChanges(stage.database), []);
  assert.deepEqual(stage.agent.sets(app.id), [liveRelease(stage.database, app.id)?.setId]);
});

test('a switch that the agent refuses for a full disk is finished when there is room', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  let refusals = 3;
  stage.agent.beforeDocument = (state) => {
    const isSwitch = state.apps.some((each) => each.routed !== null);
    if (isSwitch && refusals-- > 0) throw fail('disk-full', 'there is no room left');
  };
  await stage.land(app, one, null);
  assert.equal(liveRelease(stage.database, app.id)?.commit, one);
});

test('a landing that cannot be written is written when the store can be', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  stage.agent.beforeDocument = (state) => {
    if (!state.apps.some((each) => each.routed !== null)) return;
    stage.agent.beforeDocument = () => {};
    stage.fillDisk();
    void freeWhenMet(stage);
  };
  await stage.land(app, one, null);
  assert.equal(listChanges(stage.database, app.id, null, 1)[0]?.state, 'landed');
  assert.ok(stage.logged.some(isRefused));
});

test('a change that a full disk does not let begin has its end when there is room', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  await stage.land(app, two, one);
  const turn = await stage.world.lockOf(app.id).take(stage.world.signal);
  const { id } = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  stage.fillDisk();
  turn.release();
  void freeWhenMet(stage);
  const states: string[] = [];
  for await (const step of stage.world.progress.follow(id, AbortSignal.timeout(10_000))!)
    if ('end' in step) states.push(step.end.state);
  while (runningChanges(stage.database).length > 0) await pause(10);
  const change = listChanges(stage.database, app.id, null, 1)[0];
  assert.deepEqual([states, change?.state], [['infra-error'], 'infra-error']);
  assert.match(change?.reason ?? '', /could not be begun: .*full/);
  assert.equal(liveRelease(stage.database, app.id)?.commit, two);
});

test('what an app says reaches no terminal as it is', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const evil = 'a\u001b[31mb\u202ec';
  stage.agent.release = [evil];
  const files = { ...page('one'), 'lockstep.yml': 'release: "python3 migrate.py"\n' };
  const one = await stage.commit(app, files, null);
  const { said, verdicts } = await stage.push(app, [{ ref: main, from: null, to: one }]);
  assert.deepEqual(verdicts.get(main), { isAccepted: true }, said.join('\n'));
  assert.ok(said.includes('  a?[31mb?c'), said.join('\n'));
  const { id } = listChanges(stage.database, app.id, null, 1)[0]!;
  for await (const step of stage.world.progress.follow(id, AbortSignal.timeout(10_000))!)
    if ('line' in step) assert.doesNotMatch(step.line, /[\p{Cc}\p{Cf}]/u);
});
