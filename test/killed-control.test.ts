// Control, killed at every place that it passes in a deploy, and again in the recovery that follows. Two files share the places.
import { test } from 'node:test';
import { killEverywhere } from './support/killed-anywhere.ts';

test('A1, A3, D7: control killed at half of the failpoints that it passes in a deploy, and once more in its recovery', async (t) => {
  await killEverywhere('control', { part: { at: 0, of: 2 } }, (line) => t.diagnostic(line));
});
