import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withFreshSteps } from './fresh-steps.ts';
import { readInstructions } from './read-lines.ts';

test('a step that is to be done anew has an argument before it that no step had, and everything else is as it was', () => {
  const text = 'FROM a:1\nRUN before\nRUN git clone x \\\n  && y\n# between\nRUN after\n';
  const fresh = withFreshSteps(text, [3], 'one');
  assert.equal(
    fresh,
    'FROM a:1\nRUN before\nARG LOCKSTEP_STEP=one\nRUN git clone x \\\n  && y\n# between\nRUN after\n',
  );
  assert.deepEqual(
    readInstructions(fresh).instructions.map(({ name }) => name),
    ['FROM', 'RUN', 'ARG', 'RUN', 'RUN'],
  );
  assert.equal(withFreshSteps(text, [], 'one'), text);
  assert.equal(withFreshSteps('RUN a\nRUN b', [2, 1], 'x').split('\n').length, 4);
});
