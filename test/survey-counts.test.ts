// What the survey reads of commands that were run by hand: the figures that stand beside the gate's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingFigures, nothing, testFigures } from '../scripts/survey/counts.ts';
import { appName, projects } from '../scripts/survey/projects.ts';

test('the last words of each test runner are its figures', () => {
  const check = (said: string, run: number | null, failed: number | null, skipped: number | null) => {
    const figures = testFigures(said);
    assert.deepEqual([figures.run, figures.failed, figures.skipped], [run, failed, skipped], said);
  };
  check('===== 5 failed, 36 passed, 1 skipped, 2 errors in 0.23s =====', 43, 7, 1);
  check('297 passed in 5.46s\nTOTAL 3 1 67%', 297, 0, 0);
  check('3 passed, 1 xfailed, 2 warnings in 1.00s (0:00:01)', 3, 0, 1);
  check('--- PASS: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n--- SKIP: TestC (0.00s)\nFAIL', 2, 1, 1);
  check('  12 passing (30ms)\n  1 pending\n  2 failing\n', 14, 2, 1);
  check('Tests:       1 failed, 2 skipped, 7 passed, 10 total', 8, 1, 2);
  check(' Tests  3 passed (3)', 3, 0, 0);
  check('# pass 4\n# fail 1\n# skip 2', 5, 1, 2);
  check('Error: Cannot find module', null, null, null);
});

test('coverage is that of lines, from the rows of a table or the word of the runner', () => {
  const table =
    'Name Stmts Miss Branch BrPart Cover\na.py 10 1 4 2 80%\ntests/test_a.py 10 0 0 0 100%\nTOTAL 20 1 4 2 90%';
  assert.equal(testFigures(table).covered, 95);
  assert.equal(testFigures('ok x 0.1s coverage: 87.6% of statements').covered, 87.6);
  assert.equal(testFigures('ok x coverage: 87.6% of statements\ntotal:\t\t(statements)\t77.5%').covered, 77.5);
  assert.equal(testFigures('1 passed in 0.1s').covered, null);
});

test('findings are the sum that a tool says, else its lines; a tool that is not there found nothing out', () => {
  const found = (said: string, exit: number) => findingFigures(said, exit).findings;
  assert.equal(found('a.py:1: error: x\nFound 4 errors in 2 files', 1), 4);
  assert.equal(found('✖ 3 problems (3 errors, 0 warnings)', 1), 3);
  assert.equal(found('./a.py:1:1: E231 x\n./b.py:2:2: E1 y\n', 1), 2);
  assert.equal(found('/x/a.rst:3: WARNING: gone\n/x/b.py:docstring of a.b:1: WARNING: bad', 1), 2);
  assert.equal(found("./a.py:1:1: E1 x\n    ('db://host:111,other:222'\n", 1), 1, 'source that is shown is no finding');
  assert.equal(found('path.go\n', 0), 1);
  assert.equal(found('', 0), 0);
  assert.equal(found('it has no configuration', 2), null);
  assert.equal(found('x.py:3: error: no\nFound 1 error in 1 file (errors prevented further checking)', 2), null);
  assert.deepEqual(findingFigures('sh: eslint: not found', 127), nothing);
});

test('each project of the survey has a name that an app can have, and one of its own', () => {
  const names = projects.map(appName);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z][a-z0-9-]*[a-z0-9]$/);
});
