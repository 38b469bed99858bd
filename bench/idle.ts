// What the platform costs while nobody asks anything of it: memory of the three processes with more and more apps, and how long
// it takes to start, each process and all of it.
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { root, Stage } from '../test/support/stage.ts';
import { compiledProgram } from './journey/memory.ts';
import { barOf, round, type Spread, spreadOf } from './journey/report.ts';
import { register, run } from './scale/fill.ts';
import { freshBuild } from './support/compiled.ts';
import { type Machine, machineNow, noiseNow, noiseOf } from './support/machine.ts';
import { memoryOfProcess } from './support/processes.ts';
import { print, type Report, say, tableOfSteps } from './support/report.ts';
import { toTheEnd } from './support/to-the-end.ts';
import { toldBy, toldOptions } from './support/words.ts';

const names = ['agent', 'control', 'router'] as const;
type Each<T> = Record<(typeof names)[number], T>;
type Step = {
  apps: number;
  running: number;
  memory: Each<{ pss: number; rss: number }>;
  /** `lockstep up` to the first answer of the platform, and to the router's and control's own first answers, milliseconds. */
  starts: { platform: Spread; router: Spread };
};

async function bench(
  stage: Stage,
  { apps, starts, restMs }: { apps: number[]; starts: number; restMs: number },
  noise: number[],
): Promise<Step[]> {
  const steps: Step[] = [];
  let [registered, running] = [0, 0];
  for (const count of apps) {
    if (count > 0) await run(stage, running, 1);
    running = Math.min(count, 1);
    await register(stage, registered, count - running);
    registered = Math.max(registered, count - running);
    say(`${count} apps`);
    const platform: number[] = [];
    const router: number[] = [];
    for (let at = 0; at < starts; at += 1) {
      noise.push(await noiseNow());
      const took = await restart(stage);
      platform.push(took.platformMs);
      router.push(took.routerMs);
    }
    // What a start leaves is collected after ten to twenty seconds of rest.
    await sleep(restMs);
    noise.push(await noiseNow());
    const pids = stage.pids();
    const memory = Object.fromEntries(names.map((name) => [name, memoryOfProcess(pids[name])])) as Step['memory'];
    steps.push({ apps: count, running, memory, starts: { platform: spreadOf(platform)!, router: spreadOf(router)! } });
  }
  return steps;
}

/** Ends the platform and starts it again; when it answered. */
async function restart(stage: Stage): Promise<{ platformMs: number; routerMs: number }> {
  await stage.down();
  const startedAt = performance.now();
  const up = stage.up();
  const routerMs = firstAnswer(stage.port, startedAt, () => true);
  const platformMs = firstAnswer(stage.port, startedAt, (status) => status === 200);
  const took = { platformMs: await platformMs, routerMs: await routerMs };
  await up;
  return took;
}

/** Asks for the platform's health every 5 ms. */
async function firstAnswer(port: number, startedAt: number, isGood: (status: number) => boolean): Promise<number> {
  for (const limit = startedAt + 60_000; performance.now() < limit; await sleep(5)) {
    const status = await new Promise<number | null>((resolve) => {
      const asked = request({ host: '127.0.0.1', port, path: '/healthz', agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? null);
      });
      asked.once('error', () => resolve(null));
      asked.end();
    });
    if (status !== null && isGood(status)) return performance.now() - startedAt;
  }
  throw new Error('the platform did not answer within a minute');
}

/** An empty Node with the same flags: what nothing costs. */
async function emptyNode(): Promise<{ pss: number; rss: number }> {
  const child = spawn(process.execPath, [
    '--max-semi-space-size=2',
    '-e',
    'require("node:http").createServer().listen(0)',
  ]);
  try {
    await sleep(1000);
    return memoryOfProcess(child.pid!);
  } finally {
    child.kill();
  }
}

function summarize(
  steps: readonly Step[],
  empty: { pss: number; rss: number },
  noise: number[],
  machine: Machine,
): Report {
  const sum = (step: Step, of: 'pss' | 'rss') => round(names.reduce((all, name) => all + step.memory[name][of], 0));
  const with100 = steps.find(({ apps }) => apps === 100);
  const rows: [string, (step: Step) => string | number][] = [
    ...names.map((name): [string, (step: Step) => string] => [
      `${name}: PSS (RSS), MB`,
      ({ memory }) => `${memory[name].pss} (${memory[name].rss})`,
    ]),
    ['the three: PSS (RSS), MB', (step) => `${sum(step, 'pss')} (${sum(step, 'rss')})`],
    ['`lockstep up` to its first answer, p50, ms', ({ starts }) => starts.platform.p50],
    ['`lockstep up` to the router\u2019s first answer, p50, ms', ({ starts }) => starts.router.p50],
  ];
  return {
    bench: 'idle',
    about:
      'The compiled build at rest: nobody asks anything, the last start was some twenty seconds ago. At most one of the apps has an instance.',
    machine,
    void: noiseOf(noise),
    tables: [tableOfSteps(steps, rows)],
    bars: [
      barOf('at rest, the three, PSS', steps[0] && sum(steps[0], 'pss'), 150, 'MB'),
      ...(with100 ? [barOf('with 100 apps, the three, PSS', sum(with100, 'pss'), 200, 'MB')] : []),
    ],
    notes: [`An empty HTTP server on the same Node, in the same minute: ${empty.pss} MB PSS, ${empty.rss} MB RSS.`],
    charts: [],
    figures: { steps, empty },
  };
}

await toTheEnd(`idle in ${root}`, async (open) => {
  const { values } = parseArgs({
    options: {
      apps: { type: 'string', default: '0,1,100,1000' },
      starts: { type: 'string', default: '3' },
      rest: { type: 'string', default: '21' },
      ...toldOptions,
    },
  });
  const machine = machineNow();
  freshBuild();
  const program = open.use(compiledProgram());
  const stage = open.use(await Stage.open({}, program.path));
  const noise: number[] = [];
  const options = {
    apps: values.apps.split(',').map(Number),
    starts: Number(values.starts),
    restMs: Number(values.rest) * 1000,
  };
  const steps = await bench(stage, options, noise);
  const report = summarize(steps, await emptyNode(), noise, machine);
  print(report, toldBy(values));
});
