// What is live and not on the agent's machine comes again from the repository, without anybody asking for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findArtifact, liveRelease } from '../store/releases.ts';
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

test('an image that the agent lacks is built again; one that comes out other than it was is a release of its own', async () => {
  using stage = new FakeWorld();
  const id = (digit: string) => `sha256:${digit.repeat(64)}`;
  const built = (digit: string) => ({
    built: {
      id: id(digit),
      ports: [],
      hasOwnCommand: true,
      layers: [],
      wasThere: false,
      cachedSteps: 0,
      durationMs: 1,
    },
  });
  stage.agent.engineLook = { state: 'ready', socket: '/run/engine', facts: {} } as never;
  stage.agent.built = [built('1')];
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, { Dockerfile: 'FROM debian:12\nCMD ["/x"]\n' }, null), null);
  const first = liveRelease(stage.database, app.id)!;
  const supply = new Supply(stage.world);
  const lack = async (said: number): Promise<void> => {
    const { setId } = liveRelease(stage.database, app.id)!;
    const lacking = {
      ...stage.observations.ofSet(setId)[0]!,
      state: 'backing-off' as const,
      lacks: ['image'] as const,
    };
    stage.observations.take({ type: 'instance', instance: lacking });
    supply.hear([lacking]);
    await until(
      () => stage.logged.filter(({ message }) => /sent again .*: image of blog/.test(`${message}`)).length === said,
    );
  };
  await lack(1);
  assert.equal(liveRelease(stage.database, app.id)?.id, first.id);
  stage.agent.built = [built('2')];
  await lack(2);
  const second = liveRelease(stage.database, app.id)!;
  assert.deepEqual([second.version, second.commit, second.cause], [2, first.commit, 'config']);
  assert.equal(findArtifact(stage.database, app.id, second.artifactDigest)?.image?.id, id('2'));
  assert.equal(stage.agent.routed(app.id), second.setId);
});
