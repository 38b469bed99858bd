import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { isAlive, listProcesses } from '../src/agent/process/proc.ts';
import type { TreeId } from '../src/domain/ids.ts';
import type { JobSpec } from '../src/domain/job.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { machine, newId, until } from './support/agent-machine.ts';

const alive = (one: { pid: number | null; startTicks: number | null }) =>
  isAlive({ pid: one.pid!, startTicks: one.startTicks! });

for (const point of ['agent.after-desired-saved', 'agent.before-route-switch']) {
  test(`an agent killed at ${point} completes the switch when it is back`, async () => {
    await using box = await machine();
    await box.startRouter();
    await box.startAgentApart();
    const app = box.app();
    const treeId = await box.tree(app);
    const [first, second] = [
      box.set(treeId, 'serve', { stage: 'live' }),
      box.set(treeId, 'serve', { releaseLabel: 'v2' }),
    ];
    await box.put({ ...app, routed: first.id, sets: [first, second] });
    const one = await box.ofSet(first, 'healthy');
    const two = await box.ofSet(second, 'healthy');
    await until('v1 serves', async () => (await box.get(app)).text === `v1 ${one.pid}`);
    await box.killAgent();
    await box.startAgentApart({ LOCKSTEP_FAILPOINTS: `${point}=kill` });
    const switched = { ...app, routed: second.id, sets: [{ ...second, stage: 'live' as const }] };
    await until('the routes are settled again', async () => (await box.client.alive()).routeGeneration > 0);
    await assert.rejects(box.put(switched), { code: 'agent-away' });
    assert.equal((await box.get(app)).text, `v1 ${one.pid}`);
    await box.killAgent();
    await box.startAgentApart();
    await until('the switch is complete', async () => (await box.get(app)).text === `v2 ${two.pid}`);
    await until('and the old one ends', () => !alive(one));
  });
}

test('an agent that was killed is followed by one that adopts: same pid, its log, its routes', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgentApart();
  const app = box.app();
  const treeId = await box.tree(app);
  const worker = { type: 'worker', count: 1, command: { shell: 'exec /usr/bin/python3 -S app.py worker' }, env: {} };
  const web = box.set(treeId).processes[0]!;
  const set = box.set(treeId, 'serve', { stage: 'live', processes: [web, worker] });
  const orphan = box.set(treeId, 'serve', { releaseLabel: 'v0' });
  await box.put({ ...app, routed: set.id, sets: [set, orphan] });
  const one = await box.instance(
    'web',
    ({ setId, type, state }) => setId === set.id && type === 'web' && state === 'healthy',
  );
  const two = await box.instance(
    'worker',
    ({ type, state, pid }) => type === 'worker' && state === 'healthy' && pid !== null,
  );
  await box.killAgent();
  await assert.rejects(box.client.hello(), { code: 'agent-away' });
  assert.equal((await box.get(app, '/say/while-away')).status, 200);
  await box.startAgentApart();
  const now = (await box.states()).instances;
  assert.deepEqual(
    now
      .filter(({ setId }) => setId === set.id)
      .map(({ id, pid, state }) => ({ id, pid, state }))
      .sort((a, b) => a.pid! - b.pid!),
    [one, two].map(({ id, pid }) => ({ id, pid, state: 'healthy' })).sort((a, b) => a.pid! - b.pid!),
  );
  assert.equal((await box.get(app, '/say/after')).text, `v1 ${one.pid}`);
  await until('the log has both', async () => {
    const lines: string[] = [];
    for await (const { line } of box.client.logs(
      app.id,
      { count: 50, follow: false, instanceId: one.id },
      AbortSignal.timeout(20_000),
    ))
      lines.push(line);
    return lines.includes('while-away') && lines.includes('after');
  });
  // The exit of an adopted one is noticed, and it is started again.
  await box.get(app, '/exit').catch(() => {});
  await box.instance('again', ({ id, state, pid }) => id === one.id && state === 'healthy' && pid !== one.pid);
});

test('an app that says more than a pipe holds goes on while there is no agent, and most of it is logged', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgentApart();
  const app = box.app();
  const set = box.set(await box.tree(app), 'serve', { stage: 'live' });
  await box.put({ ...app, routed: set.id, sets: [set] });
  const one = await box.ofSet(set, 'healthy');
  await until('it serves', async () => (await box.get(app)).status === 200);
  await box.killAgent();
  assert.equal((await box.get(app, '/say/before')).status, 200);
  assert.equal((await box.get(app, '/flood')).text, `v1 ${one.pid}`);
  assert.equal((await box.get(app, '/say/never')).status, 200);
  await box.startAgentApart();
  await box.get(app, '/say/after');
  const lines: string[] = [];
  await until('the log has what came after', async () => {
    lines.length = 0;
    const asked = { count: 5000, follow: false, instanceId: one.id };
    for await (const { line } of box.client.logs(app.id, asked, AbortSignal.timeout(20_000))) lines.push(line);
    return lines.includes('after');
  });
  assert.ok(lines.includes('before') && lines.some((line) => line.startsWith('flood 400 ')));
  assert.ok(lines.includes('lockstep: what followed was dropped while the agent was away') && !lines.includes('never'));
  await box.killAgent();
  await box.get(app, '/say/last-words');
  await box.get(app, '/exit').catch(() => {});
  await until('it is gone', () => !alive(one));
  await box.startAgentApart();
  const told = await box.instance('its end', ({ id, reason }) => id === one.id && reason !== null);
  assert.ok(told.logTail.includes('last-words'), told.logTail.join('; '));
});

for (const stage of ['live', 'candidate'] as const) {
  test(`an agent killed between record and process of a ${stage} instance leaves nothing unknown`, async () => {
    await using box = await machine();
    await box.startAgentApart({ LOCKSTEP_FAILPOINTS: 'agent.after-launch=kill' });
    const app = box.app();
    const set = box.set(await box.tree(app), 'serve', { stage });
    await box.put({ ...app, sets: [set] }).catch(() => {});
    await until('the agent is dead', () =>
      box.client.hello().then(
        () => false,
        () => true,
      ),
    );
    await box.startAgentApart();
    const one = await box.ofSet(set, 'healthy');
    assert.deepEqual(
      (await box.states()).instances.map(({ id }) => id),
      [one.id],
    );
    const marks = listProcesses().map(({ pid }) => /LOCKSTEP_INSTANCE=([^\0]+)/.exec(environOf(pid))?.[1]);
    const folders = await readdir(dirname(box.folders.instance(app.id, one.id)));
    assert.deepEqual([marks.filter((id) => id === one.id).length, folders.length], [1, 1]);
  });
}

test('an instance that cannot be taken up keeps the agent from none of the others', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgentApart();
  const apps = [box.app(), box.app()] as const;
  const treeIds = await Promise.all(apps.map((app) => box.tree(app)));
  const sets = treeIds.map((treeId) => box.set(treeId, 'serve', { stage: 'live' }));
  await box.put(...apps.map((app, at) => ({ ...app, sets: [sets[at]!] })));
  const [one, two] = [await box.ofSet(sets[0]!, 'healthy'), await box.ofSet(sets[1]!, 'healthy')];
  await box.killAgent();
  await rm(box.folders.logs(apps[0].id), { recursive: true });
  await writeFile(box.folders.logs(apps[0].id), 'no folder');
  await box.startAgentApart();
  const now = new Map((await box.states()).instances.map((each) => [each.id, each]));
  assert.equal(now.get(two.id)?.pid, two.pid);
  assert.match(now.get(one.id)?.reason ?? '', /^could not be taken up: EEXIST/);
  assert.ok(!alive(one) && alive(two));
});

test('a tree that was on its way when the agent died leaves nothing', async () => {
  await using box = await machine();
  await box.startAgentApart();
  const app = box.app();
  const { promise: held, resolve: go } = Promise.withResolvers<void>();
  const files = async function* () {
    const content = Buffer.alloc(4 * 1024 * 1024);
    yield { mode: '100644' as const, path: Buffer.from('a'), size: content.length, content };
    await held;
  };
  const sent = box.client.putTree(app, 'a'.repeat(40) as TreeId, 'one', files());
  sent.catch(() => {});
  const folders = [`${box.folders.app(app.id)}/trees`, `${box.folders.gate(app.id)}/copies`];
  const names = () => Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  await until('both are begun', async () => (await names()).every((one) => one.length === 1));
  await box.killAgent();
  go();
  await assert.rejects(sent);
  assert.deepEqual((await names()).flat().length, 2);
  await box.startAgentApart();
  assert.deepEqual(await names(), [[], []]);
});

test('a job outlives the agent, and the one who asked for it gets the result', async () => {
  await using box = await machine();
  await box.startAgentApart();
  const app = box.app();
  const treeId = await box.tree(app);
  const { liveUid, gateUid, gid } = app;
  const spec: JobSpec = {
    ...{ liveUid, gateUid, gid, id: newId('job'), appId: app.id, kind: 'run', identity: 'live', place: { treeId } },
    ...{ layerKey: null, tools: [], env: {}, files: {}, reports: [], volumes: {}, deadlineMs: 20_000 },
    command: {
      shell: 'echo begun; while [ ! -e "$HOME/go" ] && [ ! -e /tmp/$GO ]; do sleep 0.02; done; echo over; exit 4',
    },
    ...{ outputBytes: 10_000, limits: defaultLimits },
  };
  const go = `lockstep-go-${spec.id}`;
  const lines: string[] = [];
  const signal = new AbortController().signal;
  const result = box.client.runJob({ ...spec, env: { GO: go } }, { signal, onLine: (line) => lines.push(line) });
  await until('it runs', () => lines.includes('begun'));
  await box.killAgent();
  await box.startAgentApart();
  await writeFile(`/tmp/${go}`, '');
  try {
    const { exitCode, endedBy, outputTail } = await result;
    assert.deepEqual({ exitCode, endedBy, last: outputTail.at(-1) }, { exitCode: 4, endedBy: 'exit', last: 'over' });
  } finally {
    await rm(`/tmp/${go}`, { force: true });
  }
});

test('while the router is away documents are kept, and it gets the routes when it is back', async () => {
  await using box = await machine({ routerWaitMs: 50 });
  await box.startAgent();
  await assert.rejects(box.client.alive(), { code: 'router-away' });
  const app = box.app();
  const set = box.set(await box.tree(app), 'serve', { stage: 'live' });
  await assert.rejects(box.put({ ...app, routed: set.id, sets: [set] }), { code: 'router-away' });
  const one = await box.ofSet(set, 'healthy');
  await box.startRouter();
  await until('it serves', async () => (await box.get(app)).status === 200);
  const before = await box.client.alive();
  const port = box.routerPort;
  await box.killRouter();
  // Another router, which knows nothing of the agent but the snapshot on disk.
  const second = box.set(set.artifact.treeId, 'serve', { releaseLabel: 'v2' });
  await box.put({ ...app, routed: set.id, sets: [set, second] });
  const two = await box.ofSet(second, 'healthy');
  await assert.rejects(box.put({ ...app, routed: second.id, sets: [{ ...second, stage: 'live' }] }), {
    code: 'router-away',
  });
  // The old one is not stopped while a router could still come back with it.
  assert.ok(alive(one));
  await box.startRouter(port);
  await until('the switch completes by itself', async () => (await box.get(app)).text === `v2 ${two.pid}`);
  assert.ok((await box.client.alive()).routeGeneration > before.routeGeneration);
  await until('then the old one ends', () => !alive(one));
});

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
