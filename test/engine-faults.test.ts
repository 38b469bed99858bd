// The container engine is frozen, killed, stopped, and emptied behind our back: what serves goes on or comes back by itself, nothing is there
// twice, and what cannot be done says why. Only on an engine that the suite started; scripts/test.ts runs this file after all others.
import assert from 'node:assert/strict';
import { engineAt } from '../src/agent/engine/engine.ts';
import { isAlive } from '../src/agent/process/proc.ts';
import type { ObservedInstance } from '../src/domain/observed.ts';
import { run } from '../src/exec/exec.ts';
import { until } from './support/agent-machine.ts';
import { type Box, goLive, imageOf, inEngine, openBox, setOf, start } from './support/container-box.ts';
import { engineTest } from './support/engine.ts';
import { EngineDaemon } from './support/engine-daemon.ts';

const same = (one: ObservedInstance, two: ObservedInstance) => one.pid === two.pid && one.startTicks === two.startTicks;
const containersOf = (socket: string, box: Box) => inEngine(socket, box, 'containers/json?all=1');

engineTest(
  'J1: an engine that hangs costs no request: apps serve, are ended, and outlive the agent; starts say why they fail',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    await using engine = new EngineDaemon(socket);
    await using box = await openBox(socket);
    await box.startAgent();
    const [app, other] = [box.app(), box.app({ liveUid: 59_802, gateUid: 59_803, gid: 59_802 })];
    const [set, gone] = [setOf(box, id), setOf(box, id, { stage: 'live' })];
    await box.put({ ...other, routed: gone.id, sets: [gone] });
    const doomed = await box.ofSet(gone, 'healthy');
    await box.put({ ...other, routed: gone.id, sets: [gone] }, { ...app, sets: [set] });
    const one = await box.ofSet(set, 'healthy');
    const live = { ...app, routed: set.id, sets: [{ ...set, stage: 'live' as const }] };
    await box.put({ ...other, routed: gone.id, sets: [gone] }, live);
    engine.freeze();
    assert.equal((await box.get(app)).status, 200);
    const next = setOf(box, id, { releaseLabel: 'v2' });
    await box.put({ ...live, sets: [...live.sets, next] });
    const failed = await box.ofSet(next, 'failed');
    assert.match(failed.reason!, /The container engine does not answer/);
    await until('what is not wanted has ended', () => !isAlive({ pid: doomed.pid!, startTicks: doomed.startTicks! }));
    await box.stopAgent(false);
    await box.startAgent();
    assert.ok(same(await box.instance('adopted', ({ setId, state }) => setId === set.id && state === 'healthy'), one));
    assert.equal((await box.get(app)).status, 200);
    engine.thaw();
    await box.put(live);
    await until('what was left is cleared away', async () => (await containersOf(socket, box)).length === 1);
    const second = setOf(box, id, { releaseLabel: 'v3' });
    await goLive(box, app, second, [...live.sets]);
    assert.equal((await box.get(app)).release, 'v3');
  },
);

for (const signal of ['SIGKILL', 'SIGTERM'] as const)
  engineTest(
    `J1: an engine that ends by ${signal} and comes back: the app is there again, once`,
    { own: true },
    async (socket) => {
      const id = await imageOf(socket, start);
      await using engine = new EngineDaemon(socket);
      await using box = await openBox(socket);
      await box.startAgent();
      const app = box.app();
      const one = await goLive(box, app, setOf(box, id));
      await engine.end(signal);
      if (signal === 'SIGKILL') assert.equal((await box.get(app)).status, 200);
      else {
        const waiting = await box.instance(
          'waits',
          ({ state, reason }) => state === 'backing-off' && /engine/.test(reason ?? ''),
        );
        assert.match(waiting.reason!, /The container engine does not answer/);
      }
      const startedAtMs = performance.now();
      await engine.start();
      const again = await box.instance('again', (two) => two.state === 'healthy' && !same(one, two));
      process.stderr.write(`back after ${Math.round(performance.now() - startedAtMs)} ms\n`);
      assert.equal(again.id, one.id);
      await until('it answers', async () => (await box.get(app)).status === 200);
      await until('there is one', async () => (await containersOf(socket, box)).length === 1);
    },
  );

engineTest('J2, J3: what is removed behind our back is there again, or is said', { own: true }, async (socket) => {
  const id = await imageOf(socket, start);
  await using box = await openBox(socket);
  await box.startAgent();
  const app = box.app();
  const set = setOf(box, id);
  let one = await goLive(box, app, set);
  const engine = engineAt(socket);
  const again = async (why: RegExp): Promise<void> => {
    const down = await box.instance('down', ({ state }) => state === 'backing-off');
    assert.match(down.reason!, why);
    const two = await box.instance('again', (each) => each.state === 'healthy' && !same(one, each));
    await until('it answers', async () => (await box.get(app)).status === 200);
    assert.equal((await containersOf(socket, box)).length, 1);
    one = two;
  };
  const [container] = await containersOf(socket, box);
  await engine.ask('DELETE', `/containers/${container!.Id}?force=1`);
  await again(/^ended by SIGKILL after|^its container was removed/);
  const [network] = await inEngine(socket, box, 'networks?');
  const [now] = await containersOf(socket, box);
  await engine.ask('POST', `/networks/${network!.Id}/disconnect`, { json: { Container: now!.Id, Force: true } });
  await again(/^it was taken from its network/);
  // `docker system prune -af` takes what nothing runs in: nothing of ours that serves.
  await engine.ask('POST', '/containers/prune');
  await engine.ask('POST', '/networks/prune');
  await engine.ask('POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["true"]}')}`);
  assert.equal((await box.get(app)).status, 200);
  // Of the packet filter the engine's own chains only.
  for (const words of [['DOCKER'], ['DOCKER', '-t', 'nat']])
    await run(['/usr/sbin/iptables', '-w', '-F', ...words], { env: {}, timeoutMs: 10_000, okCodes: [0] });
  await goLive(box, app, setOf(box, id, { releaseLabel: 'v2' }), [{ ...set, stage: 'live' }]);
  assert.deepEqual(await box.get(app), { status: 200, text: 'v2 0', release: 'v2' });
});
