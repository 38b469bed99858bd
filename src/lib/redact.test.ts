import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRedactor } from './redact.ts';

test('known secrets are masked in their usual forms, short ones are not', () => {
  const redact = makeRedactor(['hunter2/x', 'hunter2/xyz', '1']);
  assert.equal(redact('a hunter2/xyz b hunter2%2Fx 1'), 'a [redacted] b [redacted] 1');
});
