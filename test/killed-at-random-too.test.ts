// Kills at random moments; two files share a hundred of them. `LOCKSTEP_SEED=N` chooses the seed.
import { test } from 'node:test';
import { killAtRandom } from './support/killed-at-random.ts';

test('A2: the other half of a hundred kills at random moments of deploys leave nothing broken', async (t) => {
  await killAtRandom(Number(process.env.LOCKSTEP_SEED ?? 20261130), (line) => t.diagnostic(line));
});
