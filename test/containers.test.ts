// Releases that are images, through a real agent and a real router on a real engine: from the desired document to an answer and to the last trace.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { engineAt } from '../src/agent/engine/engine.ts';
import { labelsOf } from '../src/agent/engine/labels.ts';
import { isAlive } from '../src/agent/process/proc.ts';
import type { DesiredSet } from '../src/domain/desired.ts';
import type { ImageId } from '../src/domain/ids.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { newId, until } from './support/agent-machine.ts';
import { goLive, imageOf, inEngine, openBox, setOf, source, start } from './support/container-box.ts';
import { engineTest } from './support/engine.ts';

engineTest('an image goes live by its id, is switched, and leaves nothing', { own: true }, async (socket) => {
  const id = await imageOf(socket, 'EXPOSE 8000', start);
  await using box = await openBox(socket);
  await box.startAgent();
  const app = box.app();
  const first = setOf(box, id, { image: { ports: [8000] } });
  const one = await goLive(box, app, first);
  assert.match(one.host!, /^\d+\.\d+\.\d+\.\d+$/);
  assert.deepEqual([one.port, one.notes], [8000, []]);
  assert.deepEqual(await box.get(app), { status: 200, text: 'v1 0', release: 'v1' });
  const { processes } = await box.client.evidence(app, null, []);
  assert.deepEqual(
    processes.map(({ isAlive: lives, listens, stranger, image, uids }) => ({ lives, listens, stranger, image, uids })),
    [{ lives: true, listens: true, stranger: null, image: id, uids: [0] }],
  );
  const second = setOf(box, id, { releaseLabel: 'v2', image: { isGenerated: true } });
  await goLive(box, app, second, [{ ...first, stage: 'live' }]);
  assert.deepEqual(await box.get(app), { status: 200, text: `v2 ${app.liveUid ?? 0}`, release: 'v2' });
  await until('the first is gone', async () => (await inEngine(socket, box, 'containers/json?all=1')).length === 1);
  assert.ok((await box.client.usage(app.id))[0]!.memoryBytes > 1 << 20);
  await box.put();
  await until('all is gone', async () => (await inEngine(socket, box, 'containers/json?all=1')).length === 0);
  await box.client.deleteApp(app, { volumes: true });
  assert.deepEqual(await inEngine(socket, box, 'networks?'), []);
});

engineTest(
  'one that ignores PORT is routed by EXPOSE or by its only port; what nobody can reach is told',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    await using box = await openBox(socket);
    await box.startAgent();
    const app = box.app();
    const health = { path: '/', timeoutMs: 2500, host: 'h', acceptServerErrors: false };
    const fixed = setOf(box, id, { env: { MODE: 'fixed' } });
    const exposed = setOf(box, id, { env: { MODE: 'fixed' }, image: { ports: [443, 5000] } });
    const inside = setOf(box, id, { env: { MODE: 'loopback' }, health });
    const lost = setOf(box, `sha256:${'0'.repeat(64)}` as ImageId);
    await box.put({ ...app, sets: [fixed, exposed, inside, lost] });
    for (const set of [fixed, exposed]) {
      const one = await box.ofSet(set, 'healthy', 'failed');
      assert.deepEqual([one.state, one.port], ['healthy', 5000], JSON.stringify(one));
      assert.deepEqual(one.notes, ['listens on 5000, PORT (8080) is ignored']);
    }
    assert.match(
      (await box.ofSet(inside, 'failed')).notes[0]!,
      /^It listens on 127\.0\.0\.1 only: bind 0\.0\.0\.0, nobody outside/,
    );
    const { reason, lacks } = await box.ofSet(lost, 'failed');
    assert.match(reason!, /The image 000000000000 is not on this machine/);
    assert.deepEqual(lacks, ['image']);
  },
);

engineTest(
  'more memory than its limit is an end, and told as that; then it is started again',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    await using box = await openBox(socket);
    await box.startAgent();
    const app = box.app();
    const set = setOf(box, id, { limits: { ...defaultLimits, memoryBytes: 96 << 20 } });
    const one = await goLive(box, app, set);
    await box.get(app, '/memory').catch(() => {});
    const down = await box.instance('ended', ({ state }) => state === 'backing-off');
    assert.equal(down.reason, 'out of memory (limit 96 MB)');
    const again = await box.instance('again', ({ state, pid }) => state === 'healthy' && pid !== one.pid);
    assert.equal(again.id, one.id);
    await until('it answers', async () => (await box.get(app)).status === 200);
    assert.equal((await inEngine(socket, box, 'containers/json?all=1')).length, 1);
  },
);

engineTest(
  'a container of another image under the name of ours, or in its place, is told with its image; what is started next has the name alone',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    const other = await imageOf(socket, 'ENV OTHER=1', 'CMD ["sleep", "600"]');
    await using box = await openBox(socket);
    await box.startAgent();
    const app = box.app();
    const set = setOf(box, id);
    const one = await goLive(box, app, set);
    const engine = engineAt(socket);
    const look = async () =>
      (await box.client.evidence(app, null, [])).processes.map((each) => [each.image, each.beside]);
    assert.deepEqual(await look(), [[id, undefined]]);
    const json = { Image: other, Labels: labelsOf({ node: box.nodeId, app: app.id, instance: one.id }) };
    const { Id } = (await engine.ask('POST', '/containers/create', { json })).body as { Id: string };
    assert.deepEqual(await look(), [[id, undefined]], 'it does not run yet');
    await engine.ask('POST', `/containers/${Id}/start`);
    assert.deepEqual(await look(), [[id, [other]]]);
    // Ours goes: what bears its name is not taken for it, and makes room.
    const all = await inEngine(socket, box, 'containers/json?all=1');
    const ours = all.find((each) => each.Id !== Id)!;
    await engine.ask('DELETE', `/containers/${ours.Id}?force=1`);
    await box.instance('again', (each) => each.state === 'healthy' && each.pid !== one.pid);
    assert.deepEqual(await look(), [[id, undefined]]);
    assert.equal((await inEngine(socket, box, 'containers/json?all=1')).length, 1);
    assert.equal((await box.get(app)).status, 200);
  },
);

engineTest(
  'a container and a network of nobody are left over, and removed when asked',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    await using box = await openBox(socket);
    await box.startAgent();
    const engine = engineAt(socket);
    const owner = { node: box.nodeId, app: newId('app') };
    const Labels = labelsOf({ ...owner, instance: newId('ins') });
    await engine.ask('POST', '/containers/create', { json: { Image: id, Labels } });
    await engine.ask('POST', '/networks/create', { json: { Name: `left-${owner.app}`, Labels: labelsOf(owner) } });
    const { leftOvers } = await box.client.survey();
    assert.deepEqual(leftOvers.map(({ kind }) => kind).sort(), ['container', 'network']);
    assert.equal((await box.client.removeLeftOvers(leftOvers)).length, 2);
    for (const what of ['containers/json?all=1', 'networks?'] as const)
      assert.deepEqual(await inEngine(socket, box, what), []);
  },
);

engineTest('what a container writes into its own root counts to its disk', { own: true }, async (socket) => {
  const id = await imageOf(socket, start);
  await using box = await openBox(socket);
  await box.startAgent();
  const app = box.app();
  await goLive(box, app, setOf(box, id, { limits: { ...defaultLimits, diskBytes: 20 << 20 } }));
  const told: string[] = [];
  const end = new AbortController();
  const listening = (async () => {
    for await (const event of box.client.events(end.signal)) if (event.type === 'incident') told.push(event.reason);
  })();
  assert.equal((await box.get(app, '/fill/30')).status, 200);
  await until('it is told', () => told.some((reason) => /^disk limit reached \(20 MB\).*refused$/.test(reason)));
  assert.ok((await box.get(app, '/fill/1')).status >= 500);
  assert.equal((await box.get(app)).status, 200);
  end.abort();
  await listening;
});

engineTest(
  'a volume moves between processes and containers, whoever they run as, and each reads and writes it all',
  { own: true },
  async (socket) => {
    const [asRoot, asOther, ours] = await Promise.all([
      imageOf(socket, start),
      imageOf(socket, 'USER 7000:7000', start),
      imageOf(socket, 'USER 10001:10001', 'ENV HOME=/tmp', start),
    ]);
    await using box = await openBox(socket);
    await box.startAgent();
    const app = box.app();
    const treeId = await box.tree(app, { 'app.py': source.toString() });
    const volumes = { data: 'data' };
    const process = (label: string) => box.set(treeId, 'serve', { releaseLabel: label, volumes });
    const container = (id: ImageId, label: string, isGenerated = false) =>
      setOf(box, id, { releaseLabel: label, volumes, image: { isGenerated } });
    const sets = [
      process('a'),
      container(asRoot, 'b'),
      process('c'),
      container(asOther, 'd'),
      container(ours, 'e', true),
      container(asOther, 'f'),
      process('g'),
    ];
    let before: DesiredSet | null = null;
    const seen: string[] = [];
    for (const set of sets) {
      await box.put({ ...app, routed: before?.id ?? null, sets: [...(before === null ? [] : [before]), set] });
      const one = await box.ofSet(set, 'healthy', 'failed');
      assert.equal(one.state, 'healthy', JSON.stringify(one));
      // While the new one is only tried, the old one writes still.
      if (before !== null) {
        seen.push(`${before.releaseLabel}-old`);
        const old = await box.get(app, `/write/${seen.at(-1)}`);
        assert.equal(old.status, 200, `${before.releaseLabel} before ${set.releaseLabel}: ${old.status} ${old.text}`);
      }
      before = { ...set, stage: 'live' };
      await box.put({ ...app, routed: set.id, sets: [before] });
      seen.push(set.releaseLabel);
      const answer = await box.get(app, `/write/${set.releaseLabel}`);
      assert.equal(
        answer.text.split(' ').at(-1),
        seen.join(','),
        `${set.releaseLabel}: ${answer.status} ${answer.text}`,
      );
    }
    assert.equal(statSync(box.folders.volume(app.id, 'data')).mode & 0o007, 0);
  },
);

engineTest(
  'an agent that was killed finds its containers again, with what they said meanwhile',
  { own: true },
  async (socket) => {
    const id = await imageOf(socket, start);
    await using box = await openBox(socket);
    await box.startAgentApart();
    const app = box.app();
    const set = setOf(box, id);
    const one = await goLive(box, app, set);
    await box.get(app, '/say/before');
    const linesOf = async () => {
      const lines: string[] = [];
      const quit = new AbortController().signal;
      for await (const { line } of box.client.logs(app.id, { count: 50, follow: false, instanceId: one.id }, quit))
        lines.push(line);
      return lines;
    };
    await until('its word is in the log', async () => (await linesOf()).includes('before'));
    await box.killAgent();
    await box.get(app, '/say/meanwhile');
    await box.startAgentApart();
    const two = await box.instance('adopted', ({ state }) => state === 'healthy');
    assert.deepEqual([two.id, two.pid, two.host, two.port], [one.id, one.pid, one.host, one.port]);
    await until('its word is in the log', async () => (await linesOf()).includes('meanwhile'));
    assert.deepEqual(
      (await linesOf()).filter((line) => line === 'meanwhile'),
      ['meanwhile'],
    );
    assert.equal((await box.get(app)).status, 200);
    await box.put();
    await until('all is gone', async () => (await inEngine(socket, box, 'containers/json?all=1')).length === 0);
    assert.equal(isAlive({ pid: one.pid!, startTicks: one.startTicks! }), false);
    assert.ok((await linesOf()).includes('asked to end'));
  },
);
