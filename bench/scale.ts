// How time and memory grow with the number of apps: 1, 10, 100, 1,000 on one platform (compiled build), the same example pushed
// at every step. What grows with the number of apps is mended, so that it does not.
import { parseArgs } from 'node:util';
import { root, Stage } from '../test/support/stage.ts';
import { Arena } from './journey/arena.ts';
import { compiledProgram } from './journey/memory.ts';
import { barOf, round } from './journey/report.ts';
import { freshPage } from './journey/subject.ts';
import { register, run } from './scale/fill.ts';
import { measureStep, type Step } from './scale/step.ts';
import { lineChart } from './support/chart.ts';
import { freshBuild } from './support/compiled.ts';
import { type Machine, machineNow, noiseOf } from './support/machine.ts';
import { type Printing, print, type Report, say, tableOfSteps } from './support/report.ts';
import { numberOf, toldBy, toldOptions } from './support/words.ts';

type Options = { apps: number[]; running: number; pushes: number; restMs: number };

function parse(words: string[]): Options & Printing & { isSource: boolean } {
  const { values } = parseArgs({
    args: words,
    options: {
      apps: { type: 'string', default: '1,10,100,1000' },
      running: { type: 'string', default: '20' },
      pushes: { type: 'string', default: '6' },
      rest: { type: 'string', default: '21' },
      source: { type: 'boolean', default: false },
      ...toldOptions,
    },
  });
  const apps = values.apps.split(',').map(Number);
  if (apps.some((count, at) => !Number.isInteger(count) || count < 1 || count > 5000 || count <= (apps[at - 1] ?? 0)))
    throw new Error('--apps takes growing numbers from 1 to 5000');
  const running = numberOf('running', values.running, { least: 0, most: 5000 });
  const pushes = numberOf('pushes', values.pushes, { most: 1000 });
  const rest = numberOf('rest', values.rest, { least: 0, most: 3600 });
  return {
    ...{ apps, running, pushes, restMs: rest * 1000 },
    ...toldBy(values),
    isSource: values.source,
  };
}

async function bench(options: Options, stage: Stage): Promise<Step[]> {
  const arena = await Arena.open(stage);
  const page = freshPage();
  await arena.write(page);
  await arena.push(page);
  const steps: Step[] = [];
  let [registered, running] = [0, 0];
  for (const apps of options.apps) {
    const sites = Math.min(options.running, apps - 1);
    await run(stage, running, sites);
    running = sites;
    const empty = apps - 1 - sites;
    await register(stage, registered, empty);
    registered = Math.max(registered, empty);
    say(`${apps} apps, ${sites + 1} of them run`);
    steps.push(await measureStep(arena, { apps, running: sites + 1 }, options));
  }
  return steps;
}

function summarize(steps: readonly Step[], machine: Machine): Report {
  const [first, last] = [steps[0]!, steps.at(-1)!];
  const rows = (pick: (step: Step) => number) => steps.map((step) => round(pick(step)));
  const lines: [string, (step: Step) => number][] = [
    ['of them with an instance', (step) => step.running],
    ['push to live, p50, ms', (step) => step.pushToLive.p50],
    ["Lockstep's own share of it, p50, ms", (step) => step.ownShare.p50],
    ['switch (main has moved -> the router serves), p50, ms', (step) => step.switch.p50],
    ['list, the first 50, p50, ms', (step) => step.list.p50],
    ['list, all pages of 200, p50, ms', (step) => step.listAll.p50],
    ['status of one app, p50, ms', (step) => step.status.p50],
    ['agent, PSS, MB', (step) => step.memory.agent],
    ['control, PSS, MB', (step) => step.memory.control],
    ['router, PSS, MB', (step) => step.memory.router],
    ['the three together, MB', (step) => step.memory.sum],
    ['document for the agent, KB', (step) => step.documentBytes / 1000],
  ];
  const svg = lineChart(
    steps.map(({ apps }) => apps),
    'apps',
    [
      {
        title: 'time',
        unit: 'ms',
        series: [
          { name: 'own share', values: rows((step) => step.ownShare.p50) },
          { name: 'switch', values: rows((step) => step.switch.p50) },
          { name: 'list', values: rows((step) => step.list.p50) },
          { name: 'status', values: rows((step) => step.status.p50) },
        ],
      },
      {
        title: 'memory at rest',
        unit: 'MB',
        series: [
          { name: 'the three', values: rows((step) => step.memory.sum) },
          { name: 'control', values: rows((step) => step.memory.control) },
          { name: 'agent', values: rows((step) => step.memory.agent) },
          { name: 'router', values: rows((step) => step.memory.router) },
        ],
      },
    ],
  );
  return {
    bench: 'scale',
    about: `One platform (compiled build) with more and more apps, and the same example pushed ${first.pushToLive.count} times at every step.`,
    machine,
    void: [
      ...noiseOf(steps.flatMap(({ noise }) => noise)),
      ...steps.flatMap(({ apps, wrong }) => wrong.map((why) => `with ${apps} apps: ${why}`)),
    ],
    tables: [tableOfSteps(steps, lines)],
    bars: [
      barOf(`switch with ${last.apps} apps, p50`, last.switch.p50, 5),
      barOf(`list with ${last.apps} apps, p50`, last.list.p50, 20),
      barOf(`status with ${last.apps} apps, p50`, last.status.p50, 50),
      barOf(
        `own share of a push, ${last.apps} apps to ${first.apps}`,
        Math.round((last.ownShare.p50 / first.ownShare.p50) * 100) / 100,
        1.15,
        'times',
      ),
    ],
    notes: [
      'Apps without an instance are registered (repository, identity, host, route) and were never pushed to; those with one are static sites.',
    ],
    charts: [{ file: 'scale.svg', title: 'Time and memory as the number of apps grows', svg }],
    figures: { steps },
  };
}

await using open = new AsyncDisposableStack();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void open.disposeAsync().finally(() => process.exit(1)));
try {
  const options = parse(process.argv.slice(2));
  const machine = machineNow();
  if (!options.isSource) freshBuild();
  const program = options.isSource ? null : open.use(compiledProgram());
  const stage = open.use(await Stage.open({}, program?.path ?? `${root}/bin/lockstep`));
  print(summarize(await bench(options, stage), machine), options);
} catch (error) {
  say(`the scale could not be measured: ${(error as Error).stack}`);
  process.exitCode = 1;
}
