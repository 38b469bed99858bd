import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultGate, type GateSettings } from '../domain/gate-settings.ts';
import { suggestionsFor } from './suggestions.ts';

const suggest = (files: Record<string, string>, gate: Partial<GateSettings> = {}) =>
  suggestionsFor(
    { paths: Object.keys(files), texts: new Map(Object.entries(files)), changed: null, testEnv: {} },
    { ...defaultGate, ...gate },
    { read: async (path) => (files[path] === undefined ? null : Buffer.from(files[path])) },
  );

test('what looks like a check is suggested with the line that would make it one, and nothing is run', async () => {
  assert.deepEqual(await suggest({ Makefile: 'lint: x\n\truff .\nCC := gcc\nbuild:\n\ttrue\ntest:\n\tpytest\n' }), [
    'Makefile has a target lint; to have the gate run it: gate: { checks: { lint: make lint } }',
  ]);
  assert.deepEqual(await suggest({ 'tox.ini': '[testenv:docs]\ncommands = x\n[testenv:py311]\n' }), [
    'tox.ini has an environment docs; to have the gate run it: gate: { checks: { docs: tox -e docs } }',
  ]);
  const workflow =
    'jobs:\n  a:\n    steps:\n      - run: npm run typecheck\n      - run: npm ci\n      - uses: x/y@v1\n';
  assert.deepEqual(await suggest({ '.github/workflows/ci.yml': workflow }), [
    '.github/workflows/ci.yml runs "npm run typecheck"; to have the gate run it: gate: { checks: { typecheck: npm run typecheck } }',
  ]);
});

test('what the gate runs already is not suggested, and a workflow that is none says nothing', async () => {
  const { custom } = { custom: { lint: {} as never } };
  assert.deepEqual(await suggest({ Makefile: 'lint:\n\tx\n' }, { custom }), []);
  for (const text of ['', '[', 'jobs: 3', 'jobs: { a: { steps: x } }', 'a: &a [*a]', `jobs: ${'['.repeat(5000)}`])
    assert.deepEqual(await suggest({ '.github/workflows/x.yml': text }), []);
});
