// `--only` runs what it names, and a name of nothing is no pass; what a rejection names can be run by it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKinds, reproduceCommand } from '../domain/gate.ts';
import { checks } from '../gate/checks/list.ts';
import { checksAmong } from './checks-among.ts';

const names = (only: string[]) => checksAmong(checks, only).map(({ name }) => name);

test('checks are named by what they are called or by their kind, and coverage asks the tests', () => {
  assert.deepEqual(checksAmong(checks, undefined), checks);
  assert.deepEqual(names(['links']), ['links']);
  assert.ok(names(['style']).includes('style') && names(['style']).includes('html'));
  assert.deepEqual(names(['coverage']), names(['tests']));
  assert.throws(() => names(['style', 'stlye']), { code: 'bad-request', message: /no check is called stlye/ });
});

test('the command of a rejection names a check that there is', () => {
  assert.equal(reproduceCommand({ kind: 'tests', name: 'tests (services/api)' }), 'lockstep gate --only tests');
  assert.equal(reproduceCommand({ kind: 'custom', name: 'e2e' }), 'lockstep gate --only e2e');
  assert.equal(reproduceCommand({ kind: 'style', name: 'Odd; rm' }), 'lockstep gate --only style');
  for (const kind of checkKinds) {
    const only = reproduceCommand({ kind, name: kind })?.split(' ').at(-1);
    if (only !== undefined && checks.some((check) => check.kind === kind)) assert.ok(names([only]).length > 0, kind);
  }
  assert.equal(reproduceCommand({ kind: 'boot', name: 'boot' }), null);
});
