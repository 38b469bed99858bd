import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, list, total } from '../cart.js';

test('the same thing is counted together', () => {
  assert.deepEqual(add('milk', 1), { name: 'milk', count: 1 });
  assert.deepEqual(add('milk', 2), { name: 'milk', count: 3 });
  assert.equal(add('milk', 100), null);
  assert.equal(list().length, 1);
  assert.equal(total(), 3);
});
