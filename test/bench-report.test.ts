// What the benches say of themselves: when a run is void, and how a page is written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieces } from '../bench/gate/options.ts';
import { type Figures, summarize as summarizeGate } from '../bench/gate/summary.ts';
import { barOf, leastOf } from '../bench/journey/report.ts';
import { middleOf, type Result, summarize } from '../bench/router/summary.ts';
import { readWrk, type Throughput } from '../bench/router/throughput.ts';
import { lineChart } from '../bench/support/chart.ts';
import { type Machine, noiseOf, sharesOf, ticksOf } from '../bench/support/machine.ts';
import { withSection } from '../bench/support/page.ts';
import { markdownOf, textOf } from '../bench/support/report.ts';

const machine: Machine = {
  ...{ date: '2026-01-02 03:04', commit: 'abc', cores: 2, processor: 'P', memoryGB: 4 },
  ...{ system: 'S', node: 'v26.0.0', loadBefore: 0.1 },
};
const went = (perSecond: number, more: Partial<Throughput> = {}): Throughput => ({
  ...{ perSecond, failed: 0, ownShare: 0.99, coreShare: 1, perCpuSecond: perSecond },
  ...more,
});

function routerResult(more: Partial<Result> = {}): Result {
  const held = { during: { pss: 110, rss: 150 }, held: 10 };
  const cost = { before: { pss: 20, rss: 60 }, ...held, unasked: held };
  return {
    machine,
    noise: [0.01, 0.02],
    asked: { seconds: 1, rounds: 1, rate: 1000, connections: 64, idle: 10 },
    versions: ['nginx'],
    upstreamAlone: went(180_000),
    throughput: { Lockstep: [went(17_000)], nginx: [went(50_000)], Caddy: [went(16_000)] },
    paced: { directly: { ms: [0.1, 0.1, 0.3], failed: 0 }, Lockstep: { ms: [0.3, 0.3, 0.9], failed: 0 } },
    idle: { Lockstep: cost },
    ...more,
  };
}

test('the router is held against Caddy, the upstream and its bars', () => {
  const report = summarize(routerResult());
  assert.deepEqual(report.void, []);
  assert.ok(report.bars.every(({ isMet }) => isMet));
  const slower = summarize(routerResult({ throughput: { Lockstep: [went(15_000)], Caddy: [went(16_000)] } }));
  assert.deepEqual(
    slower.bars.map(({ isMet }) => isMet),
    [false, true, true, true],
  );
  assert.match(textOf(slower), /at least 16000 requests\/s +15000 requests\/s +FAILS/);
});

test('a router run is void when its proxies were not what was measured', () => {
  const check = (more: Partial<Result>, why: RegExp) => assert.match(summarize(routerResult(more)).void.join(), why);
  check({ upstreamAlone: went(140_000) }, /2\.8 times as fast as nginx/);
  check(
    { upstreamAlone: went(180_000, { ownShare: 0.75 }) },
    /alone used 75 % of its core: who asked it was the limit/,
  );
  check({ noise: [0.5, 0.6, 0.01] }, /not quiet: at 2 of 3 moments of rest others used up to 60 %/);
  const Caddy = [went(16_000)];
  check({ throughput: { Caddy, Lockstep: [went(9000, { ownShare: 0.6 })] } }, /Lockstep used 60 % of its core/);
  check({ throughput: { Caddy, Lockstep: [went(9000, { ownShare: 0.9 })] } }, /was not alone on its core/);
});

test('the machine is looked at through its clock ticks', () => {
  const before = ticksOf(1, 'cpu  9 9 9 9 9 9 9 9\ncpu1 10 0 10 100 0 0 0 0 0 0\n');
  const after = ticksOf(1, 'cpu  9 9 9 9 9 9 9 9\ncpu1 20 0 15 175 0 0 5 5 0 0\n');
  assert.deepEqual(sharesOf(before, after), { busy: 0.2, stolen: 0.05 });
  assert.deepEqual(noiseOf([0.01, 0.02, 0.03, 0.5]), []);
  assert.equal(noiseOf([0.01, 0.5]).length, 1);
});

test('wrk is read, and its failures are counted', () => {
  const text = '  1000 requests in 1.00s, 1MB read\n  Socket errors: connect 1, read 2, write 0, timeout 3\n';
  const end = '  Non-2xx or 3xx responses: 4\nRequests/sec:    999.5\n';
  assert.deepEqual(readWrk(text + end), { requests: 1000, perSecond: 999.5, failed: 10 });
  assert.throws(() => readWrk('unable to connect'));
  assert.equal(
    middleOf([3, 1, 2, 9], (value) => value),
    2,
  );
});

test('a section of the page is replaced, the others stay', () => {
  const page = '# Page\n\n## a\n\n<!-- begin a -->\nold\n<!-- end a -->\n\nmore\n';
  const once = withSection(page, 'b', 'new b');
  assert.equal(withSection(once, 'a', 'new a'), once.replace('old', 'new a'));
  assert.match(once, /more\n\n## b\n\n<!-- begin b -->\nnew b\n<!-- end b -->\n$/);
});

test('a report says the same as text and as a section', () => {
  const report = {
    ...{ bench: 'x', about: 'About.', machine, void: ['noise'], notes: ['a note'], charts: [], figures: null },
    tables: [{ title: 't', columns: ['c|d'], rows: [['one', 1.26]] }],
    bars: [barOf('small', 3, 2), leastOf('large', 5, 4, 'times')],
  };
  assert.match(textOf(report), /VOID: noise[\s\S]*one +1\.3[\s\S]*at most 2 ms +3 ms +FAILS\nlarge +at least 4 times/);
  assert.match(markdownOf(report), /\| t \| c\\\|d \|[\s\S]*\| one \| 1\.3 \|[\s\S]*\*\*fails\*\*[\s\S]*- a note/);
});

test('a chart has a line for each series, and names that do not cover one another', () => {
  const series = ['a', 'b', 'c'].map((name) => ({ name, values: [1, 2, 3] }));
  const svg = lineChart([1, 10, 100], 'apps', [{ title: 'time', unit: 'ms', series }]);
  assert.equal(svg.match(/<polyline/g)?.length, 3);
  const labels = [...svg.matchAll(/<text x="256" y="([\d.]+)" fill/g)].map((match) => Number(match[1]));
  assert.equal(labels.length, 3);
  for (let at = 1; at < labels.length; at += 1) assert.ok(Math.abs(labels[at]! - labels[at - 1]!) >= 12);
});

test('the gate is held against the same tools by hand at once, and against what is to be live', () => {
  const hand = { each: { style: 100, types: 300, tests: 1000, docs: 600, start: 200 }, wholeMs: 1400 };
  const pushed = (liveMs: number, gateMs: number) => ({
    ...{ liveMs, gateMs },
    checks: { style: 200, types: 400, tests: 1140, docs: 700, boot: 300, docstrings: 1 },
  });
  const figures = (more: Partial<Figures> = {}): Figures => ({
    ...{ machine, noise: [0.01], examples: [], memoMs: [200], queues: [] },
    options: { runs: 1, merges: 20, only: [...pieces], isJson: false, isStrict: false },
    whole: {
      body: [pushed(1400, 1200)],
      constant: [pushed(1700, 1600)],
      atOnce: [hand],
      inTurn: [hand],
      firstMs: 1,
      void: [],
    },
    ...more,
  });
  const failing = (of: Figures) => summarizeGate(of).bars.filter(({ isMet }) => !isMet);
  assert.deepEqual(failing(figures()), []);
  assert.deepEqual(summarizeGate(figures()).void, []);
  const limits = Object.fromEntries(summarizeGate(figures()).bars.map(({ what, limit }) => [what, limit]));
  assert.equal(limits['the whole gate, against by hand at once'], 1610, '15 % of it are more than 150 ms');
  assert.equal(limits['style, against by hand at once'], 250, '150 ms are more than 15 % of it');
  const slow = figures({ queues: [{ share: 0.2, asked: 20, landed: 15, rejected: 5, gates: 9, seconds: 30 }] });
  slow.whole!.body = [pushed(1501, 1300)];
  assert.deepEqual(
    failing(slow).map(({ what }) => what),
    ['push to live with every check, p50', 'right and not landed, of 16, 20 % fail'],
  );
  const broken = { example: 'x', gateMs: [], checks: {}, broke: 'tests FAILED' };
  assert.match(summarizeGate(figures({ examples: [broken] })).void.join(), /x did not come through: tests FAILED/);
  const none = figures({ whole: null });
  assert.deepEqual(summarizeGate(none).bars, [], 'what was not asked for has no bar');
  assert.match(textOf(summarizeGate(none)), /a tree that was checked before/);
});
