// The other half of the places where control is killed.
import { test } from 'node:test';
import { killEverywhere } from './support/killed-anywhere.ts';

test('A1, A3, D7: control killed at the other failpoints that it passes in a deploy, and once more in its recovery', async (t) => {
  await killEverywhere('control', { part: { at: 1, of: 2 } }, (line) => t.diagnostic(line));
});
