// Frozen, and not dead: control, agent and router are each stopped in the middle of a deploy (SIGSTOP at the very place) for
// 20 s and resumed; meanwhile a second one is started, which must not take over what the first may still do. And one that
// never comes back: its keeper ends it and starts another. Each on a Lockstep of its own, all at the same time.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deploys } from './support/deploys.ts';
import { doctorSays } from './support/doctor-says.ts';
import { Failpoints, type Kind } from './support/failpoints.ts';
import { leftOver } from './support/left-over.ts';
import { problemsAtRest } from './support/oracles.ts';
import { PageWatch, releaseNumber } from './support/page-watch.ts';
import { type Ended, root, Stage, until } from './support/stage.ts';

const frozenMs = 20_000;

type Frozen = {
  stage: Stage;
  points: Failpoints;
  watch: PageWatch;
  pid: number;
  /** The push that was under way. */
  pushing: Promise<Ended>;
  resume(): void;
};

/** A Lockstep whose `kind` stands still at `name` in the middle of a push, the count-th time that it comes there. */
async function whileFrozen(
  kind: Kind,
  name: string,
  count: number,
  use: (frozen: Frozen) => Promise<void>,
): Promise<void> {
  const stage = await Stage.open();
  try {
    await stage.down();
    const points = new Failpoints(join(stage.folder, 'points'));
    await stage.up(points.env);
    const deploys = await Deploys.open(stage, 'pool');
    await using watch = new PageWatch(stage, 'pool', releaseNumber(/^<!doctype html>.*<\/html>\n$/s), 20);
    await deploys.prepare('change');
    const pid = stage.pids()[kind];
    points.forget();
    points.plan(kind, [{ effect: 'stop', count, name }]);
    const pushing = deploys.push();
    await points.reached(kind);
    const resume = () => void process.kill(pid, 'SIGCONT');
    try {
      await use({ stage, points, watch, pid, pushing, resume });
    } finally {
      if (stage.pids()[kind] === pid) resume();
    }
    assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
    await deploys.servedIsMain();
    await deploys.prepare('change');
    await stage.deploy(join(stage.folder, 'pool'));
    assert.deepEqual(await problemsAtRest(stage, { watches: [watch] }), []);
    assert.deepEqual(await doctorSays(stage), []);
  } finally {
    await stage[Symbol.asyncDispose]();
  }
  assert.deepEqual(leftOver(stage.folder), []);
}

/** Control by itself on a home, as somebody might start it by hand. */
function secondControl(stage: Stage): Promise<Ended> {
  return stage.run([process.execPath, join(root, 'src', 'main', 'control.ts'), '--port', String(stage.port)], {
    env: { LOCKSTEP_HOME: stage.home },
  });
}

const before = 'mainline.advance:journey/advance.ts#advanceSurely:before';

suite('frozen', { concurrency: true }, () => {
  test('A4: control frozen before main moves, with a second control started meanwhile: one deploys, the other is refused', async () => {
    await whileFrozen('control', before, 1, async ({ stage, watch, pushing, pid, resume }) => {
      const second = await secondControl(stage);
      assert.equal(second.code, 73, second.stdout + second.stderr);
      assert.match(second.stdout, /another control has this database/);
      await sleep(frozenMs);
      assert.deepEqual(watch.problems(), []);
      assert.equal(stage.pids().control, pid);
      resume();
      const { code, stderr } = await pushing;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /live: http/);
    });
  });

  test('A4: the agent frozen at the switch, with a second up started meanwhile: sites go on, and the switch is made when it is back', async () => {
    await whileFrozen(
      'agent',
      'agent.apply:agent/agent.ts#accept:before',
      2,
      async ({ stage, watch, pushing, resume }) => {
        const second = await stage.run([
          join(root, 'bin', 'lockstep'),
          ...['up', '--json', '--home', stage.home, '--port', String(stage.port)],
        ]);
        assert.equal(second.code, 73, second.stderr);
        const { body } = await stage.api('/apps/pool/status');
        assert.notEqual(body.state, 'IN SYNC');
        await sleep(frozenMs);
        assert.deepEqual(watch.problems(), []);
        resume();
        const { code, stderr } = await pushing;
        assert.equal(code, 0, stderr);
        // Whoever waits is told what for.
        assert.match(stderr, /main has moved, and its release waits/);
      },
    );
  });

  test('A4: the router frozen at the switch: who asks waits and gets a whole answer, and the deploy ends', async () => {
    await whileFrozen(
      'router',
      'router.swap:router/router.ts#router.swap:before',
      1,
      async ({ stage, watch, pushing, resume }) => {
        const second = await stage.run(
          [process.execPath, join(root, 'src', 'main', 'router.ts'), '--port', String(stage.port)],
          { env: { LOCKSTEP_HOME: stage.home } },
        );
        assert.equal(second.code, 73, second.stderr);
        await watch.excuse(async () => {
          await sleep(frozenMs);
          resume();
          await until(
            async () => (await stage.get('pool').catch(() => null))?.status === 200,
            10_000,
            () => 'the page is not back',
          );
        });
        const { code, stderr } = await pushing;
        assert.equal(code, 0, stderr);
      },
    );
  });

  test('A4: control frozen for good before main moves: its keeper ends it, the push is told, and main has not moved', async () => {
    await whileFrozen('control', before, 1, async ({ stage, watch, pushing, pid }) => {
      const { code, stderr } = await pushing;
      assert.notEqual(code, 0, stderr);
      await until(
        () => stage.pids().control !== pid,
        60_000,
        () => `control was not replaced\n${stage.upStderr}`,
      );
      assert.match(stage.upStderr, /control answered nothing for \d+ s, and was ended/);
      assert.deepEqual(watch.problems(), []);
    });
  });

  test('A4: the router frozen for good: its keeper ends it, and sites are back', async () => {
    await whileFrozen(
      'router',
      'router.swap:router/router.ts#router.swap:before',
      1,
      async ({ stage, watch, pid, pushing }) => {
        await watch.excuse(async () => {
          await until(
            () => stage.pids().router !== pid,
            60_000,
            () => `the router was not replaced\n${stage.upStderr}`,
          );
          await until(
            async () => (await stage.get('pool').catch(() => null))?.status === 200,
            10_000,
            () => 'the page is not back',
          );
        });
        await pushing;
      },
    );
  });
});
