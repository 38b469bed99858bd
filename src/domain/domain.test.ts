import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeStates, changeTransitions, isTerminal } from './change.ts';
import { errorRegistry, fail, isFailure } from './errors.ts';
import { type CheckResult, fold } from './gate.ts';
import { makeId, parseId, parseObjectId } from './ids.ts';
import { parseAppName, parseBranch, parseEnvKey, parseEnvValue, parseHostname, printable } from './names.ts';
import { releaseStates, releaseTransitions } from './release.ts';

function refused(parse: (text: string) => unknown, code: string, inputs: string[]) {
  for (const input of inputs) assert.throws(() => parse(input), { code }, `accepted ${JSON.stringify(input)}`);
}

test('an app name is a DNS label without double dashes, and not an address of the platform', () => {
  for (const name of ['a', 'blog', 'my-app2', 'a'.repeat(40)]) assert.equal(parseAppName(name), name);
  refused(parseAppName, 'bad-name', [
    '',
    '-a',
    'a-',
    'a--b',
    'A',
    'é',
    'a;b',
    'a/b',
    '1a',
    'xn--a',
    'xn-a',
    'lockstep',
    'api',
    'a'.repeat(41),
    'a\n',
  ]);
});

test('a branch name follows git-check-ref-format, and can never be read as an option', () => {
  for (const name of ['main', 'feature/x', 'a;$(id)']) assert.equal(parseBranch(name), name);
  refused(parseBranch, 'bad-ref', [
    '',
    '--upload-pack=x',
    'a..b',
    'a b',
    'x.lock',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a~1',
    '@',
    'a\u0000',
  ]);
});

test('a host name has one normal form', () => {
  assert.equal(parseHostname('Blog.Example.COM.'), 'blog.example.com');
  refused(parseHostname, 'bad-host', ['', '.', 'a..b', '-a.b', 'a_b', `${'a'.repeat(64)}.b`, 'a:80', '*.a']);
});

test('environment variables are POSIX names and values without NUL', () => {
  const key = parseEnvKey('LD_PRELOAD');
  assert.equal(parseEnvValue(key, 'a\n\'"$()%é'), 'a\n\'"$()%é');
  refused(parseEnvKey, 'bad-env', ['', 'A=B', '1A', 'a b', 'PORT', 'LOCKSTEP_X', 'é']);
  assert.throws(() => parseEnvValue(key, 'a\0b'), { code: 'bad-env' });
  assert.throws(() => parseEnvValue(key, 'x'.repeat(121 * 1024)), { code: 'bad-env' });
});

test('ids sort by time and are parsed by their kind', () => {
  const early = makeId('app', 1_000, new Uint8Array(16));
  const late = makeId('app', 2_000, new Uint8Array(16));
  assert.ok(early < late);
  assert.equal(parseId('app', early), early);
  assert.equal(parseId('rel', early), null);
  assert.equal(parseId('app', `${early}/..`), null);
  assert.equal(parseObjectId('a'.repeat(40)), 'a'.repeat(40));
  assert.equal(parseObjectId('HEAD'), null);
});

test('untrusted text is shown without control characters', () => {
  assert.equal(printable('a\u001b[31mb\u202ec'), 'a?[31mb?c');
});

test('every state of a table leads only to states, and ends somewhere', () => {
  for (const state of changeStates) for (const next of changeTransitions[state]) assert.ok(changeStates.includes(next));
  for (const state of releaseStates)
    for (const next of releaseTransitions[state]) assert.ok(releaseStates.includes(next));
  assert.deepEqual(changeStates.filter(isTerminal), [
    'landed',
    'rejected',
    'conflict',
    'superseded',
    'cancelled',
    'timed-out',
    'infra-error',
  ]);
});

test('errors carry code, message and advice', () => {
  const error = fail('bad-name', 'wrong', { advice: 'do this' });
  assert.ok(isFailure(error, 'bad-name'));
  assert.ok(!isFailure(error, 'bad-ref'));
  assert.ok(!isFailure(new Error('x')));
  for (const entry of Object.values(errorRegistry)) assert.ok(entry.status >= 400 && entry.exit > 0);
});

test('the fold rejects by the first failed check, and an infrastructure failure gives no verdict', () => {
  const result = (kind: CheckResult['kind'], outcome: CheckResult['outcome']): CheckResult => ({
    kind,
    name: kind,
    outcome,
    summary: 's',
    findings: [],
    findingCount: 0,
    metrics: {},
    warnings: [],
    outputTail: [],
    startedAtMs: 0,
    durationMs: 0,
  });
  assert.equal(fold([result('style', 'passed'), result('tests', 'passed')])?.outcome, 'passed');
  const rejected = fold([result('boot', 'failed'), result('style', 'failed'), result('tests', 'skipped')]);
  assert.equal(rejected?.outcome, 'rejected');
  assert.equal(rejected?.reason, 'style: s');
  assert.equal(fold([result('style', 'failed'), result('tests', 'infra')]), null);
});
