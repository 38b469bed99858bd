// The desired state at the agent's door: any JSON is the document that it says, or bad-request; config values are in no message.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, fc, holds, mutated, parsedOrRefused } from '../../../test/support/fuzz.ts';
import { isFailure } from '../../domain/errors.ts';
import { makeId } from '../../domain/ids.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { parseDesiredState } from './validate.ts';

const id = (prefix: Parameters<typeof makeId>[0]) => makeId(prefix, 1_700_000_000_000, new Uint8Array(16));
const canary = 'canary-of-a-config-value';
const valid = {
  protocol: 1,
  version: 3,
  nodeId: id('nod'),
  platformHosts: ['lockstep.localhost'],
  apps: [
    {
      liveUid: 60_000,
      gateUid: 60_001,
      gid: 60_000,
      id: id('app'),
      teamId: id('tea'),
      name: 'blog',
      hosts: ['blog.localhost'],
      routed: id('set'),
      concurrency: 100,
      sets: [
        {
          id: id('set'),
          releaseId: id('rel'),
          releaseLabel: 'v1',
          stage: 'live',
          artifact: { digest: `sha256:${'a'.repeat(64)}`, treeId: 'b'.repeat(40), layerKey: null },
          processes: [{ type: 'web', count: 1, command: { argv: ['run'] }, env: { SECRET: canary } }],
          health: { path: '/', timeoutMs: 1000, host: 'blog.localhost', acceptServerErrors: false },
          limits: defaultLimits,
          volumes: { data: 'var/data' },
        },
      ],
    },
  ],
};
const keys = ['protocol', 'version', 'apps', 'sets', 'env', 'argv', 'shell', 'limits', 'volumes', 'SECRET', 'id'];

/** A value in the place of anything, the canary among them. */
const other = fc.oneof(anyJson(keys), fc.constantFrom(canary, { SECRET: canary }, [canary], 'app_', '../x', -1, 1.5));

function check(input: unknown): void {
  const parsed = parsedOrRefused(() => parseDesiredState(input), 'bad-request');
  if (parsed === null) return;
  const text = JSON.stringify(parsed.value);
  assert.deepEqual(JSON.parse(JSON.stringify(parseDesiredState(JSON.parse(text)))), JSON.parse(text));
  for (const app of parsed.value.apps)
    for (const set of app.sets)
      for (const { env } of set.processes) assert.ok(Object.values(env).every((one) => typeof one === 'string'));
}

test('a document with any of its places changed is one of its form, or bad-request', () => {
  assert.deepEqual(parseDesiredState(JSON.parse(JSON.stringify(valid))), valid);
  holds(mutated(valid, other), 3000, check);
  holds(anyJson(keys), 1500, check);
});

test('a refusal shows no config value, wherever it stands', () => {
  holds(mutated(valid, fc.constantFrom(canary, { SECRET: canary }, [canary], { [canary]: canary })), 2000, (input) => {
    try {
      parseDesiredState(input);
    } catch (error) {
      assert.ok(isFailure(error, 'bad-request'), String(error));
      assert.doesNotMatch(`${error.message}${JSON.stringify(error.details)}`, new RegExp(`: .*${canary}`));
    }
  });
});
