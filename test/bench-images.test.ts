// The sums of the benches that need an engine: what is Lockstep's own share, and what counts as a notice and as a build.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtImage } from '../bench/docker/build.ts';
import { ownShareOf, type Run, summarize } from '../bench/docker/summary.ts';
import { saysPushOf } from '../bench/hook/notices.ts';
import { summarize as summarizeHook } from '../bench/hook/summary.ts';
import type { Machine } from '../bench/support/machine.ts';
import { textOf } from '../bench/support/report.ts';

const machine: Machine = {
  ...{ date: '2026-01-02 03:04', commit: 'abc', cores: 2, processor: 'P', memoryGB: 4 },
  ...{ system: 'S', node: 'v26.0.0', loadBefore: 0.1 },
};

const ran = (pushToLiveMs: number, floorMs: number, handMs: number, more: Partial<Run> = {}): Run => ({
  ...{ pushToLiveMs, stages: [{ name: 'transfer', ms: 20 }], checks: [{ name: 'tests', ms: 900 }], void: [] },
  floor: { buildMs: 0, createMs: 0, startMs: 0, bootMs: floorMs, totalMs: floorMs },
  hand: { imageMs: 200, styleMs: 300, testsMs: handMs - 500, totalMs: handMs },
  ...more,
});
const figuresOf = (...warm: Run[]) => ({
  ...{ machine, engine: 'Docker', everyMs: 20, noise: [0.01], warm, cold: [], own: [], tools: ['pyflakes==3'] },
});

test('its own share is what is left of a push when the longer of floor and checks is taken off', () => {
  assert.equal(ownShareOf(ran(2000, 800, 1600)), 20);
  assert.equal(ownShareOf(ran(2000, 1500, 1000)), 25);
  assert.equal(ownShareOf(ran(1000, 800, 1600)), 0);
});

test('the docker bench has two bars, and its void runs count for nothing', () => {
  const report = summarize(figuresOf(ran(1500, 800, 1300), ran(1400, 800, 1300)));
  assert.deepEqual([report.void, report.bars.map(({ isMet }) => isMet)], [[], [true, true]]);
  assert.match(textOf(report), /own share if by hand style runs beside the tests, % +28\.6/);
  const slow = summarize(figuresOf(ran(2500, 800, 1300)));
  assert.deepEqual(
    slow.bars.map(({ isMet }) => isMet),
    [false, false],
  );
  const wrong = summarize(figuresOf(ran(1500, 800, 1300, { void: ['no test was run'] })));
  assert.deepEqual(wrong.void, ['no test was run']);
  assert.ok(wrong.bars.every(({ isMet }) => !isMet));
});

test('what a build made is told among its lines, and what broke it is thrown', () => {
  assert.equal(
    builtImage('{"id":"moby.buildkit.trace","aux":"x"}\n{"id":"moby.image.id","aux":{"ID":"sha256:1"}}\n'),
    'sha256:1',
  );
  assert.throws(() => builtImage('{"error":"exit code: 1"}\n'), /exit code: 1/);
  assert.throws(() => builtImage(''), /named no image/);
});

test('only a tag that is pushed to the repository is a notice', () => {
  const said = (action: string, repository: string, tag?: string) =>
    saysPushOf('team/web', JSON.stringify({ events: [{ action, target: { repository, tag } }] }));
  assert.ok(said('push', 'team/web', 'latest'));
  assert.ok(!said('push', 'team/web'));
  assert.ok(!said('pull', 'team/web', 'latest'));
  assert.ok(!said('push', 'team/other', 'latest'));
  assert.ok(!saysPushOf('team/web', '{}'));
});

test('the hook bench counts the failed requests of both sides and holds only its own against a bar', () => {
  const one = (liveMs: number, failed: number) => ({
    ...{
      liveMs,
      asked: { requests: 100, failed, why: failed > 0 ? ['ECONNREFUSED'] : [] },
      moments: { landed: liveMs },
    },
  });
  const given = { ...{ machine, engine: 'Docker', everyMs: 5, noise: [0.01] }, commands: [one(900, 40)] };
  const report = summarizeHook({ ...given, lockstep: [one(700, 0), one(800, 0)] });
  assert.deepEqual([report.void, report.bars.map(({ isMet }) => isMet)], [[], [true]]);
  assert.match(textOf(report), /pull, stop, rm, run +900 +900 +900 +900 +100 +40/);
  assert.match(report.notes.join(), /ECONNREFUSED/);
  assert.ok(!summarizeHook({ ...given, lockstep: [one(700, 1)] }).bars[0]!.isMet);
});
