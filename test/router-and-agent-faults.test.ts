// Router and agent after a kill, over damaged documents, and before an app that has stopped answering: by real processes, with
// nobody in control's place, so that what is shown holds when control is dead as well.
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DesiredApp, DesiredSet } from '../src/domain/desired.ts';
import { machine, until } from './support/agent-machine.ts';

type Machine = Awaited<ReturnType<typeof machine>>;

/** An app whose release v1 gave way to v2: the document on disk has the one, the document before it the other. */
async function twoReleases(here: Machine): Promise<{ app: DesiredApp; old: DesiredSet; live: DesiredSet }> {
  const app = here.app();
  const tree = await here.tree(app);
  const candidate = (releaseLabel: string) => here.set(tree, 'serve', { releaseLabel });
  const first = candidate('v1');
  await here.put({ ...app, sets: [first] });
  await here.ofSet(first, 'healthy');
  const old: DesiredSet = { ...first, stage: 'live' };
  await here.put({ ...app, sets: [old], routed: old.id });
  const second = candidate('v2');
  await here.put({ ...app, sets: [old, second], routed: old.id });
  await here.ofSet(second, 'healthy');
  const live: DesiredSet = { ...second, stage: 'live' };
  await here.put({ ...app, sets: [live], routed: live.id });
  assert.equal((await here.get(app)).release, 'v2');
  await until('v1 is gone', async () => (await here.states()).instances.every((one) => one.setId !== old.id));
  return { app, old, live };
}

/** Asks until `isOver`: every answer must be a whole one of v2. */
async function alwaysV2(here: Machine, app: DesiredApp, isOver: () => boolean): Promise<number> {
  let count = 0;
  for (; !isOver(); count += 1) assert.deepEqual(await here.get(app).then(({ release }) => release), 'v2');
  return count;
}

test('E5: a router that is killed comes back from its own snapshot, with agent and control dead', async (context) => {
  await using here = await machine();
  await here.startRouter();
  await here.startAgentApart();
  const { app, live } = await twoReleases(here);
  await here.killAgent();
  const port = here.routerPort;
  await here.killRouter();
  const startedAt = performance.now();
  await here.startRouter(port);
  assert.equal((await here.get(app)).release, 'v2');
  context.diagnostic(`from its start to the first answer: ${Math.round(performance.now() - startedAt)} ms`);
  await here.startAgentApart();
  await here.ofSet(live, 'healthy');
  assert.equal((await here.get(app)).release, 'v2');
});

test("E6: a damaged desired state ends nothing and brings nothing old back: what runs serves until control's next word", async () => {
  await using here = await machine();
  await here.startRouter();
  await here.startAgent();
  const { app, live } = await twoReleases(here);
  const { instances } = await here.states();
  const check = async (damage: () => void, alarm: RegExp) => {
    await here.stopAgent(false);
    damage();
    const restarted = { isOver: false };
    const watching = alwaysV2(here, app, () => restarted.isOver);
    await here.startAgent();
    const alarms = (await here.client.survey()).alarms;
    assert.equal(alarms.length, 1);
    assert.match(alarms[0]!, alarm);
    assert.deepEqual(
      (await here.states()).instances.map(({ id, state }) => [id, state]),
      instances.map(({ id }) => [id, 'healthy']),
    );
    await here.put({ ...app, sets: [live], routed: live.id });
    assert.equal((await here.get(app)).release, 'v2');
    restarted.isOver = true;
    assert.ok((await watching) > 0);
    const now = (await here.states()).instances;
    assert.deepEqual(
      now.map(({ id, state, pid }) => [id, state, pid]),
      instances.map(({ id, pid }) => [id, 'healthy', pid]),
      'the very same process',
    );
  };
  const { desired } = here.folders;
  await check(() => truncateSync(desired, 100), /was damaged when the agent started: .*cut short.*; using .*previous/);
  await check(() => writeFileSync(desired, ''), /cut short/);
  await check(() => {
    writeFileSync(desired, 'damaged');
    writeFileSync(`${desired}.previous`, '');
  }, /desired\.json: .*; .*previous: /);
  await here.stopAgent(false);
  await here.startAgent();
  assert.deepEqual((await here.client.survey()).alarms, [], 'healed');
});

test('E6: with nobody in control the document before the last one is used after a while', async () => {
  await using here = await machine({ fallBackMs: 200 });
  await here.startRouter();
  await here.startAgent();
  const { app, old } = await twoReleases(here);
  await here.stopAgent(false);
  truncateSync(here.folders.desired, 10);
  await here.startAgent();
  await here.ofSet(old, 'healthy');
  await until('v1 serves again', async () => (await here.get(app)).release === 'v1');
});

test('E6: a damaged route snapshot: the one before it serves, an alarm is raised, and the agent gives the present one', async () => {
  await using here = await machine();
  await here.startRouter();
  await here.startAgent();
  const { app } = await twoReleases(here);
  const file = join(here.home, 'router', 'snapshot.json');
  for (const damage of [
    () => truncateSync(file, 70),
    () => {
      writeFileSync(file, '');
      writeFileSync(`${file}.previous`, 'damaged');
    },
  ]) {
    const port = here.routerPort;
    await here.killRouter();
    damage();
    await here.startRouter(port);
    await until('v2 serves', async () => (await here.get(app)).release === 'v2');
    assert.match((await here.client.survey()).alarms.join(), /snapshot\.json/);
  }
});

test('E12: an app that is stopped is told to be unhealthy, its neighbour of the same release serves alone, and it comes back', async () => {
  await using here = await machine({ timings: { probeMs: 100, probeFailures: 3 } });
  await here.startRouter();
  await here.startAgent();
  const app = here.app();
  const tree = await here.tree(app);
  const one = here.set(tree);
  const set: DesiredSet = { ...one, stage: 'live', processes: one.processes.map((web) => ({ ...web, count: 2 })) };
  await here.put({ ...app, sets: [set], routed: set.id });
  await until('both are healthy', async () => {
    const { instances } = await here.states();
    return instances.length === 2 && instances.every(({ state }) => state === 'healthy');
  });
  const [stopped] = (await here.states()).instances;
  process.kill(stopped!.pid!, 'SIGSTOP');
  try {
    const ill = await here.instance('it is unhealthy', ({ id, state }) => id === stopped!.id && state === 'unhealthy');
    assert.match(String(ill.reason), /does not answer: timed-out/);
    await until('nothing is sent to it any more', async () => {
      const route = (await here.client.survey()).router?.routes[app.hosts[0]!];
      return typeof route === 'object' && route.upstreams.every(({ instanceId }) => instanceId !== stopped!.id);
    });
    for (let at = 0; at < 20; at += 1) assert.equal((await here.get(app)).status, 200);
    assert.equal(ill.pid, stopped!.pid, 'it is not ended: it may be busy');
  } finally {
    process.kill(stopped!.pid!, 'SIGCONT');
  }
  await here.instance('it is healthy again', ({ id, state }) => id === stopped!.id && state === 'healthy');
});
