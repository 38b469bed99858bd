import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isDrift, type ProblemCode, problem, problemRegistry } from './doctor.ts';
import type { AppName } from './names.ts';

/** `code: what the doctor may do, whether what serves may be another thing than main`. */
const pinned: Record<ProblemCode, string> = {
  'agent-away': 'people, drift',
  'router-away': 'people, drift',
  'database-damaged': 'people',
  'disk-low': 'people',
  'main-unreadable': 'people, drift',
  'main-gone': 'fix, drift',
  'main-moved': 'fix, drift',
  'main-ambiguous': 'people, drift',
  'nothing-live': 'people, drift',
  'artifact-unknown': 'people, drift',
  'repository-unguarded': 'fix',
  'repository-broken': 'people',
  'served-files-changed': 'fix, drift',
  'served-files-missing': 'fix, drift',
  'served-files-open': 'fix',
  'served-files-unknown': 'people',
  'layer-changed': 'fix, drift',
  'layer-missing': 'fix, drift',
  'gate-layer-changed': 'fix',
  'not-wanted': 'fix, drift',
  'not-running': 'people, drift',
  'process-gone': 'fix, drift',
  'process-swapped': 'fix, drift',
  'wrong-identity': 'fix, drift',
  'route-missing': 'fix, drift',
  'route-wrong': 'fix, drift',
  'containers-cut-off': 'people',
  'folder-open': 'fix',
  'change-stuck': 'people',
  'left-over': 'fix',
  'stray-process': 'fix',
  'unknown-repository': 'people',
  'unknown-volumes': 'people',
};

test('the list of problems is the pinned one, in both directions and in its order', () => {
  const now = Object.entries(problemRegistry).map(([code, one]) => [
    code,
    `${one.isFixable ? 'fix' : 'people'}${one.isDrift ? ', drift' : ''}`,
  ]);
  assert.deepEqual(now, Object.entries(pinned));
});

test('what the doctor does itself says so in its advice, and the rest says what people do', () => {
  for (const { isFixable, advice } of Object.values(problemRegistry))
    assert.equal(advice.includes('doctor --fix'), isFixable, advice);
});

test('an advice names the app', () => {
  const one = problem('not-running', 'blog' as AppName, 'no web instance is healthy');
  assert.match(one.advice, /lockstep logs -a blog/);
  assert.ok(isDrift(one) && !one.isFixable);
});

test('docs/doctor.md lists every problem with its advice', () => {
  const page = readFileSync(join(dirname(dirname(import.meta.dirname)), 'docs', 'doctor.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (yes|no) \| (.*) \|$/gm)].map(([, ...row]) => row);
  const wanted = Object.entries(problemRegistry).map(([code, { isFixable, advice }]) => [
    code,
    isFixable ? 'yes' : 'no',
    advice.replaceAll('{app}', 'NAME'),
  ]);
  assert.deepEqual(rows, wanted);
});
