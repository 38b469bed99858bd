// Kills at seeded random moments of deploys, spread over control, agent and router. The same seed gives the same deploys,
// victims and delays, and so nearly the same moments.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeployKind, Deploys } from './deploys.ts';
import { doctorSays } from './doctor-says.ts';
import { type Kind, kinds } from './failpoints.ts';
import { leftOver } from './left-over.ts';
import { problemsAtRest } from './oracles.ts';
import { PageWatch, releaseNumber } from './page-watch.ts';
import { Stage, until } from './stage.ts';

const kills = 50;
/** A deploy of this site takes about so long from its request to the answer; a kill comes somewhere in it. */
const deployMs = 450;
const deploysOf: readonly DeployKind[] = ['change', 'change', 'change', 'reject', 'rollback', 'config change'];
/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fifty deploys, each with a kill somewhere in it; what is left is held to the oracles after each. */
export async function killAtRandom(seed: number, say: (line: string) => void): Promise<void> {
  say(`seed ${seed}`);
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const stage = await Stage.open();
  const ends = new Map<string, number>();
  try {
    const deploys = await Deploys.open(stage, 'pool');
    await using watch = new PageWatch(stage, 'pool', releaseNumber(/^<!doctype html>.*<\/html>\n$/s), 10);
    for (let count = 0; count < kills; count += 1) {
      const victim: Kind = kinds[count % kinds.length]!;
      const kind = pick(deploysOf);
      const delayMs = Math.floor(random() * deployMs);
      await deploys.prepare(kind);
      const before = stage.pids();
      const killed = async (): Promise<string[]> => {
        const asked = deploys.go(kind);
        await sleep(delayMs);
        await kill(stage, victim, before);
        const broken = await problemsAtRest(stage, { watches: [watch] });
        await asked;
        return broken;
      };
      const broken = await (victim === 'router' ? watch.excuse(killed, 'refusals') : killed());
      assert.deepEqual(broken, [], `kill ${count + 1}: ${victim} after ${delayMs} ms of a ${kind}, seed ${seed}`);
      ends.set(victim, (ends.get(victim) ?? 0) + 1);
    }
    await deploys.servedIsMain();
    assert.deepEqual(await doctorSays(stage), []);
    say(`${JSON.stringify(Object.fromEntries(ends))} killed, ${watch.requests} requests watched`);
    assert.deepEqual(watch.problems(), []);
  } finally {
    await stage[Symbol.asyncDispose]();
  }
  assert.deepEqual(leftOver(stage.folder), []);
}

/** Kills it, and resolves when it is back: control and router by their keeper, `up` by us. */
async function kill(stage: Stage, victim: Kind, before: ReturnType<Stage['pids']>): Promise<void> {
  if (victim === 'agent') {
    await stage.killAgent();
    await stage.up();
    return;
  }
  process.kill(before[victim], 'SIGKILL');
  await until(
    async () => stage.pids()[victim] !== before[victim] && (await stage.api('/apps').catch(() => null))?.status === 200,
    30_000,
    () => `${victim} did not come back\n${stage.logs()}\n${stage.upStderr}`,
  );
}
