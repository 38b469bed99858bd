// What a repair must never do: take away what nothing else holds.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { AgentSurvey } from '../../domain/survey.ts';
import { FakeWorld } from '../fake-world.ts';
import { found } from './found.ts';
import { look } from './look.ts';
import { mend } from './mend.ts';

/** An app with a repository and files, which the store knows no more. */
async function forgotten(fake: FakeWorld, wasDestroyed: boolean) {
  const app = await fake.createApp();
  const { path } = await fake.world.repositoryOf(app);
  const survey = fake.agent.survey.bind(fake.agent);
  const disk = { id: app.id, volumes: [], hasMore: true, open: [] };
  fake.agent.survey = async (): Promise<AgentSurvey> => ({ ...(await survey()), apps: [disk] });
  fake.database.exec('DELETE FROM apps');
  if (wasDestroyed)
    fake.database
      .prepare(
        "INSERT INTO events (id, team_id, app_id, type, actor, data, at_ms) VALUES ('evt_x', ?, ?, 'app.destroyed', 'owner', '{}', 1)",
      )
      .run(app.teamId, app.id);
  return { app, path };
}

test('of an app that the store does not know and that nobody destroyed, files are removed and the repository stays', async () => {
  using fake = new FakeWorld();
  const { app, path } = await forgotten(fake, false);
  const seen = await look(fake.world, [], true);
  assert.deepEqual(seen.found.map(({ problem }) => problem.code).sort(), ['left-over', 'unknown-repository']);
  const mended = await mend(fake.world, seen.found, 'owner');
  assert.deepEqual(
    mended.map(({ problem }) => problem.code),
    ['left-over'],
  );
  assert.deepEqual(fake.agent.deleted, [app.id]);
  assert.ok(existsSync(path), 'it may be all that is left of the app');
});

test('of an app that was destroyed the repository goes too', async () => {
  using fake = new FakeWorld();
  const { path } = await forgotten(fake, true);
  await mend(fake.world, (await look(fake.world, [], true)).found, 'owner');
  assert.ok(!existsSync(path));
});

test('nothing is removed of an app that the store knows again', async () => {
  using fake = new FakeWorld();
  const app = await fake.createApp();
  const { path } = await fake.world.repositoryOf(app);
  const mended = await mend(fake.world, [found('left-over', null, 'its files are there', { orphan: app.id })], 'owner');
  assert.deepEqual([mended, fake.agent.deleted, existsSync(path)], [[], [], true]);
});
