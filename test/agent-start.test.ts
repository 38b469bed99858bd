// How an instance's start is guarded: who it runs as, with whose mask, on which Python, and how many at once.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree } from '../src/agent/remove-tree.ts';
import { startsAtOnce } from '../src/agent/supervise/supervisor.ts';
import type { JobSpec } from '../src/domain/job.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { machine, newId, until } from './support/agent-machine.ts';

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'not root' };

test('root starts nothing as itself, whatever the document says', needsRoot, async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  for (const liveUid of [null, 0, 33]) {
    const app = { ...box.app(), liveUid };
    const set = box.set(await box.tree(box.app({ id: app.id })));
    await box.put({ ...app, sets: [set] });
    assert.equal((await box.ofSet(set, 'failed')).reason, 'The app has no identity of its own.');
  }
});

test("an operator's strict mask closes nothing to those who need it", async () => {
  await using box = await machine();
  const before = process.umask(0o077);
  try {
    await box.startAgent();
    const app = box.app();
    const treeId = await box.tree(app);
    const { liveUid, gateUid, gid } = app;
    const spec: JobSpec = {
      ...{ liveUid, gateUid, gid, id: newId('job'), appId: app.id, kind: 'run', identity: 'live', place: { treeId } },
      ...{ layerKey: null, tools: [], env: {}, files: { note: 'said' }, reports: ['out'], volumes: {} },
      command: { argv: ['/bin/cp', '{job}/note', '{reports}/out'] },
      ...{ deadlineMs: 20_000, outputBytes: 10_000, limits: defaultLimits },
    };
    const result = await box.client.runJob(spec, { signal: new AbortController().signal });
    assert.deepEqual([result.exitCode, result.reports], [0, { out: 'said' }], result.outputTail.join('\n'));
  } finally {
    process.umask(before);
  }
});

test('a removed app takes its jobs along', async () => {
  await using box = await machine();
  await box.startAgent();
  const [app, other] = [box.app(), box.app()];
  const [first, second] = await Promise.all(
    [app, other].map(async (one) => {
      const { liveUid, gateUid, gid } = one;
      const spec: JobSpec = {
        ...{ liveUid, gateUid, gid, id: newId('job'), appId: one.id, kind: 'run', identity: 'live' },
        ...{ layerKey: null, tools: [], env: {}, files: {}, reports: [], volumes: {} },
        ...{ place: { treeId: await box.tree(one) }, command: { shell: 'echo begun; exec sleep 600' } },
        ...{ deadlineMs: 20_000, outputBytes: 10_000, limits: defaultLimits },
      };
      const lines: string[] = [];
      const end = new AbortController();
      const result = box.client.runJob(spec, { signal: end.signal, onLine: (line) => lines.push(line) });
      await until('it runs', () => lines.includes('begun'));
      return { end, result };
    }),
  );
  await box.client.deleteApp(app, { volumes: true });
  assert.deepEqual([(await first!.result).endedBy, existsSync(box.folders.app(app.id))], ['cancelled', false]);
  second!.end.abort();
  assert.equal((await second!.result).signal, 'SIGTERM');
});

test('a layer whose Python is gone says so', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  const layerKey = 'a'.repeat(64);
  const layer = box.folders.layer(app.id, layerKey);
  await mkdir(join(layer, 'bin'), { recursive: true });
  await symlink('/usr/bin/python3.0', join(layer, 'bin', 'python'));
  await writeFile(`${layer}.complete`, '{}');
  const set = box.set(treeId);
  await box.put({ ...app, sets: [{ ...set, artifact: { ...set.artifact, layerKey } }] });
  const failed = await box.ofSet(set, 'failed');
  assert.equal(failed.reason, 'The Python that the app was installed with is gone: /usr/bin/python3.0.');
  assert.match(failed.notes[0]!, /Install it again/);
});

test('a live release whose tree and layer are gone says what it lacks, and starts as soon as they have come', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  await removeTree(box.folders.tree(app.id, treeId));
  const layerKey = 'a'.repeat(64);
  const layer = box.folders.layer(app.id, layerKey);
  await mkdir(layer, { recursive: true }); // half made: nothing says that it is whole
  const set = { ...box.set(treeId, 'serve', { stage: 'live' }) };
  const wanted = { ...set, artifact: { ...set.artifact, layerKey } };
  await box.put({ ...app, routed: set.id, sets: [wanted] });
  const waiting = await box.ofSet(set, 'backing-off');
  assert.deepEqual(waiting.lacks, ['tree', 'layer']);
  assert.match(
    waiting.reason!,
    /^The release directory of tree \w+ and the dependency layer a+ are not on this machine\.$/,
  );
  await box.put({ ...app, routed: set.id, sets: [set] });
  await box.tree(app);
  const healthy = await box.ofSet(set, 'healthy');
  assert.deepEqual(healthy.lacks, []);
});

test('many starts have their turn, and all come', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const apps = await Promise.all(
    Array.from({ length: 3 * startsAtOnce }, async () => {
      const app = box.app();
      const set = box.set(await box.tree(app), 'serve', { stage: 'live' });
      return { ...app, routed: set.id, sets: [set] };
    }),
  );
  const now = new Map<string, string>();
  let most = 0;
  const end = new AbortController();
  const seen = (async () => {
    for await (const event of box.client.events(end.signal)) {
      if (event.type === 'instance') now.set(event.instance.id, event.instance.state);
      const states = [...now.values()];
      most = Math.max(most, states.filter((state) => state === 'starting').length);
      if (states.filter((state) => state === 'healthy').length === apps.length) end.abort();
    }
  })();
  await box.put(...apps);
  await seen;
  assert.equal(most, startsAtOnce);
});
