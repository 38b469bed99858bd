import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LockstepError } from '../../domain/errors.ts';
import { defaultGate, type GateSettings } from '../../domain/gate-settings.ts';
import { gateOfFiles } from '../gate-config.ts';
import { lockstepSchema, lockstepSchemaText } from '../lockstep-schema.ts';
import { readAppJson } from './app-json.ts';
import { readLockstepYml } from './lockstep-yml.ts';

const read = (text: string): GateSettings => readLockstepYml(text).gate;
const problemsOf = (text: string): string => {
  try {
    readLockstepYml(text);
  } catch (error) {
    if (error instanceof LockstepError && error.code === 'bad-config') return error.message;
    throw error;
  }
  return 'none';
};

test('nothing said of the gate is the defaults', () => {
  for (const text of ['', 'gate: {}', 'gate: { checks: { tests: auto } }']) assert.deepEqual(read(text), defaultGate);
});

test('every key of gate: is read', () => {
  const said = read(`gate:
  history: squash
  batch: { min: 2, max: 8 }
  timeout: 20m
  prestart: late
  style: { new: 3 }
  coverage: { patch: 75.5%, patch_floor: 10, slack: 0.25pp, min: 90% }
  docstrings: { new: 50% }
  docs: { warnings: allow, publish: off }
  dockerfile: { clones_itself: error }
  checks:
    style: off
    tests: make test
    e2e: { run: npm run e2e, needs: release, report: { junit: out/e2e.xml }, timeout: 5m }
    lint: { run: ./lint, network: none, in: image }
`);
  assert.deepEqual(
    [said.history, said.batch, said.timeoutMs, said.prestart, said.docsPublish],
    ['squash', { min: 2, max: 8 }, 1_200_000, 'late', null],
  );
  assert.deepEqual(said.rules, {
    style: { new: 3 },
    coverage: { patch: 0.755, patchFloor: 10, slackPoints: 0.25, min: 0.9 },
    docstrings: { new: 0.5 },
    docs: { warnings: 'allow' },
    dockerfile: { clonesItself: 'error' },
    tests: { fewer: 0.2 },
  });
  assert.equal(said.builtIn.style, 'off');
  const { tests } = said.builtIn;
  assert.ok(tests !== undefined && tests !== 'off');
  assert.deepEqual([tests.run, tests.from, tests.timeoutMs], ['make test', 'lockstep.yml: gate.checks.tests', 900_000]);
  assert.deepEqual(Object.keys(said.custom), ['e2e', 'lint']);
  const { e2e, lint } = said.custom;
  assert.deepEqual([e2e!.needsRelease, e2e!.reports, e2e!.timeoutMs], [true, { junit: 'out/e2e.xml' }, 300_000]);
  assert.deepEqual([lint!.network, lint!.needsRelease, lint!.in, e2e!.in], ['none', false, 'image', undefined]);
});

test('what is wrong in gate: is said whole, each with its place and the nearest name', () => {
  const check = (text: string, ...words: string[]) => {
    const problems = problemsOf(text);
    for (const word of words) assert.ok(problems.includes(word), `${word} is not in:\n${problems}`);
  };
  check('gate: { hystory: merge, batch: { mx: 3 } }', 'gate.hystory', 'did you mean "history"', 'did you mean "max"');
  check('gate: { coverage: { patch: 80, slack: 1% } }', 'gate.coverage.patch: 80', 'gate.coverage.slack');
  check('gate: { coverage: { patch: 101% } }', 'at most 100%');
  check('gate: { timeout: 15 }', 'must be a time like 15m');
  check('gate: { timeout: 3h }', 'gate.timeout: "3h"');
  check('gate: { batch: { min: 5, max: 2 } }', 'min must not be more than max');
  check('gate: { checks: { test: off } }', 'gate.checks.test', 'did you mean "tests"');
  check('gate: { checks: { boot: x } }', 'is a name of the gate itself');
  check('gate: { checks: { Lint: x } }', 'small letters');
  check('gate: { checks: { lint: { run: x, tiemout: 1m } } }', 'gate.checks.lint.tiemout', 'did you mean "timeout"');
  check('gate: { checks: { lint: { run: x, report: { junit: ../x } } } }', 'gate.checks.lint.report.junit');
  check('gate: { checks: { lint: { run: x, needs: release, network: none } } }', 'exclude each other');
  check('gate: { checks: { lint: { run: x, needs: release, in: image } } }', 'exclude each other');
  check('gate: { checks: { lint: { run: x, in: container } } }', 'gate.checks.lint.in', 'must be image or server');
  check('gate: { checks: { lint: { run: x, ni: image } } }', 'gate.checks.lint.ni', 'network, in');
  check('gate: { checks: { lint: [x] } }', 'gate.checks.lint', 'must be auto, off, a command');
  assert.equal(problemsOf('gate: { checks: { lint: "x" } }'), 'none');
});

test("app.json's test script runs in place of our own, unless lockstep.yml says otherwise or it asks for the same", () => {
  const check = (scripts: object, yml: string, run: string | undefined) => {
    const appJson = readAppJson(JSON.stringify({ environments: { test: { scripts } } }));
    const { tests } = gateOfFiles(readLockstepYml(yml), appJson).builtIn;
    assert.equal(tests === 'off' ? 'off' : tests?.run, run);
  };
  check({ test: 'make check' }, '', 'make check');
  check({ test: 'pytest', 'test-setup': './seed' }, '', '{ ./seed\n} && { pytest\n}');
  check({ test: 'pytest -q' }, '', undefined);
  check({ test: 'python manage.py test' }, '', undefined);
  check({ test: 'pytest tests/unit' }, '', 'pytest tests/unit');
  check({ test: 'make check' }, 'gate: { checks: { tests: auto } }', undefined);
  check({ test: 'make check' }, 'gate: { checks: { tests: off } }', 'off');
  check({ test: 'make check' }, 'gate: { checks: { tests: ./t } }', './t');
  check({}, '', undefined);
});

test('docs/lockstep.schema.json is what the reader takes', () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'docs', 'lockstep.schema.json');
  assert.equal(
    readFileSync(file, 'utf8'),
    lockstepSchemaText(),
    'make it anew: node scripts/bootstrap.js scripts/lockstep-schema.ts',
  );
});

test('the schema names every key of gate: and says what it is', () => {
  type Schema = { properties: Record<string, Schema>; description?: string; additionalProperties?: boolean };
  const { gate } = (lockstepSchema() as Schema).properties;
  assert.deepEqual(Object.keys(gate!.properties).sort(), [
    ...['batch', 'checks', 'coverage', 'dockerfile', 'docs', 'docstrings', 'history', 'prestart', 'style', 'timeout'],
  ]);
  assert.equal(gate!.additionalProperties, false);
  for (const [name, one] of Object.entries(gate!.properties))
    assert.ok((one.description ?? Object.values(one.properties)[0]!.description ?? '') !== '', name);
});

test('the example of docs/gate.md is taken, and names every key of gate:', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'gate.md'), 'utf8');
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const gate = read(example);
  assert.deepEqual(Object.keys(gate.custom), ['lint', 'e2e', 'vectors', 'codecs']);
  assert.deepEqual({ ...gate, custom: {} }, defaultGate, 'it shows the defaults');
  const keys = [...example.matchAll(/(?:^ {2}|[{,] )([a-z_]+):/gm)].map((match) => match[1]!);
  for (const key of ['history', 'batch', 'timeout', 'prestart', 'style', 'coverage', 'docstrings', 'docs', 'checks'])
    assert.ok(keys.includes(key), key);
  for (const key of ['min', 'max', 'new', 'patch', 'patch_floor', 'slack', 'warnings', 'publish'])
    assert.match(example, new RegExp(`\\b${key}:`), key);
});
