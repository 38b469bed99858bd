// Two starts on one home, a polite end in the middle of a deploy, and an error that nobody catches: in each of the processes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Deploys } from './support/deploys.ts';
import { Failpoints, type Kind } from './support/failpoints.ts';
import { Holds } from './support/holds.ts';
import { leftOver } from './support/left-over.ts';
import { problemsAtRest } from './support/oracles.ts';
import { PageWatch, releaseNumber } from './support/page-watch.ts';
import { type Ended, root, Stage, until } from './support/stage.ts';

const bin = join(root, 'bin', 'lockstep');
const places = ['control.before-advance', 'control.after-advance'] as const;

let stage: Stage;
let deploys: Deploys;
let holds: Holds;
let points: Failpoints;
let watch: PageWatch;

before(async () => {
  stage = await Stage.open();
  await stage.down();
  holds = new Holds(join(stage.folder, 'holds'), places);
  points = new Failpoints(join(stage.folder, 'points'));
  await stage.up();
  deploys = await Deploys.open(stage, 'pool');
  watch = new PageWatch(stage, 'pool', releaseNumber(/^<!doctype html>.*<\/html>\n$/s), 20);
});
after(async () => {
  await watch?.[Symbol.asyncDispose]();
  await holds?.[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

/** Ends `up` and starts it with this environment; its visitors are away meanwhile. */
async function upWith(env: Record<string, string>): Promise<void> {
  await watch.excuse(async () => {
    await stage.down();
    await stage.up(env);
    await stage.inSync('pool');
  });
}

function program(name: string): Promise<Ended> {
  const words = name === 'agent' ? [] : ['--port', String(stage.port)];
  return stage.run([process.execPath, join(root, 'src', 'main', `${name}.ts`), ...words], {
    env: { LOCKSTEP_HOME: stage.home },
  });
}

test('A5: of two ups that start on a home in the same instant one serves, and the other says that it is in use', async () => {
  for (let round = 0; round < 3; round += 1) {
    const home = join(stage.folder, `two-${round}`);
    const both = [0, 1].map(() => stage.spawn([bin, 'up', '--json', '--home', home, '--port', '0']));
    const firstOf = await Promise.race(both.map(async ({ ended }, at) => ({ at, ...(await ended) })));
    assert.equal(firstOf.code, 73, firstOf.stderr);
    assert.match(firstOf.stderr, /uses this home|serves this home/);
    const other = both[1 - firstOf.at]!;
    await until(
      () => existsReady(home),
      20_000,
      () => 'the other one does not serve',
    );
    other.child.kill('SIGINT');
    assert.equal((await other.ended).code, 0);
  }
});

function existsReady(home: string): boolean {
  try {
    return JSON.parse(readFileSync(join(home, 'run', 'up.json'), 'utf8')).pids.control !== null;
  } catch {
    return false;
  }
}

for (const [name, said] of [
  ['control', /another control has this database/],
  ['router', /Another router serves/],
  ['agent', /uses this home/],
] as const) {
  test(`A5: a second ${name} on a home that is served is refused, and harms nothing`, async () => {
    const pids = stage.pids();
    const second = await program(name);
    assert.equal(second.code, 73, second.stderr);
    assert.match(second.stdout + second.stderr, said);
    assert.deepEqual(stage.pids(), pids);
    await deploys.prepare('change');
    assert.equal((await deploys.push()).code, 0);
    assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
  });
}

for (const place of places) {
  test(`A6: SIGTERM to control ${place === places[0] ? 'before main moves' : 'after main has moved'}: the next one ends the deploy`, async () => {
    await upWith(holds.env);
    const before = stage.pids();
    await deploys.prepare('change');
    holds.catch(place);
    const pushing = deploys.push();
    await holds.reached();
    process.kill(before.control, 'SIGTERM');
    // It may hear of the file that is gone before it hears of the signal, and then the deploy goes on: it ends first.
    await until(
      () => stage.pids().control !== before.control,
      15_000,
      () => 'control is not back',
    );
    holds.goOn();
    await pushing;
    assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
    await stage.inSync('pool');
    assert.equal((await stage.lastChange('pool')).state, place === places[0] ? 'infra-error' : 'landed');
    await deploys.servedIsMain();
  });

  test(`A6: SIGTERM to up ${place === places[0] ? 'before main moves' : 'after main has moved'}: the next up ends the deploy within 30 s`, async () => {
    await upWith(holds.env);
    await deploys.prepare('change');
    holds.catch(place);
    const pushing = deploys.push();
    await holds.reached();
    await watch.excuse(async () => {
      process.kill(stage.ready.pid, 'SIGTERM');
      await stage.agentEnded();
      holds.goOn();
      await pushing;
      assert.deepEqual(leftOver(stage.home), []);
      await stage.up();
      assert.deepEqual(await problemsAtRest(stage), []);
      await stage.inSync('pool');
    });
    assert.equal((await stage.lastChange('pool')).state, place === places[0] ? 'infra-error' : 'landed');
    await deploys.servedIsMain();
    assert.deepEqual(watch.problems(), []);
  });
}

test('A7: an error in a request is a 500 with an id, and its process goes on', async () => {
  await upWith(points.env);
  const pids = stage.pids();
  points.plan('control', [{ effect: 'throw', count: 1, name: 'store.commit:store/apps.ts#insertApp:before' }]);
  const failed = await stage.api('/apps', { method: 'POST', body: { name: 'other' } });
  assert.equal(failed.status, 500);
  const id = /[0-9a-f-]{6,}/.exec(`${failed.body.detail} ${failed.body.instance}`)?.[0];
  assert.ok(id, JSON.stringify(failed.body));
  assert.match(readFileSync(join(stage.home, 'logs', 'control.log'), 'utf8'), new RegExp(id));
  assert.doesNotMatch(JSON.stringify(failed.body), /failpoint/);
  assert.equal((await stage.api('/apps', { method: 'POST', body: { name: 'other' } })).status, 201);
  await stage.api('/apps/other', { method: 'DELETE' });
  assert.deepEqual(stage.pids(), pids);
});

for (const [kind, name] of [
  ['control', 'store.commit:journey/candidate.ts#startCandidate:before'],
  ['control', 'store.transition(changes gating>passed):journey/running-change.ts#move:before'],
  ['control', 'mainline.advance:journey/advance.ts#advanceSurely:before'],
  ['agent', 'agent.apply:agent/agent.ts#accept:before'],
  ['agent', 'runtime.start:agent/supervise/instance.ts#launch:before'],
  ['router', 'router.swap:router/router.ts#router.swap:before'],
] as const) {
  test(`A7: an error at ${name} in the middle of a deploy ends it with a reason or not at all`, async () => {
    const pids = stage.pids();
    await deploys.prepare('change');
    points.plan(kind, [{ effect: 'throw', count: 1, name }]);
    const { code, stderr } = await deploys.push();
    assert.deepEqual(points.done(kind), [name]);
    assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
    assert.deepEqual(stage.pids(), pids);
    if (code !== 0) assert.match(stderr, /remote rejected/);
    await deploys.servedIsMain();
  });
}

for (const where of ['timer', 'stream', 'promise'] as const) {
  for (const kind of ['control', 'agent', 'router'] as const) {
    test(`A7: an error that nobody catches in a ${where} of the ${kind} is said, and deploys go on`, async () => {
      const before = stage.pids();
      points.plan(kind, [{ effect: 'throw', count: 1, name: where }]);
      await points.reached(kind);
      const log = join(stage.home, 'logs', `${kind}.log`);
      await until(
        () => new RegExp(`the failpoint ${where} threw`).test(readFileSync(log, 'utf8')),
        30_000,
        () => 'the log does not say it',
      );
      await backFrom(kind, before);
      await deploys.prepare('change');
      assert.equal((await deploys.push()).code, 0);
      assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
    });
  }
}

/** The router goes on as it is; control's keeper starts it again; `up` ends, and whoever keeps it starts it again. */
async function backFrom(kind: Kind, before: ReturnType<Stage['pids']>): Promise<void> {
  if (kind === 'router') return assert.equal(stage.pids().router, before.router);
  if (kind === 'control')
    return until(
      async () =>
        stage.pids().control !== before.control && (await stage.api('/apps').catch(() => null))?.status === 200,
      15_000,
      () => 'control is not back',
    );
  await stage.agentEnded();
  assert.match(stage.upStderr, /an error that nobody caught ends this process/);
  await stage.up(points.env);
  assert.deepEqual({ ...stage.pids(), agent: 0 }, { ...before, agent: 0 });
}
