import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId, InstanceSetId } from '../domain/ids.ts';
import type { AgentEvent, ObservedInstance } from '../domain/observed.ts';
import type { Plan } from '../domain/plan.ts';
import { judgeBoot, waitForSet } from './boot.ts';
import { composeSet, releaseEnv } from './compose.ts';
import { Observations } from './observations.ts';
import { type PromoteSteps, promote } from './promote.ts';

const setId = 'set_1' as InstanceSetId;
const appId = 'app_1' as AppId;

function instance(more: Partial<ObservedInstance>): ObservedInstance {
  return {
    id: 'ins_1' as ObservedInstance['id'],
    setId,
    appId,
    releaseId: 'rel_1' as ObservedInstance['releaseId'],
    type: 'web',
    state: 'starting',
    pid: 1,
    startTicks: 1,
    port: 1,
    restarts: 0,
    startedAtMs: 0,
    healthyAtMs: null,
    healthStatus: null,
    reason: null,
    logTail: [],
    notes: [],
    ...more,
  };
}

const saw = (more: Partial<ObservedInstance>): AgentEvent => ({ type: 'instance', instance: instance(more) });

function steps(order: string[], more: Partial<PromoteSteps> = {}): PromoteSteps {
  const note = <T>(name: string, answer: T) => {
    order.push(name);
    return answer;
  };
  return {
    ensureFresh: async () => note('fresh', undefined),
    isAbandoned: () => note('asked', false),
    persistPassed: () => note('passed', true),
    advance: async () => note('advance', 'advanced' as const),
    switchRoute: async () => note('switch', undefined),
    persistLanded: () => note('landed', undefined),
    moment: () => {},
    ...more,
  };
}

test('a promotion keeps its order: durable, fresh, main, route, record', async () => {
  const order: string[] = [];
  assert.equal(await promote(steps(order)), 'landed');
  assert.deepEqual(order, ['asked', 'passed', 'fresh', 'asked', 'advance', 'switch', 'landed']);
});

test('before main moves, every step can end it and nothing after it happens', async () => {
  const cases: [Partial<PromoteSteps>, string, string][] = [
    [{ isAbandoned: () => true }, 'abandoned', ''],
    [{ persistPassed: () => false }, 'ended', 'asked'],
    [{ advance: async () => 'moved' }, 'moved', 'asked,passed,fresh,asked'],
  ];
  for (const [broken, end, seen] of cases) {
    const order: string[] = [];
    assert.equal(await promote(steps(order, broken)), end);
    assert.equal(order.join(), seen);
  }
  const order: string[] = [];
  const away = async () => Promise.reject(new Error('router-away'));
  await assert.rejects(promote(steps(order, { ensureFresh: away })), /router-away/);
  assert.deepEqual(order, ['asked', 'passed']);
});

test('a client that goes away while the proof is written does not land', async () => {
  let asked = 0;
  const order: string[] = [];
  assert.equal(await promote(steps(order, { isAbandoned: () => ++asked > 1 })), 'abandoned');
  assert.deepEqual(order, ['passed', 'fresh']);
});

test('a set is up when its web instances are healthy, and its first final failure ends the wait', async () => {
  const up = new Observations();
  const waiting = waitForSet(up, setId, 1, AbortSignal.timeout(30_000));
  up.take(saw({}));
  up.take(saw({ type: 'worker', id: 'ins_2' as ObservedInstance['id'], state: 'failed' }));
  up.take(saw({ state: 'healthy', healthStatus: 204 }));
  assert.equal((await waiting).isUp, true);

  const down = new Observations();
  const failing = waitForSet(down, setId, 1, AbortSignal.timeout(30_000));
  down.take(saw({ state: 'failed', reason: 'exited with code 1 after 0.2 s', logTail: ['ImportError'] }));
  const result = judgeBoot(await failing, 0, 10);
  assert.deepEqual(
    [result.outcome, result.summary, result.outputTail],
    ['failed', 'exited with code 1 after 0.2 s', ['ImportError']],
  );
});

test('a wait ends with its signal, and the whole state replaces what was known', async () => {
  const observations = new Observations();
  const controller = new AbortController();
  const waiting = waitForSet(observations, setId, 1, controller.signal);
  controller.abort(new Error('style is red'));
  await assert.rejects(waiting, /style is red/);
  observations.take(saw({}));
  const state = { protocol: 1, bootId: 'b', desiredVersion: 3, routeGeneration: 2, instances: [] };
  observations.take({ type: 'state', state });
  assert.deepEqual(observations.ofApp(appId), []);
  assert.equal(observations.agent?.desiredVersion, 3);
});

test('a 5xx at the start passes with a loud warning that shows the log', () => {
  const end = {
    isUp: true,
    instances: [instance({ state: 'healthy', healthStatus: 500, logTail: ['no such table'] })],
  };
  const result = judgeBoot(end, 0, 1);
  assert.equal(result.outcome, 'passed');
  assert.match(result.warnings.join('\n'), /answers 500[\s\S]*no such table/);
});

test('an instance gets the app, its config over that, and ours last', () => {
  const plan = {
    env: { A: 'app', B: 'app' },
    processes: { web: { command: { argv: ['x'] }, env: {} }, worker: { command: { shell: 'y' }, env: { W: '1' } } },
    health: { path: '/h', timeoutMs: 5 },
    volumes: { data: 'd' },
  } as unknown as Plan;
  const runnable = {
    release: { id: 'rel_1', setId, commit: 'c'.repeat(40) },
    label: 'v7',
    artifact: { digest: 'sha256:1', treeId: 't', layerKey: null, gateLayerKey: null, plan },
    config: { B: 'config', GIT_REV: 'forged' },
  } as never;
  const app = { name: 'blog', hosts: ['blog.localhost'], wasEverHealthy: true } as never;
  assert.deepEqual(releaseEnv(app, runnable), {
    A: 'app',
    B: 'config',
    GIT_REV: 'c'.repeat(40),
    LOCKSTEP_RELEASE: 'v7',
    LOCKSTEP_APP: 'blog',
  });
  const set = composeSet(app, runnable, 'candidate', 8080);
  assert.deepEqual(set.health, { path: '/h', timeoutMs: 5, host: 'blog.localhost:8080', acceptServerErrors: false });
  assert.deepEqual(
    set.processes.map(({ type, env }) => [type, env.W ?? null]),
    [
      ['web', null],
      ['worker', '1'],
    ],
  );
});
