// What is live and not on the agent's machine comes again from the repository, without anybody asking for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { liveRelease } from '../store/releases.ts';
import { FakeWorld, page } from './fake-world.ts';
import { Supply } from './supply.ts';

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; !isSo(); await sleep(5)) assert.ok(performance.now() < limit);
}

test('a tree that the agent lacks is sent again, once, whoever says so how often', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const { treeId, setId } = liveRelease(stage.database, app.id)!;
  stage.agent.trees.clear();
  let sent = 0;
  const putTree = stage.agent.putTree.bind(stage.agent);
  stage.agent.putTree = async (...given) => {
    sent += 1;
    return putTree(...given);
  };
  const [instance] = stage.observations.ofSet(setId);
  const lacking = { ...instance!, state: 'backing-off' as const, lacks: ['tree'] as const };
  stage.observations.take({ type: 'instance', instance: lacking });
  const supply = new Supply(stage.world);
  for (let times = 0; times < 3; times += 1) supply.hear([lacking]);
  await until(() => stage.logged.length > 0);
  assert.ok(stage.agent.trees.has(treeId));
  assert.equal(sent, 1);
  assert.match(String(stage.logged.at(-1)?.message), /sent again to the agent: tree of blog/);
});

test('what cannot be sent again is said, and tried at the next word of the agent', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const { treeId, setId } = liveRelease(stage.database, app.id)!;
  stage.agent.trees.clear();
  const lacking = { ...stage.observations.ofSet(setId)[0]!, lacks: ['tree'] as const };
  stage.observations.take({ type: 'instance', instance: lacking });
  stage.agent.isAway = true;
  const supply = new Supply(stage.world);
  supply.hear([lacking]);
  await until(() => stage.logged.length > 0);
  assert.match(String(stage.logged.at(-1)?.message), /cannot be sent again: The agent does not answer/);
  stage.agent.isAway = false;
  await new Promise(setImmediate); // the first try has come to its end
  supply.hear([lacking]);
  await until(() => stage.agent.trees.has(treeId));
});

test('a set that is not live is no business of it', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const instance = stage.observations.ofApp(app.id)[0]!;
  stage.agent.trees.clear();
  const lock = stage.world.lockOf(app.id);
  let asked = 0;
  const lockOf = () => {
    asked += 1;
    return lock;
  };
  const world = { ...stage.world, lockOf };
  new Supply(world).hear([{ ...instance, setId: 'set_other' as never, lacks: ['tree'] }]);
  await until(() => asked === 1);
  (await lock.take()).release();
  assert.equal(stage.agent.trees.size, 0);
});
