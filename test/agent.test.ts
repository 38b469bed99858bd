import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { test } from 'node:test';
import { isAlive, listProcesses } from '../src/agent/process/proc.ts';
import type { TreeId } from '../src/domain/ids.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { machine, newId, until } from './support/agent-machine.ts';

const alive = (one: { pid: number | null; startTicks: number | null }) =>
  isAlive({ pid: one.pid!, startTicks: one.startTicks! });

test('a release starts, is healthy, is switched to, and the one before it drains and leaves nothing', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  const first = box.set(treeId);
  await box.put({ ...app, sets: [first] });
  const one = await box.ofSet(first, 'healthy');
  assert.equal((await box.get(app)).status, 503);
  const live = { ...first, stage: 'live' as const };
  const { routeGeneration } = await box.put({ ...app, routed: first.id, sets: [live] });
  assert.equal(routeGeneration, (await box.client.alive()).routeGeneration);
  assert.deepEqual(await box.get(app), { status: 200, text: `v1 ${one.pid}`, release: 'v1' });

  const second = box.set(treeId, 'serve', { releaseLabel: 'v2' });
  await box.put({ ...app, routed: first.id, sets: [live, second] });
  const two = await box.ofSet(second, 'healthy');
  const slow = box.get(app, '/slow');
  await until('the slow request is with the app', async () => (await box.get(app)).status === 200);
  await box.put({ ...app, routed: second.id, sets: [{ ...second, stage: 'live' }] });
  assert.equal((await box.get(app)).text, `v2 ${two.pid}`);
  assert.equal((await slow).text, `v1 ${one.pid}`);
  await until('the first has ended', () => !alive(one));
  await until('and is forgotten', async () => (await box.states()).instances.length === 1);
  assert.ok(alive(two));
  assert.equal((await box.client.usage(app.id))[0]?.processes, 1);
  await assert.rejects(box.client.deleteApp(app, { volumes: true }), { code: 'conflict' });
  await box.put();
  await until('all has ended', async () => (await box.states()).instances.length === 0);
  await box.client.deleteApp(app, { volumes: true });
  assert.equal(await box.client.hasTree(app, treeId), false);
});

test('a candidate that exits at once fails with its last lines and the likely cause', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const set = box.set(await box.tree(app), 'exit');
  await box.put({ ...app, sets: [set] });
  const failed = await box.ofSet(set, 'failed');
  assert.match(failed.reason!, /^exited with code 1 after/);
  assert.equal(failed.logTail[0], 'starting exit');
  assert.match(failed.logTail.at(-1)!, /ModuleNotFoundError/);
  assert.match(failed.notes[0]!, /not_there_at_all/);
  // Final: the same document again starts nothing.
  await box.put({ ...app, sets: [set] });
  assert.equal((await box.states()).instances[0]?.state, 'failed');
  const lost = box.set('b'.repeat(40) as typeof set.artifact.treeId);
  await box.put({ ...app, sets: [lost] });
  assert.match((await box.ofSet(lost, 'failed')).reason!, /is not on this machine/);
});

test('one that never listens, or answers 500, has failed at its limit and is ended', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  const health = { path: '/', timeoutMs: 400, host: 'h', acceptServerErrors: false };
  const silent = box.set(treeId, 'silent', { health });
  const broken = box.set(treeId, 'broken', { health: { ...health, timeoutMs: 1500 } });
  const fine = box.set(treeId, 'broken', { health: { ...health, timeoutMs: 5000, acceptServerErrors: true } });
  await box.put({ ...app, sets: [silent, broken, fine] });
  assert.equal((await box.ofSet(fine, 'healthy')).healthStatus, 500);
  const one = await box.ofSet(silent, 'failed');
  assert.match(one.reason!, /^not healthy after 0\.\d s: no answer/);
  assert.match(one.notes[0]!, /never listened/);
  assert.equal(one.pid, null);
  assert.match((await box.ofSet(broken, 'failed')).reason!, /last answer 500/);
});

test('a live instance that crashes is started again after its back-off, under the same id', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const set = box.set(await box.tree(app), 'serve', { stage: 'live' });
  await box.put({ ...app, routed: set.id, sets: [set] });
  const one = await box.ofSet(set, 'healthy');
  const incidents: string[] = [];
  const end = new AbortController();
  const listening = (async () => {
    for await (const event of box.client.events(end.signal)) if (event.type === 'incident') incidents.push(event.what);
  })();
  await box.get(app, '/exit').catch(() => {});
  const down = await box.ofSet(set, 'backing-off');
  assert.match(down.reason!, /^exited with code 3/);
  assert.equal(down.restarts, 1);
  const two = await box.instance('again', ({ state, pid }) => state === 'healthy' && pid !== one.pid);
  assert.equal(two.id, one.id);
  assert.equal((await box.get(app)).text, `v1 ${two.pid}`);
  await until('the story is told', () => incidents.length === 3);
  end.abort();
  await listening;
  assert.deepEqual(incidents, ['crashed', 'restarted', 'healthy']);
  const quit = new AbortController();
  const lines = [];
  for await (const line of box.client.logs(app.id, { count: 50, follow: false, instanceId: one.id }, quit.signal))
    lines.push(line);
  assert.equal(lines.filter(({ line }) => line === 'starting serve').length, 2);
  assert.equal(lines.find(({ type }) => type === 'lockstep')?.line.startsWith('web crashed: exited'), true);
});

test('SIGTERM is ignored in vain, and a child that left the session goes too', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const set = box.set(await box.tree(app), 'stubborn');
  await box.put({ ...app, sets: [set] });
  const one = await box.ofSet(set, 'healthy');
  const mark = `LOCKSTEP_INSTANCE=${one.id}`;
  const marked = () => listProcesses().filter(({ pid }) => environOf(pid).includes(mark));
  assert.equal(marked().length, 2);
  await box.put();
  await until('nothing survives', () => marked().length === 0);
  await until('it is forgotten', async () => (await box.states()).instances.length === 0);
});

test('one that stops answering is unhealthy, not ended, and healthy again when it answers', async () => {
  await using box = await machine({ timings: { probeMs: 20 } });
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const set = box.set(await box.tree(app), 'serve', { stage: 'live' });
  await box.put({ ...app, routed: set.id, sets: [set] });
  const one = await box.ofSet(set, 'healthy');
  await box.get(app, '/sick');
  const sick = await box.ofSet(set, 'unhealthy');
  assert.equal(sick.reason, 'answers 500 on /');
  assert.equal(sick.pid, one.pid);
  // Nothing else answers, so it is still asked.
  await box.get(app, '/well');
  assert.equal((await box.ofSet(set, 'healthy')).pid, one.pid);
});

test('what eats more than its memory is told so, with the limit', async (t) => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  if (!(await box.client.hello()).enforcement.memory) return t.skip('no memory limits on this machine');
  const app = box.app();
  const limits = { ...defaultLimits, memoryBytes: 64 * 1024 * 1024 };
  const set = box.set(await box.tree(app), 'eats', { limits });
  await box.put({ ...app, sets: [set] });
  assert.equal((await box.ofSet(set, 'failed')).reason, 'out of memory (limit 64 MB)');
});

test('a candidate that is given up while it starts leaves nothing, and neither does an agent that is stopped', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app);
  const live = box.set(treeId, 'serve', { stage: 'live' });
  const given = box.set(treeId, 'silent');
  await box.put({ ...app, routed: live.id, sets: [live, given] });
  const { id } = await box.ofSet(given, 'starting');
  await box.put({ ...app, routed: live.id, sets: [live] });
  const one = await box.ofSet(live, 'healthy');
  await until('it is gone', async () => (await box.states()).instances.length === 1);
  await until('its traces too', () => !readdirSync(box.folders.instanceRecords).some((name) => name.startsWith(id)));
  await box.stopAgent(true);
  assert.ok(!alive(one));
  assert.deepEqual(readdirSync(box.folders.instanceRecords), []);
  assert.deepEqual(readdirSync(box.folders.pipes), []);
  // The next agent starts from the document alone.
  await box.startAgent();
  const two = await box.ofSet(live, 'healthy');
  await until('it serves', async () => (await box.get(app)).text === `v1 ${two.pid}`);
});

test('the environment is what was declared, and what steers loaders reaches the app only', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app, { 'data/.gitkeep': '' });
  const odd = { LD_PRELOAD: '/nowhere.so', NODE_OPTIONS: '--nonsense', PATH: '/only/here', ODD: '$(id) {tree} "\'\n' };
  const env = { ...odd, TREE: '{tree}/x' };
  const set = box.set(treeId, 'serve', { stage: 'live', env, volumes: { data: 'data' } });
  await box.put({ ...app, routed: set.id, sets: [set] });
  const one = await box.ofSet(set, 'healthy');
  const seen = JSON.parse((await box.get(app, '/env')).text);
  const home = box.folders.instance(app.id, one.id);
  assert.deepEqual(seen, {
    ...odd,
    TREE: `${box.folders.tree(app.id, treeId)}/x`,
    LANG: 'C.UTF-8',
    LOCKSTEP_APP: app.name,
    LOCKSTEP_RELEASE: 'v1',
    LOCKSTEP_INSTANCE: one.id,
    LOCKSTEP_VOLUME_DATA: box.folders.volume(app.id, 'data'),
    PORT: String(one.port),
    HOME: home,
    TMPDIR: `${home}/tmp`,
    ...('PWD' in seen ? { PWD: seen.PWD } : {}),
  });
  // The volume is linked, and outlives the release.
  assert.equal((await box.get(app, '/note')).text, 'x');
  const next = box.set(treeId, 'serve', { stage: 'live', releaseLabel: 'v2', volumes: { data: 'data' } });
  await box.put({ ...app, routed: set.id, sets: [set, next] });
  await box.ofSet(next, 'healthy');
  await box.put({ ...app, routed: next.id, sets: [next] });
  assert.equal((await box.get(app, '/note')).text, 'xx');
  const taken = box.set(treeId, 'serve', { volumes: { code: 'app.py' } });
  await box.put({ ...app, routed: next.id, sets: [next, taken] });
  assert.match((await box.ofSet(taken, 'failed')).reason!, /the tree has a file of that name/);
});

test('what is not of the form is refused, says why, and leaves nothing', async () => {
  await using box = await machine();
  await box.startAgent();
  const ask = (method: string, path: string, body = '', headers = {}) =>
    new Promise<[number, string]>((resolve, reject) => {
      const asked = request({ socketPath: box.folders.socket, method, path, headers, agent: false });
      asked.once('error', reject);
      asked.once('response', async (answer) => {
        const text = (await answer.toArray()).join('');
        resolve([answer.statusCode!, text === '' ? '' : JSON.parse(text).code]);
      });
      asked.end(body);
    });
  const app = box.app();
  const tree = 'a'.repeat(40);
  const cases: [string, string, string, number, string][] = [
    ['GET', '/v1/nothing', '', 404, 'not-found'],
    ['PUT', '/v1/desired', '{', 400, 'bad-request'],
    ['PUT', '/v1/desired', '{}', 400, 'bad-request'],
    ['GET', '/v1/apps/..%2f..%2fetc/usage', '', 400, 'bad-request'],
    ['HEAD', `/v1/apps/${app.id}/trees/${tree}`, '', 404, ''],
    ['PUT', `/v1/apps/${app.id}/trees/..`, '', 404, 'not-found'],
    ['PUT', `/v1/apps/${app.id}/trees/${tree}?liveUid=0`, '', 400, 'bad-request'],
    ['PUT', `/v1/apps/${app.id}/trees/${tree}?copy=..%2fx`, '', 400, 'bad-request'],
    ['PUT', `/v1/apps/${app.id}/trees/${tree}`, 'not a tree', 422, 'tree-refused'],
    ['POST', `/v1/apps/${app.id}/copies/one?tree=${tree}`, '', 404, 'not-found'],
    ['POST', `/v1/apps/${app.id}/collect`, '{"treeIds":1}', 400, 'bad-request'],
    ['POST', '/v1/jobs', '{"id":"x"}', 400, 'bad-request'],
    ['GET', `/v1/jobs/${newId('job')}`, '', 404, 'not-found'],
    ['GET', `/v1/apps/${app.id}/logs?count=-1`, '', 400, 'bad-request'],
  ];
  for (const [method, path, body, status, code] of cases)
    assert.deepEqual(await ask(method, path, body), [status, code], `${method} ${path}`);
  assert.deepEqual(await ask('GET', '/v1/hello', '', { 'x-lockstep-protocol': '9' }), [400, 'bad-request']);
  // A tree that is another one than was named is not kept, nor is part of it.
  const content = Buffer.from('x');
  const files = async function* () {
    yield { mode: '100644' as const, path: Buffer.from('a'), size: 1, content };
  };
  await assert.rejects(box.client.putTree(app, tree as TreeId, 'one', files()), { code: 'tree-refused' });
  assert.deepEqual(readdirSync(`${box.folders.app(app.id)}/trees`), []);
  assert.deepEqual(readdirSync(`${box.folders.gate(app.id)}/copies`), []);
  // What nothing needs is collected; what is asked to be kept is not.
  const treeId = await box.tree(app);
  assert.deepEqual(await box.client.collect(app, { treeIds: [treeId], layerKeys: [], imageIds: [] }), {
    bytesFreed: 0,
  });
  assert.ok((await box.client.collect(app, { treeIds: [], layerKeys: [], imageIds: [] })).bytesFreed > 0);
  assert.equal(await box.client.hasTree(app, treeId), false);
});

test('a second agent for the same home, a document of another machine and an older one are refused', async () => {
  await using box = await machine();
  await box.startRouter();
  await box.startAgent();
  const { startAgent } = await import('../src/main/agent.ts');
  const again = { home: box.home, controlUid: null, routerSocket: '/none', programRoot: '/', log: () => {} };
  await assert.rejects(startAgent(again), { code: 'home-in-use' });
  const state = { protocol: 1, version: 5, nodeId: box.nodeId, platformHosts: [], apps: [] };
  await box.client.putDesired(state).catch(() => {});
  await assert.rejects(box.client.putDesired({ ...state, version: 4 }), { code: 'conflict' });
  await assert.rejects(
    box.client.putDesired({ ...state, version: 6, nodeId: box.nodeId.replace(/.$/, '0') as never }),
    { code: 'conflict' },
  );
  assert.deepEqual((await box.client.hello()).nodeId, box.nodeId);
});

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
