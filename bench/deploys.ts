// Deploy after deploy under a steady traffic of everything that a visitor can ask of an app: how many requests the platform
// failed, how long a push takes to be live, and whether anything of the three processes grows. Usage:
//   npm run bench -- deploys [--count 1000] [--minutes 120] [--json] [--strict]
import { parseArgs } from 'node:util';
import { Stage, until } from '../test/support/stage.ts';
import { Traffic, trafficApp } from '../test/support/traffic.ts';
import { type Memory, memoryOf } from './journey/memory.ts';
import { barOf, type Spread, spreadOf } from './journey/report.ts';
import { machineNow, noiseNow, noiseOf } from './support/machine.ts';
import { print, say, type Table } from './support/report.ts';
import { numberOf, toldBy, toldOptions } from './support/words.ts';

const app = 'busy';
/** Between two looks at memory, and two lines of progress. */
const every = 50;
/** The drain limit, the stop's grace, and some more. */
const drainedMs = 90_000;

type Sample = { deploys: number; memory: Memory; p50Ms: number };

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '120' },
    ...toldOptions,
  },
});
const count = numberOf('count', values.count, { most: 100_000 });

const longestMs = Number(values.minutes) * 60_000;
if (!(longestMs > 0)) throw new Error('--minutes takes a number above 0');

const machine = machineNow();
const noise = [await noiseNow()];
await using stage = await Stage.open();
const work = await stage.makeApp(app, trafficApp);
await stage.deploy(work);
const before = memoryOf(stage);
const pushMs: number[] = [];
const liveMs: number[] = [];
const samples: Sample[] = [];
const traffic = Traffic.of(stage, app);
const startedAt = performance.now();
for (let number = 1, isLast = false; !isLast; number += 1) {
  isLast = number === count || performance.now() - startedAt > longestMs;
  await stage.edit(work, 'change.txt', /.*/, `change ${number}`);
  const pushedAt = performance.now();
  const version = number + 1;
  const live = until(
    () => traffic.newest >= version,
    60_000,
    () => `v${version} was never seen`,
  ).then(() => liveMs.push(performance.now() - pushedAt));
  await stage.deploy(work);
  pushMs.push(performance.now() - pushedAt);
  await live;
  if (number % every !== 0 && !isLast) continue;
  samples.push({ deploys: number, memory: memoryOf(stage), p50Ms: spreadOf(liveMs.slice(-every))?.p50 ?? 0 });
  const { sum } = samples.at(-1)!.memory;
  say(`${number} of ${count}: p50 ${samples.at(-1)!.p50Ms} ms, ${sum} MB, ${traffic.failures} failed`);
}
const seconds = (performance.now() - startedAt) / 1000;
const wrong = await traffic.verdict();
await until(
  async () => (await stage.status(app)).instances.length === 1,
  drainedMs,
  () => 'instances of old releases are still there',
);
const after = memoryOf(stage);
noise.push(await noiseNow());

const row = (name: string, { p50, p95, p99, least, most }: Spread) => [name, p50, p95, p99, least, most];
const tables: Table[] = [
  {
    title: 'milliseconds',
    columns: ['p50', 'p95', 'p99', 'least', 'most'],
    rows: [row('push to live', spreadOf(liveMs)!), row('git push, whole', spreadOf(pushMs)!)],
  },
  {
    title: 'visits that ended well',
    columns: ['number', 'a second'],
    rows: Object.entries(traffic.counts).map(([name, visits]) => [name, visits, visits / seconds]),
  },
  {
    title: 'memory, PSS in MB',
    columns: ['agent', 'control', 'router', 'sum', 'push to live p50'],
    rows: [
      memoryRow('before', before),
      ...samples.map(({ deploys, memory, p50Ms }) => [...memoryRow(`after ${deploys}, busy`, memory), p50Ms]),
      memoryRow('after, at rest', after),
    ],
  },
];
print(
  {
    bench: 'deploys',
    about: `${liveMs.length} deploys in a row in ${Math.round(seconds)} s, under pages on fresh and kept connections, posts, slow uploads and downloads, WebSockets and event streams`,
    machine,
    void: [],
    tables,
    bars: [barOf('requests that the platform failed', Math.max(traffic.failures, wrong.length), 0, 'failed')],
    notes: [
      ...wrong,
      ...noiseOf(noise),
      'A WebSocket that was closed with 1012 and a stream that ended whole, at the drain limit, are no failure.',
      'Whoever asks shares the cores with the platform; so does git.',
    ],
    charts: [],
    figures: {
      count: liveMs.length,
      seconds,
      problems: wrong,
      pushMs: spreadOf(pushMs),
      liveMs: spreadOf(liveMs),
      before,
      samples,
      after,
    },
  },
  toldBy(values),
);

function memoryRow(name: string, memory: Memory): (string | number)[] {
  return [name, memory.agent, memory.control, memory.router, memory.sum];
}
