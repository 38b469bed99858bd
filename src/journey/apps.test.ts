// Destroying an app: whatever waited for it is told, and its files go in the end.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fail } from '../domain/errors.ts';
import { listApps } from '../store/apps.ts';
import { listRemovals } from '../store/removals.ts';
import { destroyApp, removeLeftOvers } from './apps.ts';
import { editOf, startConfigChange } from './config-release.ts';
import { FakeWorld, page } from './fake-world.ts';
import { startRollback } from './rollback.ts';

const asked = { actor: 'owner', description: 'config: A', cause: 'config' as const };

test('what waited for its turn is told that the app was destroyed, and brings nothing back', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const one = await stage.commit(app, page('one'), null);
  await stage.land(app, one, null);
  await stage.land(app, await stage.commit(app, page('two'), one), one);
  const turn = await stage.world.lockOf(app.id).take();
  const destroyed = destroyApp(stage.world, stage.owner, app, { volumes: false });
  const { id } = await startRollback(stage.world, stage.app(), { version: 1, withConfig: false, actor: 'owner' });
  const edit = editOf({ set: new Map([['A', '1']]), unset: [] });
  const config = startConfigChange(stage.world, app, edit, asked);
  const ended = (async () => {
    for await (const step of stage.world.progress.follow(id, AbortSignal.timeout(10_000))!)
      if ('end' in step) return step.end.state;
    return null;
  })();
  turn.release();
  await destroyed;
  await assert.rejects(config, { code: 'not-found' });
  assert.equal(await ended, 'infra-error');
  assert.deepEqual(stage.agent.documents.at(-1)?.apps, []);
  assert.deepEqual(listApps(stage.database, stage.owner, '', 10), []);
});

test('files of a destroyed app that an ended control had not come to are removed by the next', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const { path } = await stage.world.repositoryOf(app);
  stage.agent.isAway = true;
  await destroyApp(stage.world, stage.owner, app, { volumes: true });
  assert.deepEqual(
    listRemovals(stage.database).map((one) => one.ref.id),
    [app.id],
  );
  const next = stage.restart();
  stage.agent.isAway = false;
  removeLeftOvers(next);
  const limit = AbortSignal.timeout(10_000);
  while (listRemovals(stage.database).length > 0 && !limit.aborted) await new Promise((turn) => setTimeout(turn, 5));
  assert.deepEqual(stage.agent.deleted.slice(0, 1), [app.id]);
  assert.equal(existsSync(path), false);
});

test('an agent that dies under the removal of an app is asked again when it is back', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const removes = stage.agent.deleteApp.bind(stage.agent);
  let asked = 0;
  stage.agent.deleteApp = async (ref) => {
    asked += 1;
    if (asked < 3) throw fail(asked === 1 ? 'agent-away' : 'conflict', 'not now');
    await removes(ref);
  };
  await destroyApp(stage.world, stage.owner, app, { volumes: false });
  const limit = AbortSignal.timeout(10_000);
  while (listRemovals(stage.database).length > 0 && !limit.aborted) await new Promise((turn) => setTimeout(turn, 5));
  assert.deepEqual([asked, stage.agent.deleted, listRemovals(stage.database)], [3, [app.id], []]);
});
