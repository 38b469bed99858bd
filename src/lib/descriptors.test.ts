import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seen } from './descriptors.ts';

test('a look without a descriptor goes by, and every other failure is one', () => {
  const failing = (code: string) => () => {
    throw Object.assign(new Error(code), { code });
  };
  assert.equal(
    seen(() => 3),
    3,
  );
  assert.equal(seen(failing('EMFILE')), null);
  assert.equal(seen(failing('ENFILE')), null);
  assert.throws(() => seen(failing('EACCES')), { code: 'EACCES' });
});
