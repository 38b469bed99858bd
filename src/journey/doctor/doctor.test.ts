// Many who ask the doctor at once must not make it work for each of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId } from '../../domain/ids.ts';
import { FakeWorld } from '../fake-world.ts';
import { examine, repair } from './doctor.ts';

const version = 'test';

test('callers of the same question share a run, and others wait in a line that has an end', async () => {
  using fake = new FakeWorld();
  const { agent, owner, world } = fake;
  const survey = agent.survey.bind(agent);
  let looks = 0;
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  agent.survey = async () => {
    looks += 1;
    await held;
    return survey();
  };
  const ask = (appIds: AppId[] | null = null) =>
    examine(world, { principal: { ...owner, appIds }, app: null, version });
  const first = ask();
  while (looks === 0) await new Promise((resolve) => setImmediate(resolve));
  const same = Array.from({ length: 200 }, () => ask());
  const others = Array.from({ length: 15 }, (_, at) => ask([`app_${at}` as AppId]));
  await assert.rejects(ask(['app_one_more' as AppId]), { code: 'busy' });
  await assert.rejects(repair(world, { principal: owner, app: null, version }), { code: 'busy' });
  assert.equal(looks, 1);
  goOn();
  const reports = await Promise.all([first, ...same, ...others]);
  assert.ok(reports.every(({ problems }) => problems.length === 0));
  assert.equal(new Set(reports.slice(1, 201)).size, 1);
  assert.equal((await repair(world, { principal: owner, app: null, version })).fixed.length, 0);
});
