// `npm run soak -- --minutes 1 --seed 7`: deploys, rejects, rolls back and changes config on several apps under traffic, while it
// kills, freezes, fills the disk and floods a log at the seed's moments. Ends with the oracles: everything that is promised of a
// home at rest, an empty doctor, main served by every app, and visitors who saw whole pages that never went back. Exit 1 when
// one of them does not hold. `--json` prints one object; the seed is told, and gives the same schedule again.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { doctorSays } from '../test/support/doctor-says.ts';
import { problemsAtRest } from '../test/support/oracles.ts';
import { SmallDisk } from '../test/support/small-disk.ts';
import { Stage } from '../test/support/stage.ts';
import { type Account, accountLines, troublesOf } from './soak/account.ts';
import { Nemesis } from './soak/nemesis.ts';
import { type Step, scheduleOf, type Work, works } from './soak/schedule.ts';
import { type Outcome, Site } from './soak/site.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0 && minutes <= 24 * 60) || !Number.isSafeInteger(seed)) {
  process.stderr.write('soak: --minutes is a number up to 1440, --seed a whole number\n');
  process.exit(64);
}
/** The first writes a log that can be flooded. */
const names = ['pump', 'pool', 'reef', 'tide'];
const homeMegabytes = 800;
const settleMs = 90_000;
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

process.exitCode = await soak();

async function soak(): Promise<number> {
  const startedAt = performance.now();
  say(`soak: ${minutes} minutes, seed ${seed}`);
  let disk: SmallDisk | null = null;
  await using stage = await Stage.open({}, undefined, (home) => {
    disk = SmallDisk.mount({ megabytes: homeMegabytes, at: home });
    return disk;
  });
  using own = disk as SmallDisk | null;
  if (own === null) say('soak: a disk of its own cannot be mounted here, so none is filled');
  const sites = new Map<string, Site>();
  for (const name of names) sites.set(name, await Site.open(stage, name, name === names[0]));
  const nemesis = new Nemesis(stage, sites, own);
  const outcomes = await run(scheduleOf(seed, minutes, names), sites, nemesis);
  const problems = [...outcomes.problems, ...nemesis.problems, ...(await holdsAtTheEnd(stage, sites))];
  const account: Account = {
    ...{ seed, minutes, works: outcomes.works, reasons: outcomes.reasons, troubles: troublesOf(nemesis) },
    leftOut: own === null ? ['filling the disk: this machine does not let us mount one'] : [],
    requests: [...sites.values()].reduce((sum, { watch }) => sum + watch.requests, 0),
    versions: Object.fromEntries([...sites].map(([name, { watch }]) => [name, watch.newest])),
    problems,
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(account)}\n`);
  else for (const line of accountLines(account)) process.stdout.write(`${line}\n`);
  if (problems.length > 0) process.stderr.write(`${stage.logs()}\n${stage.upStderr.slice(-4000)}\n`);
  return problems.length === 0 ? 0 : 1;
}

/** Each step at its moment: an app's one after the other, troubles as they come. */
async function run(schedule: readonly Step[], sites: ReadonlyMap<string, Site>, nemesis: Nemesis) {
  const startedAt = performance.now();
  const told: Account['works'] = Object.fromEntries(works.map((work) => [work, {}]));
  const problems: string[] = [];
  const turns = new Map<string, Promise<void>>();
  const reasons: Account['reasons'] = {};
  const note = (work: Work, outcome: Outcome, why: string): void => {
    told[work]![outcome] = (told[work]![outcome] ?? 0) + 1;
    // A broken push is refused by right.
    if (outcome === 'done' || outcome === 'nothing to do' || (work === 'reject' && outcome === 'refused')) return;
    reasons[`${work}, ${why}`] = (reasons[`${work}, ${why}`] ?? 0) + 1;
  };
  for (const step of schedule) {
    await sleep(Math.max(0, step.atMs - (performance.now() - startedAt)), undefined, {
      signal: interrupted.signal,
    }).catch(() => {});
    if (interrupted.signal.aborted) break;
    if (!isWork(step)) nemesis.cause(step);
    else {
      const before = turns.get(step.app) ?? Promise.resolve();
      const site = sites.get(step.app)!;
      const turn = before
        .then(() => site.carryOut(step.do))
        .then(
          (outcome) => note(step.do, outcome, site.why),
          (error: Error) => void problems.push(`${step.do} of ${step.app}: ${error.message}`),
        );
      turns.set(step.app, turn);
    }
  }
  await Promise.all([...turns.values(), nemesis.rest()]);
  return { works: told, reasons, problems };
}

function isWork(step: Step): step is Extract<Step, { do: Work }> {
  return (works as readonly string[]).includes(step.do);
}

async function holdsAtTheEnd(stage: Stage, sites: ReadonlyMap<string, Site>): Promise<string[]> {
  const problems: string[] = [];
  for (const name of sites.keys())
    await stage
      .inSync(name, settleMs)
      .catch((error: Error) => problems.push(`${name}: ${error.message.split('\n')[0]}`));
  const watches = [...sites.values()].map(({ watch }) => watch);
  for (const site of sites.values())
    problems.push(...(await site.servedIsMain().catch((error: Error) => [`${site.name}: ${error.message}`])));
  await Promise.all(watches.map((watch) => watch[Symbol.asyncDispose]()));
  for (const site of sites.values())
    problems.push(...site.watch.problems().map((said) => `a visitor of ${site.name}: ${said}`));
  problems.push(...(await problemsAtRest(stage, { withinMs: settleMs })));
  problems.push(...(await doctorSays(stage, settleMs)));
  return problems;
}

function say(line: string): void {
  (values.json ? process.stderr : process.stdout).write(`${line}\n`);
}
