import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOfKey } from '../../config/readers/key-line.ts';
import { readLockstepYml } from '../../config/readers/lockstep-yml.ts';
import { provesNothing, weakeningResult, weakeningsOf } from './weakening.ts';

const weaker = (main: string, candidate: string): string[] =>
  weakeningsOf(readLockstepYml(main).gate, readLockstepYml(candidate).gate).map(({ key }) => key.slice(1).join('.'));

test('each lowering of the gate is found, and each raising is free', () => {
  const cases: readonly [lower: string, higher: string, key: string][] = [
    ['style: { new: 1 }', 'style: { new: 0 }', 'style.new'],
    ['coverage: { patch: 79% }', 'coverage: { patch: 90% }', 'coverage.patch'],
    ['coverage: { patch_floor: 30 }', 'coverage: { patch_floor: 5 }', 'coverage.patch_floor'],
    ['coverage: { slack: 1pp }', 'coverage: { slack: 0.1pp }', 'coverage.slack'],
    ['coverage: { min: 70% }', 'coverage: { min: 80% }', 'coverage.min'],
    ['{}', 'coverage: { min: 80% }', 'coverage.min'],
    ['docstrings: { new: 90% }', '{}', 'docstrings.new'],
    ['docs: { warnings: allow }', '{}', 'docs.warnings'],
    ['{}', 'dockerfile: { clones_itself: error }', 'dockerfile.clones_itself'],
    ['checks: { tests: off }', '{}', 'checks.tests'],
    ['checks: { tests: "true" }', '{}', 'checks.tests'],
    ['checks: { types: off }', 'checks: { types: mypy . }', 'checks.types'],
    ['{}', 'checks: { e2e: ./e2e }', 'checks.e2e'],
    ['checks: { e2e: "./e2e || true" }', 'checks: { e2e: ./e2e }', 'checks.e2e'],
    ['checks: { e2e: ./e2e }', 'checks: { e2e: { run: ./e2e, network: none } }', 'checks.e2e'],
    ['checks: { e2e: ./e2e }', 'checks: { e2e: { run: ./e2e, in: image } }', 'checks.e2e'],
    ['checks: { e2e: { run: ./e2e, in: server } }', 'checks: { e2e: { run: ./e2e, in: image } }', 'checks.e2e'],
    ['checks: { e2e: ./e2e }', 'checks: { e2e: { run: ./e2e, report: { junit: j.xml } } }', 'checks.e2e'],
  ];
  for (const [lower, higher, key] of cases) {
    const inGate = (text: string) => (text.startsWith('{') ? `gate: ${text}` : `gate: { ${text} }`);
    assert.deepEqual(weaker(inGate(higher), inGate(lower)), [key], `${higher} -> ${lower}`);
    assert.deepEqual(weaker(inGate(lower), inGate(higher)), [], `${lower} -> ${higher}`);
    assert.deepEqual(weaker(inGate(lower), inGate(lower)), [], lower);
  }
});

test('how a change lands is no matter of strictness', () => {
  assert.deepEqual(weaker('', 'gate: { history: squash, batch: { max: 1 }, timeout: 1h, prestart: late }'), []);
});

test('a command that ends well whatever it saw is told from one that looks', () => {
  for (const run of [
    'true',
    ':',
    '/bin/true',
    'echo ok',
    'exit 0',
    'echo a && true',
    'pytest || true',
    'pytest; exit 0',
  ])
    assert.ok(provesNothing(run), run);
  for (const run of [
    'pytest',
    'make test',
    'cd a && pytest',
    'test -f x || exit 1',
    'true && pytest',
    './true',
    'a; b',
  ])
    assert.ok(!provesNothing(run), run);
});

test('the finding names the line and the way, and an admin who asks is let through with a warning', () => {
  const text = 'web: x\ngate:\n  coverage:\n    slack: 0.5pp\n    patch: 50%\n';
  const found = weakeningsOf(readLockstepYml('').gate, readLockstepYml(text).gate);
  const place = ({ key }: { key: readonly string[] }) => ({ file: 'lockstep.yml', line: lineOfKey(text, key) });
  const refused = weakeningResult(found, 'not', place, 0)!;
  assert.equal(refused.outcome, 'failed');
  assert.deepEqual(refused.findings, [
    {
      file: 'lockstep.yml',
      line: 5,
      rule: 'weaker gate',
      message:
        'gate.coverage.patch: of the new lines 80% on main, and 50% here; an admin lands it with git push -o allow-weaken, or lockstep merge --allow-weaken',
    },
  ]);
  assert.match(weakeningResult(found, 'without the right', place, 0)!.findings[0]!.message, /lacks the admin right/);
  const allowed = weakeningResult(found, 'by an admin', place, 0)!;
  assert.deepEqual([allowed.outcome, allowed.findings.length, allowed.warnings.length], ['passed', 0, 1]);
  assert.equal(weakeningResult([], 'not', place, 0), null);
});

test('what is gone from the file is shown at the nearest key that is there', () => {
  assert.equal(lineOfKey('web: x\ngate:\n  checks:\n    lint: y\n', ['gate', 'checks', 'e2e']), 3);
  assert.equal(lineOfKey('web: x\n', ['gate', 'checks', 'e2e']), null);
  assert.equal(lineOfKey('{"gate": {"style": \n {"new": 3}}}', ['gate', 'style', 'new']), 2);
});
