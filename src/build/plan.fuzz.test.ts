// What one process writes, the next must take: whatever an app's files say, the plan is refused with the file's name, or the
// agent takes the desired state made of it. One app's odd file would otherwise hold up the document of all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, anyText, fc, holdsAsync, parsedOrRefusedAsync } from '../../test/support/fuzz.ts';
import { parseDesiredState } from '../agent/desired/validate.ts';
import type { App } from '../domain/app.ts';
import { type IdPrefix, makeId } from '../domain/ids.ts';
import { composeApp, composeSet, type Runnable } from '../release/compose.ts';
import { memoryTree } from './memory-tree.ts';
import { decidePlan } from './plan.ts';

const id = <P extends IdPrefix>(prefix: P) => makeId(prefix, 1_700_000_000_000, new Uint8Array(16));
const app = {
  ...{ id: id('app'), teamId: id('tea'), name: 'blog', hosts: ['blog.localhost'], wasEverHealthy: true },
  ...{ liveUid: 1, gateUid: 2, gid: 1 },
} as unknown as App;

/** Mostly what is right, so that many are taken; at times what is not. */
const mostly = <T, U>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong });
const name = mostly(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,4}$/), fc.constantFrom('_x', 'a b', '-'));
const procfile = fc
  .uniqueArray(fc.tuple(name, mostly(fc.constant('run'), fc.string({ maxLength: 9 }))), {
    maxLength: 3,
    selector: ([type]) => type,
  })
  .map((lines) => ['web: run', ...lines.map(([type, command]) => `${type}: ${command}`)].join('\n'));
const seconds = mostly(
  fc.oneof(fc.constantFrom(0.0001, 0.0015, 1e-300, 600), fc.double({ min: 0.001, max: 600, noNaN: true })),
  fc.constantFrom(0, -1, 700),
);
const yml = fc
  .record(
    {
      volumes: mostly(
        fc.constantFrom({}, { data: 'var' }, { 'b-1': 'a/./b/', a: 'x y' }),
        fc.constantFrom({ A: 'var' }, { a: '../x' }, { a: '.' }),
      ),
      health: fc.oneof(
        mostly(fc.constantFrom('/', '/x?y', '/%00'), fc.constantFrom('x', '/é', '/ ')),
        fc.record(
          { path: fc.constantFrom('/', '/%00'), timeout: fc.oneof(seconds, fc.constantFrom('1s', '600s')) },
          { requiredKeys: [] },
        ),
      ),
      web: mostly(fc.constant('run $PORT'), anyText(['run', ' ', '\n'], 3)),
      release: mostly(fc.constant('run'), anyText(['run', ' ', '\n'], 3)),
      limits: fc.record(
        {
          cpu: mostly(fc.double({ min: 0.05, max: 256, noNaN: true }), fc.constantFrom(0, 1e-300, 257)),
          pids: mostly(fc.integer({ min: 8, max: 32768 }), fc.constantFrom(0, 8.5)),
          memory: mostly(fc.constantFrom('16M', '512M', '9K', '1024G'), fc.constantFrom('0M', '1', '9'.repeat(12))),
          disk: fc.constantFrom('1G', '16M'),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .map((document): string => JSON.stringify(document) ?? '');
const appJson = fc
  .record(
    {
      env: fc.dictionary(
        fc.constantFrom('A', 'B_2', 'LD_PRELOAD', 'constructor'),
        mostly(
          fc.oneof(fc.string({ maxLength: 9 }), fc.nat()),
          fc.oneof(anyText(['x'], 3), anyJson(['value', 'required'])),
        ),
      ),
      healthchecks: fc.record({
        web: fc.array(fc.record({ path: mostly(fc.constantFrom('/', '/up'), fc.constant('x')), timeout: seconds }), {
          maxLength: 2,
        }),
      }),
    },
    { requiredKeys: [] },
  )
  .map((document): string => JSON.stringify(document) ?? '');

test('what an app says is refused with its file, or taken by the agent', async () => {
  let taken = 0;
  await holdsAsync<[string, string, string]>(
    fc.tuple(procfile, yml, appJson),
    1500,
    async ([first, second, third]) => {
      const view = memoryTree({ Procfile: first, 'lockstep.yml': second, 'app.json': third });
      const plan = await parsedOrRefusedAsync(() => decidePlan(view), 'bad-config', 'no-detector');
      if (plan === null) return;
      const runnable = {
        release: { id: id('rel'), setId: id('set'), commit: 'c'.repeat(40) },
        label: 'v1',
        artifact: { digest: `sha256:${'0'.repeat(64)}`, treeId: 'a'.repeat(40), layerKey: null, plan: plan.value },
        config: {},
      } as unknown as Runnable;
      const set = composeSet(app, runnable, 'live', 8080);
      const document = {
        protocol: 1,
        version: 1,
        nodeId: id('nod'),
        platformHosts: [],
        apps: [composeApp(app, set.id, [set])],
      };
      const sent = JSON.parse(JSON.stringify(document)) as unknown;
      assert.deepEqual(parseDesiredState(sent), sent);
      taken += 1;
    },
    [['web: a\n9web: b', '{"health":{"timeout":0.0001}}', '{"healthchecks":{"web":[{"path":"/","timeout":0.0015}]}}']],
  );
  assert.ok(taken > 150, `only ${taken} were taken`);
});
