import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asItIs } from '../build/tests-in-image.ts';
import type { Part } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import type { CheckPlan, GateFacts } from '../gate/check.ts';
import { commandCheck } from '../gate/checks/command.ts';
import { pythonTests } from '../gate/checks/python-tests.ts';
import { demandImage, isInImage, notInside, placedInImage, whyOutside } from './check-in-image.ts';

const facts: GateFacts = { paths: ['app.py'], texts: new Map(), changed: null, testEnv: {} };
const own = (more: { in?: 'image' | 'server'; needsRelease?: boolean } = {}): CheckPlan => {
  const said = { run: 'x', needsRelease: false, reports: {}, timeoutMs: 1, network: 'all' as const, from: '', ...more };
  return { ...commandCheck('custom', 'mine', said).plan(facts)!, part: { language: 'any', root: '' } };
};
const part: Part = { language: 'python', root: '' };
const tests: CheckPlan = { ...pythonTests.plan(facts)!, part };
const python = { ...asItIs, tools: () => assert.fail(), language: 'python', programs: ['/v/bin/python3', 'python3'] };
const image = { forTests: { 'python:': python }, forCommands: python, outside: {} };
const ended = (more: Partial<JobResult>): JobResult => ({
  ...{ exitCode: 0, signal: null, endedBy: 'exit', outputTail: [], outputBytes: 0, reports: {}, startedAtMs: 0 },
  ...{ id: 'job_0' as JobResult['id'], durationMs: 0, ...more },
});

test('commands of the repository run in the image unless they say otherwise, or ask the app from outside', () => {
  const check = (more: Parameters<typeof own>[0], expected: boolean) =>
    assert.equal(isInImage(own(more), { image }), expected, JSON.stringify(more));
  check({}, true);
  check({ in: 'image' }, true);
  check({ in: 'server' }, false);
  check({ needsRelease: true }, false);
  assert.equal(isInImage(own(), { image: null, pulled: 'r/a@sha256:x' }), true);
  assert.equal(isInImage(own(), { image: null }), false);
  const bare = { image: { ...image, forCommands: 'what it begins with has no shell' } };
  assert.deepEqual([isInImage(own(), bare), whyOutside(own(), bare)], [false, 'what it begins with has no shell']);
  assert.equal(whyOutside(own({ in: 'server' }), bare), null);
});

test('a command begins as it is, behind what lets it find the tools; tests with the program of their language', () => {
  const words = (plan: CheckPlan) => ('argv' in plan.command ? plan.command.argv : []);
  const [mine, theirs] = [placedInImage(own(), 'custom', { image }), placedInImage(tests, 'tests', { image })];
  assert.deepEqual(words(mine).slice(2, 10), [
    ...['command', '.', '{reports}', '{sources}/', '{reports}/began.txt', 'Python'],
    ...['/v/bin/python3 python3', 'bring_python.py'],
  ]);
  assert.deepEqual(words(mine).slice(10, 12), ['/bin/sh', '{job}/command.sh']);
  assert.deepEqual(words(theirs).slice(2, 11), [
    ...['tests', '.', '{reports}', '{job}/tests/', '{reports}/began.txt', 'Python', '/v/bin/python3 python3', ''],
    '{job}/run_tests.py',
  ]);
  assert.deepEqual(words(theirs).slice(-2), ['--path', '{layer}']);
  assert.ok(mine.reports.includes('began.txt') && mine.files['bring_python.py'] !== undefined);
});

test('only an end without a beginning, or a command whose program is missing, leads back to the machine', () => {
  const began = { reports: { 'began.txt': '' } };
  const check = (plan: CheckPlan, job: Partial<JobResult>, expected: RegExp | null) => {
    const why = notInside(plan, ended(job));
    if (expected === null) assert.equal(why, null, JSON.stringify(job));
    else assert.match(why ?? '', expected);
  };
  check(
    tests,
    { exitCode: 127, outputTail: ['the image has no Python'] },
    /could not begin there: the image has no Python/,
  );
  check(tests, { exitCode: 126 }, /could not begin/);
  check(tests, { exitCode: 1 }, null);
  check(tests, { exitCode: null, endedBy: 'lost' }, null);
  check(own(), { ...began, exitCode: 127, outputTail: ['git: not found'] }, /lacks a program of it: git: not found/);
  check(own(), { ...began, exitCode: 126 }, null);
  check(own(), { ...began, exitCode: 1 }, null);
  check(own({ in: 'image' }), { ...began, exitCode: 127 }, null);
});

test('what may run nowhere else fails where there is no such image, and has no verdict where none was built', () => {
  const of = (plan: object, more = {}) => ({ image: null, pulled: null, artifact: { plan }, ...more }) as never;
  assert.throws(() => demandImage(own({ in: 'image' }), of({})), /the app runs as processes/);
  assert.throws(() => demandImage(own({ in: 'image' }), of({ image: {} })), { code: 'no-engine' });
  const bare = of({ image: {} }, { image: { ...image, forCommands: 'no shell' } });
  assert.throws(() => demandImage(own({ in: 'image' }), bare), { code: 'install-failed', message: /no shell/ });
  demandImage(own({ in: 'image' }), of({ image: {} }, { image }));
  demandImage(own(), of({}));
});
