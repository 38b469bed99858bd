import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DesiredState } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import { type IdPrefix, makeId } from '../../domain/ids.ts';
import type { RouteSnapshot } from '../../domain/route.ts';
import { homeFolders } from '../folders.ts';
import { EventHub, queueEvents } from './event-hub.ts';
import { exitReason } from './exit-reason.ts';
import { type RouterPort, Routing } from './routing.ts';
import { type StartPlaces, startPlan, toolNames } from './start-plan.ts';
import { linkVolumes } from './volumes.ts';

const idOf = <P extends IdPrefix>(prefix: P, at = 1) => makeId(prefix, at, new Uint8Array(16));
const places: StartPlaces = {
  instanceId: idOf('ins'),
  appName: 'blog',
  releaseLabel: 'v1',
  tree: '/t',
  layer: '/l',
  python: null,
  tools: new Map([['static-server', '/s']]),
  home: '/h',
  tmp: '/h/tmp',
  volumes: { 'my-data': '/v' },
  port: 7,
};

test('a start plan fills in places, and leaves a line of shell to the shell', () => {
  const argv = (words: string[], more: Partial<StartPlaces> = {}) =>
    startPlan({ command: { argv: words }, env: {} }, { ...places, ...more }).argv;
  assert.deepEqual(argv(['{python}', '{tree}/a', '$PORT', `0:$${'{PORT}'}`, '$PORTS', '{tool:static-server}', '{x}']), [
    '/l/bin/python',
    '/t/a',
    '7',
    '0:7',
    '$PORTS',
    '/s',
    '{x}',
  ]);
  assert.deepEqual(argv(['{python}'], { layer: null, python: '/p' }), ['/p']);
  assert.throws(() => argv(['{layer}'], { layer: null }), { code: 'bad-config' });
  assert.throws(() => argv(['{python}'], { layer: null }), { code: 'no-interpreter' });
  const plan = startPlan(
    { command: { shell: 'x $PORT {tree}' }, env: { A: '{tree}/b', B: 'a {tree}', HOME: '/z' } },
    places,
  );
  assert.deepEqual(plan.argv, ['/bin/sh', '-c', 'x $PORT {tree}']);
  assert.deepEqual(plan.env, {
    LANG: 'C.UTF-8',
    PATH: '/l/bin:/l/node_modules/.bin:/usr/local/bin:/usr/bin:/bin',
    LOCKSTEP_APP: 'blog',
    LOCKSTEP_RELEASE: 'v1',
    A: '/t/b',
    B: 'a {tree}',
    HOME: '/h',
    LOCKSTEP_INSTANCE: places.instanceId,
    PORT: '7',
    LOCKSTEP_VOLUME_MY_DATA: '/v',
    TMPDIR: '/h/tmp',
  });
  assert.deepEqual(toolNames({ command: { argv: ['{tool:a}', '{tool:a}'] }, env: { X: '{tool:b}' } }), ['a', 'b']);
});

test('an end is told in words', () => {
  const exit = { code: 1, signal: null, isOutOfMemory: false };
  assert.equal(exitReason(exit, 200, 1), 'exited with code 1 after 0.2 s');
  assert.equal(exitReason({ ...exit, code: null, signal: 'SIGKILL' }, 1000, 1), 'ended by SIGKILL after 1.0 s');
  assert.equal(exitReason({ ...exit, isOutOfMemory: true }, 1, 64 * 2 ** 20), 'out of memory (limit 64 MB)');
});

test('a volume replaces a placeholder, never files, and never leads out of the tree', async () => {
  const home = await mkdtemp(join(tmpdir(), 'lockstep-volumes-'));
  try {
    const folders = homeFolders(home);
    const app = { id: idOf('app'), liveUid: null, gateUid: null, gid: null };
    const tree = join(home, 'tree');
    await mkdir(join(tree, 'kept'), { recursive: true });
    await writeFile(join(tree, 'kept', '.gitkeep'), '');
    await mkdir(join(tree, 'full'));
    await writeFile(join(tree, 'full', 'own.txt'), '');
    const link = (volumes: Record<string, string>) => linkVolumes(folders, app, tree, volumes);
    for (const _again of [1, 2])
      assert.deepEqual(await link({ a: 'kept', b: 'deep/er' }), {
        a: folders.volume(app.id, 'a'),
        b: folders.volume(app.id, 'b'),
      });
    assert.equal(await readlink(join(tree, 'deep', 'er')), folders.volume(app.id, 'b'));
    // Two starts at once, of which one finds the link of the other and what the volume holds.
    await mkdir(join(tree, 'twice'));
    await writeFile(join(tree, 'twice', '.gitkeep'), '');
    await link({ c: 'elsewhere' });
    await writeFile(join(folders.volume(app.id, 'c'), 'kept.txt'), '');
    await Promise.all([1, 2, 3, 4].map(() => link({ c: 'twice' })));
    assert.equal(await readlink(join(tree, 'twice')), folders.volume(app.id, 'c'));
    for (const path of ['full', '../x', '/x', '.', 'kept/below'])
      await assert.rejects(link({ c: path }), { code: 'bad-config' }, path);
  } finally {
    await rm(home, { recursive: true });
  }
});

test('a listener gets the state, then what comes; one that is too slow is let go', async () => {
  const hub = new EventHub();
  const gone = { type: 'instance-gone', id: idOf('ins'), setId: idOf('set'), appId: idOf('app') } as const;
  const listening = hub.listen(() => gone, new AbortController().signal);
  await listening.next();
  hub.emit(gone);
  assert.deepEqual((await listening.next()).value, gone);
  for (let at = 0; at <= queueEvents; at += 1) hub.emit(gone);
  assert.equal((await listening.next()).done, true);
});

/** A router as a process that can go and come back with what it kept on disk. */
type FakeRouter = { isUp: boolean; pid: number; held: RouteSnapshot | null; taken: number[]; port: RouterPort };

function fakeRouter(): FakeRouter {
  const self: FakeRouter = {
    isUp: true,
    pid: 1,
    held: null,
    taken: [],
    port: {
      hello: async () => {
        if (!self.isUp) throw fail('router-away', 'away');
        const generation = self.held?.generation ?? 0;
        return { protocol: 1, program: 'router', pid: self.pid, generation, port: 1, startedAtMs: 1 };
      },
      putSnapshot: async (snapshot) => {
        if (!self.isUp) throw fail('router-away', 'away');
        if (snapshot.generation <= (self.held?.generation ?? 0)) throw fail('conflict', 'older');
        self.held = snapshot;
        self.taken.push(snapshot.generation);
        return { generation: snapshot.generation };
      },
      routes: async () => ({ generation: self.held?.generation ?? 0, pid: self.pid, routes: {} }),
      drained: async () => true,
      letGo: async () => ({ ended: 0 }),
    },
  };
  return self;
}

test('the router gets the newest routes above whatever it holds, and again when it is another one', async () => {
  const router = fakeRouter();
  router.held = { protocol: 1, generation: 41, platformHosts: [], routes: [] };
  const routing = new Routing({ router: router.port, willRoute() {}, acknowledged() {}, warn() {}, lookMs: 5 });
  const state = (host: string) => ({ platformHosts: [host], apps: [] }) as unknown as DesiredState;
  try {
    assert.equal(routing.update(state('a'), [], new Map()), true);
    assert.equal(routing.update(state('a'), [], new Map()), false);
    routing.start();
    assert.equal(await routing.settled(5000), 42);
    router.isUp = false;
    routing.update(state('b'), [], new Map());
    await assert.rejects(routing.settled(20), { code: 'router-away' });
    Object.assign(router, { isUp: true, pid: 2 });
    assert.equal(await routing.settled(5000), 43);
    // Another process with an older memory: it gets the present routes with nothing new to say.
    Object.assign(router, { pid: 3, held: null });
    for (const end = performance.now() + 30_000; router.taken.length < 3 && performance.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(router.taken, [42, 43, 44]);
    assert.deepEqual(router.held, { protocol: 1, generation: 44, platformHosts: ['b'], routes: [] });
  } finally {
    routing.stop();
  }
});
