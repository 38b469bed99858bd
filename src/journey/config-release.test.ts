// A change of config and a restart: what fails leaves what was live, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { ReleaseId } from '../domain/ids.ts';
import { currentConfig } from '../store/app-config.ts';
import { liveRelease, startingReleases } from '../store/releases.ts';
import { editOf, startConfigChange, startRestart } from './config-release.ts';
import { FakeWorld, page } from './fake-world.ts';

const asked = { actor: 'owner', description: 'config: A', cause: 'config' as const };

async function liveApp(stage: FakeWorld): Promise<App> {
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  return stage.app();
}

async function endOf(stage: FakeWorld, id: ReleaseId) {
  for await (const step of stage.world.progress.follow(id, AbortSignal.timeout(10_000))!)
    if ('end' in step) return step.end;
  return null;
}

const set = (key: string, value: string) => editOf({ set: new Map([[key, value]]), unset: [] });

test('a change of config is a new release of the same artifact', async () => {
  using stage = new FakeWorld();
  const app = await liveApp(stage);
  const { id } = await startConfigChange(stage.world, app, set('A', '1'), asked);
  assert.equal((await endOf(stage, id!))?.version, 2);
  assert.deepEqual(currentConfig(stage.database, app.id).entries, { A: '1' });
  assert.deepEqual(stage.agent.sets(app.id), [liveRelease(stage.database, app.id)?.setId]);
});

test('G7: config that no program could be started with is refused, and nothing is kept of it', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const large = (from: number) =>
    editOf({ set: new Map([0, 1, 2, 3, 4].map((at) => [`A${from + at}`, 'x'.repeat(120 * 1024)])), unset: [] });
  await startConfigChange(stage.world, app, large(0), asked);
  const before = currentConfig(stage.database, app.id);
  await assert.rejects(startConfigChange(stage.world, app, large(5), asked), { code: 'too-large' });
  assert.deepEqual(currentConfig(stage.database, app.id), before);
});

test('config that the app does not start with leaves what was live, and its config', async () => {
  using stage = new FakeWorld();
  const app = await liveApp(stage);
  const before = liveRelease(stage.database, app.id);
  stage.agent.boot = () => ({ state: 'failed', reason: 'exited with code 1' });
  const { id } = await startConfigChange(stage.world, app, set('A', '1'), asked);
  assert.deepEqual((await endOf(stage, id!))?.reason, 'exited with code 1');
  assert.deepEqual(liveRelease(stage.database, app.id), before);
  assert.deepEqual(currentConfig(stage.database, app.id).entries, {});
  assert.deepEqual(stage.agent.sets(app.id), [before?.setId]);
  assert.deepEqual(startingReleases(stage.database), []);
});

test('the first good answer that config brings counts: from then on a 5xx is a rejection', async () => {
  using stage = new FakeWorld();
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 503 });
  const app = await liveApp(stage);
  assert.equal(app.wasEverHealthy, false);
  stage.agent.boot = () => ({ state: 'healthy', healthStatus: 200 });
  const { id } = await startConfigChange(stage.world, app, set('A', '1'), asked);
  await endOf(stage, id!);
  assert.equal(stage.app().wasEverHealthy, true);
});

test('a restart that the agent does not take leaves no instance for later', async () => {
  using stage = new FakeWorld();
  const app = await liveApp(stage);
  const before = liveRelease(stage.database, app.id)?.setId;
  let refusals = 1;
  stage.agent.beforeDocument = () => {
    if (refusals-- > 0) throw fail('agent-away', 'The agent does not answer');
  };
  const { id } = await startRestart(stage.world, app, 'owner');
  assert.equal((await endOf(stage, id))?.ok, false);
  await stage.world.desired.publish(null);
  assert.deepEqual(stage.agent.sets(app.id), [before]);
});
