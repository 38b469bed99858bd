import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRules } from '../../domain/gate-rules.ts';
import { checkLines } from '../messages.ts';
import { dockerfileResult } from './dockerfile.ts';

const finding = { file: 'Dockerfile', line: 2, rule: 'clones-itself', message: 'it fetches itself. Write COPY .' };

test('a step that fetches the app itself is told with its place and its remedy, and refused where the rules say so', () => {
  assert.equal(dockerfileResult([], defaultRules, 0), null);
  const told = dockerfileResult([finding], defaultRules, 0)!;
  assert.deepEqual(checkLines(told), [
    'Dockerfile ok 0.0s: 1 step fetches the app’s own repository',
    'Dockerfile warning: Dockerfile:2 clones-itself: it fetches itself. Write COPY .',
  ]);
  assert.deepEqual(told.findings, [finding]);
  const refused = dockerfileResult([finding], { dockerfile: { clonesItself: 'error' } }, 0)!;
  assert.deepEqual(checkLines(refused), [
    'Dockerfile FAILED 0.0s: Dockerfile:2 clones-itself: it fetches itself. Write COPY .',
  ]);
  assert.deepEqual([refused.kind, refused.findingCount, refused.warnings], ['build', 1, []]);
});
