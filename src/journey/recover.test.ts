// What a start does with what the last control left, by the state that is in the store and where main stands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findChange, listChanges } from '../store/changes.ts';
import { liveRelease } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';
import { recover } from './recover.ts';
import { startRollback } from './rollback.ts';
import { statusOf } from './status.ts';

/** The state that a control leaves when it ends between main's advance and the last word. */
function unwrite(stage: FakeWorld, commit: string): void {
  stage.database.prepare("UPDATE changes SET state='passed', ended_at_ms=NULL WHERE head=?").run(commit);
  stage.database
    .prepare("UPDATE releases SET state='starting', version=NULL, live_at_ms=NULL WHERE commit_id=?")
    .run(commit);
}

test('a change that main has held and that a later one has overtaken is not switched to again', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  await stage.land(app, two, one);
  const three = await stage.commit(app, page('three'), two);
  await stage.land(app, three, two);
  unwrite(stage, two);
  const world = stage.restart();
  assert.deepEqual(await recover(world), { rolledForward: 0, ended: 1, requeued: 0 });
  await world.desired.publish(null);
  const live = liveRelease(stage.database, app.id);
  assert.equal(live?.commit, three);
  assert.equal(stage.agent.routed(app.id), live?.setId);
  assert.deepEqual(
    listChanges(stage.database, app.id, null, 10).map((change) => change.state),
    ['landed', 'landed', 'landed'],
  );
  assert.equal((await statusOf(world, stage.app())).state, 'IN SYNC');
});

test('a change that was not written down is finished, and whoever follows it hears so', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  unwrite(stage, one);
  const world = stage.restart();
  const { id } = listChanges(stage.database, app.id, null, 1)[0]!;
  assert.deepEqual(await recover(world), { rolledForward: 1, ended: 0, requeued: 0 });
  const ends: unknown[] = [];
  for await (const step of world.progress.follow(id, AbortSignal.timeout(10_000))!)
    if ('end' in step) ends.push(step.end.state, step.end.version);
  assert.deepEqual(ends, ['landed', 1]);
  assert.equal(liveRelease(stage.database, app.id)?.commit, one);
});

test('a rollback for which main moved while it waited starts nothing and says what to do', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  const two = await stage.commit(app, page('two'), one);
  await stage.land(app, two, one);
  const three = await stage.commit(app, page('three'), two);
  const turn = await stage.world.lockOf(app.id).take();
  const landing = stage.land(app, three, two);
  const { id } = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  turn.release();
  await landing;
  let reason: string | null = null;
  for await (const step of stage.world.progress.follow(id, AbortSignal.timeout(10_000))!)
    if ('end' in step) reason = step.end.reason;
  assert.match(String(reason), /main moved while the rollback waited .* ask for it again/);
  assert.equal(findChange(stage.database, app.id, id as never)?.state, 'conflict');
});
