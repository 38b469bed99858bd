import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult, Finding } from '../../domain/gate.ts';
import { identityOf, mostIdentities } from './identities.ts';
import { applyPolicy } from './policy.ts';

const at = (file: string, line: number, message: string): Finding => ({ file, line, rule: 'arg-type', message });
const types = (findings: Finding[]): CheckResult => ({
  ...{ kind: 'types', name: 'types', outcome: findings.length > 0 ? 'failed' : 'passed', summary: '', findings },
  ...{ findingCount: findings.length, metrics: {}, warnings: [], outputTail: [], startedAtMs: 0, durationMs: 0 },
});
const lines = (...numbers: number[]) => new Set(numbers);
type Changed = Parameters<typeof applyPolicy>[1]['changed'];
const judge = (findings: Finding[], main: CheckResult | null, changed: Changed): CheckResult =>
  applyPolicy(types(findings), { changed, hasEverRunTests: true, main: main && [main] });

const first = judge([at('a.py', 3, 'takes int'), at('b.py', 9, 'takes str'), at('b.py', 12, 'takes str')], null, null);

test('a first push with findings is the baseline, and they are kept as what they are', () => {
  assert.equal(first.outcome, 'passed');
  assert.equal(first.metrics.findings, 3);
  assert.deepEqual(Object.values(first.identities ?? {}).sort(), [1, 2]);
});

test('the same number of findings, but another one, is refused, wherever it is', () => {
  const now = [at('a.py', 3, 'takes int'), at('b.py', 9, 'takes str'), at('c.py', 4, 'takes bytes')];
  const red = judge(now, first, new Map([['b.py', lines(12)]]));
  assert.equal(red.outcome, 'failed');
  assert.equal(red.summary, '1 finding that main does not have');
  assert.deepEqual(red.findings, [at('c.py', 4, 'takes bytes')]);
});

test('one more of a kind that is there is refused, though no changed line shows it', () => {
  const now = [...[9, 12, 30].map((line) => at('b.py', line, 'takes str')), at('a.py', 3, 'takes int')];
  const red = judge(now, first, new Map([['z.py', lines(1)]]));
  assert.deepEqual([red.outcome, red.findings.length], ['failed', 1]);
});

test('a finding without a place counts when main does not have it, and not when it does', () => {
  const nowhere = (message: string): Finding => ({ file: null, line: null, rule: 'warning', message });
  const main = judge([nowhere('no signature of <lazy at 0x7f56eac98290>')], null, null);
  const changed = new Map([['z.py', lines(1)]]);
  assert.equal(judge([nowhere('no signature of <lazy at 0x7f6aa72df5d0>')], main, changed).outcome, 'passed');
  assert.equal(judge([nowhere('another one')], main, changed).outcome, 'failed');
});

test('lines that moved are not new, nor numbers in the words that moved with them', () => {
  const main = judge([at('a.py', 3, 'see line 7'), at('b.py', 9, 'takes str')], null, null);
  const moved = judge(
    [at('a.py', 103, 'see line 107'), at('b.py', 109, 'takes str')],
    main,
    new Map([['a.py', lines(1)]]),
  );
  assert.deepEqual([moved.outcome, moved.summary], ['passed', 'no findings on changed lines (2 older)']);
  assert.equal(identityOf(at('a.py', 1, 'line 7  of 9')), identityOf(at('a.py', 2, 'line 17 of 9')));
  assert.notEqual(identityOf(at('a.py', 1, 'x')), identityOf(at('b.py', 1, 'x')));
  const object = (address: string) => identityOf(at('a.py', 1, `<shop.lazy object at ${address}> is not callable`));
  assert.equal(object('0x7f56eac98290'), object('0x7F11d2'));
});

test('an edited line that had its finding already counts as new', () => {
  const now = [at('a.py', 3, 'takes int'), at('b.py', 9, 'takes str'), at('b.py', 12, 'takes str')];
  const red = judge(now, first, new Map([['a.py', lines(3)]]));
  assert.deepEqual([red.outcome, red.summary], ['failed', '1 finding on changed lines']);
});

test('of more findings than can be kept the number may not grow', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => at(`f${index}.py`, 1, 'takes int'));
  const main = judge(many(mostIdentities + 1), null, null);
  assert.equal(main.identities, undefined);
  const changed = new Map([['z.py', lines(1)]]);
  assert.equal(judge(many(mostIdentities + 1), main, changed).outcome, 'passed');
  const red = judge(many(mostIdentities + 2), main, changed);
  assert.deepEqual([red.outcome, red.summary], ['failed', '2002 findings, and main has 2001']);
});

test('an app full of findings deploys from day one and can only get better, over ten changes', () => {
  const all = Array.from({ length: 40 }, (_, index) =>
    at(`f${index % 8}.py`, index + 1, `takes int, not ${'abcdefgh'[index % 8]}`),
  );
  let main = judge(all, null, null);
  assert.equal(main.outcome, 'passed');
  const line = [main.metrics.findings!];
  let left = all;
  for (let change = 1; change <= 10; change++) {
    const worse = judge(
      [...left, at('new.py', change, `takes str ${'abcdefghij'[change - 1]}`)],
      main,
      new Map([['g.py', lines(1)]]),
    );
    assert.equal(worse.outcome, 'failed', `change ${change}: one finding more`);
    const swapped = judge(
      [...left.slice(1), at('new.py', change, 'takes another')],
      main,
      new Map([['g.py', lines(1)]]),
    );
    assert.equal(swapped.outcome, 'failed', `change ${change}: one gone, another come`);
    left = left.slice(change % 3 === 0 ? 0 : 4);
    main = judge(left, main, new Map([['g.py', lines(1)]]));
    assert.equal(main.outcome, 'passed', `change ${change}: ${main.summary}`);
    line.push(main.metrics.findings!);
  }
  assert.deepEqual(line, [40, 36, 32, 32, 28, 24, 24, 20, 16, 16, 12]);
});
