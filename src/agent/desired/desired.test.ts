import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DesiredState } from '../../domain/desired.ts';
import { type IdPrefix, makeId } from '../../domain/ids.ts';
import { changedItems, patchText } from '../../lib/list-patch.ts';
import { listText } from '../../lib/list-text.ts';
import { admit, startShareMs } from './admit.ts';
import { afterExit, backOffMs, converge, type InstanceView, nextDueMs } from './converge.ts';
import { nextSnapshot, routesMaker, routesOf } from './routes.ts';
import { desiredReader, parseDesiredState, patchDesiredState } from './validate.ts';

const idOf = <P extends IdPrefix>(prefix: P, at = 1) => makeId(prefix, at, new Uint8Array(16));

function wanted(stage: 'candidate' | 'live' = 'live', isRouted = true): DesiredState {
  const one = (type: string) => ({ type, count: 1, command: { shell: 'x' }, env: {} });
  return parseDesiredState({
    protocol: 1,
    version: 3,
    nodeId: idOf('nod'),
    platformHosts: ['localhost'],
    apps: [
      {
        id: idOf('app'),
        teamId: idOf('tea'),
        name: 'blog',
        hosts: ['blog.localhost'],
        routed: isRouted ? idOf('set') : null,
        concurrency: 9,
        liveUid: null,
        gateUid: null,
        gid: null,
        sets: [
          {
            id: idOf('set'),
            releaseId: idOf('rel'),
            releaseLabel: 'v1',
            stage,
            volumes: {},
            processes: [one('web'), one('worker')],
            artifact: { digest: `sha256:${'a'.repeat(64)}`, treeId: 'b'.repeat(40), layerKey: null },
            health: { path: '/', timeoutMs: 1, host: 'h', acceptServerErrors: false },
            limits: { memoryBytes: 1, cpus: null, pids: 1, diskBytes: 1 },
          },
        ],
      },
    ],
  });
}

function instance(more: Partial<InstanceView> = {}): InstanceView {
  return {
    id: idOf('ins'),
    setId: idOf('set'),
    appId: idOf('app'),
    releaseId: idOf('rel'),
    type: 'web',
    state: 'healthy',
    pid: 1,
    startTicks: 1,
    port: 8000,
    restarts: 0,
    startedAtMs: 0,
    healthyAtMs: 0,
    healthStatus: 200,
    reason: null,
    logTail: [],
    notes: [],
    stage: 'live',
    wasRouted: true,
    sinceMs: 0,
    ...more,
  };
}

test('converge: one table of what is wanted, what is there, and what is done', () => {
  const gone = { ...wanted(), apps: [] };
  const worker = instance({ id: idOf('ins', 2), type: 'worker' });
  const cases: [string, DesiredState, InstanceView[], number, string[]][] = [
    ['a candidate starts web only', wanted('candidate'), [], 0, ['start web']],
    ['a live set starts all', wanted(), [], 0, ['start web', 'start worker']],
    ['nothing to do', wanted(), [instance(), worker], 0, []],
    ['a failed candidate stays', wanted('candidate'), [instance({ state: 'failed', stage: 'candidate' })], 1e6, []],
    ['back-off is waited for', wanted(), [instance({ state: 'backing-off', restarts: 2 }), worker], 1999, []],
    ['then it starts again', wanted(), [instance({ state: 'backing-off', restarts: 2 }), worker], 2000, ['start web']],
    ['a promoted candidate', wanted(), [instance({ stage: 'candidate' }), worker], 0, ['promote']],
    ['left, was routed', gone, [instance()], 0, ['drain']],
    ['left, never routed', gone, [instance({ wasRouted: false })], 0, ['stop']],
    ['left while it starts again', gone, [instance({ state: 'starting', healthyAtMs: null })], 0, ['stop']],
    ['drained', gone, [instance({ state: 'draining' })], 30_000, ['stop']],
    ['ignores SIGTERM', gone, [instance({ state: 'stopping' })], 30_000, ['kill']],
    ['nothing survives', gone, [instance({ state: 'stopped' })], 0, ['forget']],
  ];
  for (const [name, desired, instances, nowMs, expected] of cases) {
    assert.deepEqual(
      converge(desired, instances, nowMs).map((one) => (one.do === 'start' ? `start ${one.type}` : one.do)),
      expected,
      name,
    );
  }
  assert.deepEqual([1, 2, 3, 6, 7, 40].map(backOffMs), [1000, 2000, 4000, 32_000, 60_000, 60_000]);
  assert.equal(afterExit(instance({ stage: 'candidate' }), 1).state, 'failed');
  assert.deepEqual(afterExit(instance({ restarts: 5 }), 60_000), { state: 'backing-off', restarts: 1 });
});

test('starts have their turn: candidates at once, then what is routed, the web first', () => {
  const desired = wanted();
  const [app] = desired.apps;
  const set = (at: number, stage: 'candidate' | 'live') => ({ ...app!.sets[0]!, id: idOf('set', at), stage });
  const state = { ...desired, apps: [{ ...app!, sets: [set(3, 'live'), app!.sets[0]!, set(2, 'candidate')] }] };
  const asked = (instances: InstanceView[], most: number, nowMs = 0) => {
    const { now, heldBack } = admit(converge(state, instances, nowMs), state, instances, most, nowMs);
    const names = new Map([3, 1, 2].map((at, index) => [idOf('set', at), ['other', 'routed', 'candidate'][index]]));
    return [...now.map((one) => (one.do === 'start' ? `${names.get(one.setId)} ${one.type}` : one.do)), heldBack];
  };
  assert.deepEqual(asked([], 9), ['candidate web', 'routed web', 'routed worker', 'other web', 'other worker', 0]);
  assert.deepEqual(asked([], 2), ['candidate web', 'routed web', 3]);
  assert.deepEqual(asked([], 0), ['candidate web', 4]);
  const starting = instance({ state: 'starting', setId: idOf('set', 2) });
  assert.deepEqual(asked([starting], 2), ['routed web', 3]);
  assert.deepEqual(asked([starting], 2, startShareMs), ['routed web', 'routed worker', 2]);
});

test('a stop that failed is tried again, but not in every turn', () => {
  const stopping = instance({ state: 'stopping' });
  assert.deepEqual([nextDueMs([stopping], 1000), nextDueMs([stopping], 30_000)], [29_000, 1000]);
});

test('routes: only the routed set, only what was healthy', () => {
  const state = (desired: DesiredState, ...instances: InstanceView[]) => routesOf(desired, instances)[0]!;
  assert.equal(state(wanted('live', false)).state, 'empty');
  assert.equal(state(wanted()).state, 'starting');
  assert.deepEqual(state(wanted(), instance()).upstreams, [{ instanceId: idOf('ins'), host: '127.0.0.1', port: 8000 }]);
  assert.equal(state(wanted(), instance({ state: 'draining' })).upstreams.length, 0);
  const first = nextSnapshot(null, wanted(), routesOf(wanted(), []))!;
  assert.equal(nextSnapshot(first, wanted(), routesOf(wanted(), [])), null);
  assert.equal(nextSnapshot(first, wanted(), routesOf(wanted(), [instance()]))?.generation, 2);
});

test('routes made again and again are those made anew, and what has not changed is the same object', () => {
  const step = fc.record({ app: fc.nat(5), set: fc.nat(2), state: fc.constantFrom('healthy', 'draining', 'gone') });
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.constantFrom('route', 'instance', 'swap')), { maxLength: 20 }), (steps) => {
      const [one] = wanted().apps;
      const setOf = (app: number, at: number) => ({ ...one!.sets[0]!, id: idOf('set', 10 * app + at) });
      const appOf = (app: number, routed: number) =>
        ({
          ...{ ...one!, id: idOf('app', app), routed: routed === 0 ? null : idOf('set', 10 * app + routed) },
          sets: [setOf(app, 1), setOf(app, 2)],
        }) as typeof one & object;
      let state: DesiredState = { ...wanted(), apps: [0, 1, 2, 3, 4, 5].map((at) => appOf(at, 0)) };
      const instances = new Map<number, InstanceView>();
      const make = routesMaker();
      let before = make(state, [], new Map());
      for (const [{ app, set, state: its }, what] of steps) {
        const { apps } = state;
        if (what === 'route') state = { ...state, apps: apps.with(app, appOf(app, set)) };
        if (what === 'swap') state = { ...state, apps: [...apps.slice(set), ...apps.slice(0, set)] };
        const at = 10 * app + set;
        const ids = { id: idOf('ins', at), setId: idOf('set', at), appId: idOf('app', app) };
        if (what === 'instance' && its === 'gone') instances.delete(at);
        else if (what === 'instance') instances.set(at, instance({ ...ids, state: its as 'healthy' }));
        const all = [...instances.values()];
        const now = make(state, all, new Map());
        assert.deepEqual(now, routesOf(state, all));
        assert.equal(make(state, all, new Map()), now);
        if (what === 'instance') assert.ok(now.filter((route, place) => route !== before[place]).length <= 1);
        before = now;
      }
    }),
    { seed: 4, numRuns: 200 },
  );
});

test('a document of another protocol, an older version or a contradiction is refused', () => {
  assert.throws(() => parseDesiredState({ ...wanted(), protocol: 2 }), /protocol 2/);
  assert.throws(() => parseDesiredState(wanted(), 4), { code: 'conflict' });
  assert.throws(() => parseDesiredState({ ...wanted(), nodeId: 'x' }), /nodeId/);
  assert.throws(() => parseDesiredState({ ...wanted(), platformHosts: ['blog.localhost'] }), /twice/);
  assert.throws(() => parseDesiredState(null), { code: 'bad-request' });
});

test('a release may be an image, and then nothing else beside it', () => {
  const id = `sha256:${'c'.repeat(64)}`;
  const its = { id, ports: [80], hasOwnCommand: true, isGenerated: false };
  const state = (image: object | null, command: object | null = null, more: object = {}) => {
    const [app] = wanted().apps;
    const [set] = app!.sets;
    const processes = [{ ...set!.processes[0]!, command }];
    return {
      ...wanted(),
      apps: [{ ...app!, sets: [{ ...set!, processes, artifact: { ...set!.artifact, image, ...more } }] }],
    };
  };
  const image = parseDesiredState(state(its)).apps[0]!.sets[0]!.artifact.image;
  assert.deepEqual(image, its);
  assert.equal(parseDesiredState(state(null, { shell: 'x' })).apps[0]!.sets[0]!.artifact.image, null);
  const cases: [unknown, RegExp][] = [
    [state(null), /web: no command, and no image/],
    [state({ ...its, hasOwnCommand: false }), /web: no command, and no image/],
    [state(its, null, { layerKey: 'x' }), /no layers beside it/],
    [state(its, null, { builtKey: 'x' }), /no layers beside it/],
    [state({ ...its, id: 'nginx:latest' }), /image\.id/],
    [state({ ...its, ports: [0] }), /image\.ports/],
  ];
  for (const [document, message] of cases)
    assert.throws(() => parseDesiredState(document), { code: 'bad-request', message });
});

test('a document read as text is the document, with the objects of the last one where nothing has changed', () => {
  const read = desiredReader();
  const textOf = ({ apps, ...head }: DesiredState) => listText(head, 'apps', apps);
  const first = read(textOf(wanted()), null);
  assert.deepEqual(first, wanted());
  const second = read(textOf({ ...wanted(), version: 4 }), 3);
  assert.equal(second.apps[0], first.apps[0]);
  const changed = { ...wanted(), version: 5, apps: [{ ...wanted().apps[0]!, concurrency: 1 }] };
  assert.deepEqual(read(textOf(changed), 4), changed);
  assert.deepEqual(read(JSON.stringify({ ...changed, version: 6 }), 5), { ...changed, version: 6 });
  assert.throws(() => read(textOf(changed), 6), { code: 'conflict' });
  const app = wanted().apps[0]!;
  const refused = (document: object, message: RegExp) =>
    assert.throws(() => read(textOf({ ...wanted(), version: 9, ...document }), 4), { code: 'bad-request', message });
  refused({ apps: [{ ...app, concurrency: 0 }] }, /apps\.0\.concurrency/);
  refused({ apps: [app, app] }, /is there twice/);
  refused({ platformHosts: app.hosts }, /is there twice/);
  refused({ protocol: 2 }, /protocol 2/);
  refused({ nodeId: 'x' }, /nodeId/);
  assert.throws(() => read('{', 4), { code: 'bad-request' });
});

test('a change of a document is that document with the changed apps, the others being the same objects; anything else is refused', () => {
  const [one] = wanted().apps;
  const two = { ...one!, id: idOf('app', 2), name: 'shop', hosts: ['shop.localhost'], routed: null, sets: [] } as never;
  const present: DesiredState = { ...wanted(), apps: [one!, two] };
  const next = { ...present, version: 4, apps: [{ ...one!, routed: null }, two] };
  const textOf = ({ apps, ...head }: DesiredState) => patchText({ head, items: changedItems(present.apps, apps)! });
  const taken = patchDesiredState(present, textOf(next));
  assert.deepEqual(taken, next);
  assert.equal(taken.apps[1], two);
  assert.deepEqual(patchDesiredState(present, textOf({ ...present, version: 3 })), present);
  const short = patchText({ head: { version: 4 }, items: changedItems(present.apps, next.apps)! });
  assert.deepEqual(patchDesiredState(present, short), next, 'what the head does not say is as before');
  assert.equal(patchDesiredState(present, short).platformHosts, present.platformHosts);
  const { apps: _apps, ...head } = next;
  const refused = (text: string, message: RegExp, code = 'bad-request') =>
    assert.throws(() => patchDesiredState(present, text), { code, message });
  refused('{', /head: /);
  refused(patchText({ head, items: [[2, one!]] }), /no change/);
  refused(patchText({ head, items: [[1, { ...one!, id: 'x' }]] }), /apps\.1\.id/);
  refused(patchText({ head, items: [[1, one!]] }), /is there twice/);
  refused(patchText({ head: { ...head, nodeId: 'x' }, items: [] }), /nodeId/);
  refused(patchText({ head: { ...head, protocol: 2 }, items: [] }), /no change/);
  refused(patchText({ head: { ...head, version: 2 }, items: [] }), /version 2/, 'conflict');
});
