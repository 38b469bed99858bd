// Every example, pushed with a tree that nobody has seen: how long the gate took, and each of its checks.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, type Stage } from '../../test/support/stage.ts';
import { noiseNow } from '../support/machine.ts';
import { say } from '../support/report.ts';
import { detail } from './subject.ts';

/** Milliseconds, a push each. `broke`: why there is none. */
export type Told = { example: string; gateMs: number[]; checks: Record<string, number[]>; broke: string | null };

/** Fewer pushes than of the app that is looked at closely: the seven of them are many. */
const mostRuns = 3;

export async function measureExamples(stage: Stage, runs: number, noise: number[]): Promise<Told[]> {
  const told: Told[] = [];
  for (const example of readdirSync(join(root, 'examples')).sort()) {
    const one = await measureExample(stage, example, Math.min(runs, mostRuns));
    told.push(one);
    say(`${example}: ${one.broke ?? one.gateMs.map(Math.round).join(', ')} ms`);
    noise.push(await noiseNow());
  }
  return told;
}

async function measureExample(stage: Stage, example: string, runs: number): Promise<Told> {
  const one: Told = { example, gateMs: [], checks: {}, broke: null };
  try {
    const work = await stage.makeApp(example, join(root, 'examples', example));
    await stage.deploy(work);
    for (let run = 0; run <= runs; run += 1) {
      stage.write(work, { 'bench.txt': `run ${run} of ${Date.now()}\n` });
      await stage.commit(work, `run ${run}`);
      await stage.deploy(work);
      if (run === 0) continue; // what stands by, and caches
      const { moments, verdict } = await detail(stage, example);
      one.gateMs.push(moments.proved - moments.gating);
      for (const { name, kind, durationMs } of verdict.checks)
        if (kind !== 'build') one.checks[name] = [...(one.checks[name] ?? []), durationMs];
    }
    // It has been measured: what follows has the machine for itself.
    await stage.lockstep(['destroy', '-a', example, '--yes']);
  } catch (error) {
    const lines = (error as Error).message.split('\n');
    one.broke = lines.find((line) => /FAILED|rejected|infra/.test(line)) ?? lines[0]!.slice(0, 200);
  }
  return one;
}
