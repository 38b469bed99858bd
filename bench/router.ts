// What the router costs beside nginx and Caddy: requests a second of one core, what it adds to an answer at a bounded rate, and
// what idle connections hold. The README of this folder says when a run is void.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { routerNodeFlags } from '../src/router/node-flags.ts';
import { root } from '../test/support/stage.ts';
import { type Contender, contenders, type Running, type Where } from './router/contenders.ts';
import { pinSelf } from './router/cores.ts';
import { type IdleCost, idleCost } from './router/idle-connections.ts';
import { keptAgent, type Paced, pace } from './router/pace.ts';
import { type Result, summarize } from './router/summary.ts';
import { byAsker, type Throughput, throughputOf } from './router/throughput.ts';
import { compile, startUpstream } from './router/upstream.ts';
import { freshBuild } from './support/compiled.ts';
import { machineNow, noiseNow } from './support/machine.ts';
import { insistOn, versionOf } from './support/programs.ts';
import { print, say } from './support/report.ts';
import { numberOf, toldBy, toldOptions } from './support/words.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '64' },
    idle: { type: 'string', default: '10000' },
    program: { type: 'string', default: '' },
    'node-flag': { type: 'string', multiple: true, default: [] },
    install: { type: 'boolean', default: false },
    ...toldOptions,
  },
});
const number = (name: 'seconds' | 'rounds' | 'rate' | 'connections' | 'idle', most: number): number =>
  numberOf(name, values[name], { most });

/** The proxy has this core for itself; the upstream, wrk and this program share the other. */
const [core, loadCore] = [0, 1];

async function bench(folder: string): Promise<Result> {
  const [seconds, rounds, rate] = [number('seconds', 600), number('rounds', 100), number('rate', 20_000)];
  const [connections, idle] = [number('connections', 10_000), number('idle', 10_000)];
  const machine = machineNow();
  insistOn(
    { wrk: 'wrk', nginx: 'nginx-light', caddy: 'caddy', cc: 'gcc libc6-dev', taskset: 'util-linux' },
    values.install,
  );
  if (values.program === '') freshBuild();
  pinSelf(loadCore);
  const program = values.program || join(root, 'dist', 'main', 'router.js');
  const upstreamProgram = compile('upstream', folder);
  const ask = byAsker(compile('asker', folder));
  const load = { seconds, connections, core, loadCore };
  const all = contenders(
    [process.execPath, ...routerNodeFlags, ...values['node-flag'], program],
    `Lockstep ${machine.commit}`,
  );
  const noise: number[] = [];
  const rest = async () => void noise.push(await noiseNow());

  say('the upstream in the place of a proxy');
  const alone = await startUpstream(upstreamProgram, core);
  await throughputOf(alone, { ...load, seconds: 1 }, ask);
  await rest();
  const upstreamAlone = await throughputOf(alone, load, ask).finally(() => alone.stop());

  const upstream = await startUpstream(upstreamProgram, loadCore);
  const where = { folder, core, upstreamPort: upstream.port };
  try {
    const throughput = await inTurns(all, where, rounds, async (running, one) => {
      await throughputOf(running, { ...load, seconds: 2 });
      await rest();
      const measured = await throughputOf(running, load);
      say(`${one.name}: ${Math.round(measured.perSecond)} requests/s`);
      return measured;
    });
    const paced = await paceAll(all, where, upstream, { rate, rounds, seconds }, rest);
    say(`${idle} idle connections`);
    const idleCosts = await idleAll(all, where, idle);
    return {
      machine,
      noise,
      asked: { seconds, rounds, rate, connections, idle },
      versions: [...all.map(({ version }) => version), versionOf('wrk', '-v').split(' Copyright')[0]!],
      upstreamAlone,
      throughput: throughput as Record<string, Throughput[]>,
      paced,
      idle: idleCosts,
    };
  } finally {
    await upstream.stop();
  }
}

/** Each of them started alone, `rounds` times, one after the other. */
async function inTurns<T>(
  all: readonly Contender[],
  where: Where,
  rounds: number,
  measure: (running: Running, one: Contender) => Promise<T>,
): Promise<Record<string, T[]>> {
  const results: Record<string, T[]> = {};
  for (let round = 0; round < rounds; round += 1)
    for (const one of all) {
      const running = await one.start(where);
      try {
        results[one.name] = [...(results[one.name] ?? []), await measure(running, one)];
      } finally {
        await running.stop();
      }
    }
  return results;
}

/** All of them and the upstream asked directly, in short turns, so that they meet the same machine. */
async function paceAll(
  all: readonly Contender[],
  where: Where,
  upstream: Running,
  { rate, rounds, seconds }: { rate: number; rounds: number; seconds: number },
  rest: () => Promise<void>,
): Promise<Record<string, Paced>> {
  say(`${rate} requests a second`);
  const running = await Promise.all(all.map(async (one) => ({ name: one.name, at: await one.start(where) })));
  const agent = keptAgent();
  try {
    const asked = [{ name: 'directly', at: upstream }, ...running];
    const results = Object.fromEntries(asked.map(({ name }) => [name, { ms: [] as number[], failed: 0 }]));
    for (const { at } of asked) await pace(at.port, agent, rate, 1500, { ms: [], failed: 0 });
    for (let round = 0; round < rounds; round += 1) {
      await rest();
      for (const { name, at } of asked) await pace(at.port, agent, rate, seconds * 1000, results[name]!);
    }
    return results;
  } finally {
    agent.destroy();
    for (const { at } of running) await at.stop();
  }
}

/** The router collects its garbage when it has been at rest for ten to twenty seconds. */
const idleRestMs = 22_000;

async function idleAll(all: readonly Contender[], where: Where, count: number): Promise<Record<string, IdleCost>> {
  const costs: Record<string, IdleCost> = {};
  for (const one of all) costs[one.name] = await idleCost(() => one.start(where), count, idleRestMs);
  return costs;
}

const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-router-'));
try {
  const result = await bench(folder);
  const report = summarize(result);
  print(report, toldBy(values));
} catch (error) {
  say(`the router could not be measured: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
