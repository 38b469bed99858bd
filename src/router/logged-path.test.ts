import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loggedPath } from './logged-path.ts';

test('the log has a path, and no secret of a hook in it', () => {
  assert.equal(loggedPath('/a?b=c'), '/a?b=c');
  assert.equal(loggedPath(undefined), '');
  assert.equal(loggedPath(`/hooks/web/lsh_${'Ab-_9'.repeat(12)}abcd?x`), '/hooks/web/lsh_…?x');
  assert.equal(loggedPath(`/${'x'.repeat(190)}/lsh_${'a'.repeat(64)}`).includes('lsh_a'), false);
  assert.equal(loggedPath('/x'.repeat(500)).length, 200);
});
