// The router, killed at every place that it passes in a deploy, and again in the start that follows.
import { test } from 'node:test';
import { killEverywhere } from './support/killed-anywhere.ts';

test('A1, A3: the router killed at every failpoint that it passes in a deploy, and once more in its recovery', async (t) => {
  await killEverywhere('router', {}, (line) => t.diagnostic(line));
});
