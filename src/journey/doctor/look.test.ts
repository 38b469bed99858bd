// What belongs to no app and needs no mending is still said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeWorld } from '../fake-world.ts';
import { look } from './look.ts';

test('E6: what agent or router found damaged at their start stands in the notes', async () => {
  using fake = new FakeWorld();
  const { agent } = fake;
  const alarm = 'The routes on disk are damaged, the previous ones serve: snapshot.json: its checksum does not match';
  const survey = agent.survey.bind(agent);
  assert.deepEqual((await look(fake.world, [], true)).notes, []);
  agent.survey = async () => ({ ...(await survey()), alarms: [alarm] });
  const seen = await look(fake.world, [], true);
  assert.deepEqual(seen.notes, [alarm]);
  assert.deepEqual(seen.found, [], 'it has healed by itself');
});
