import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

type Case = { name: string; file: string; outcome: string; message: string };
const { tapCases } = (await import(pathToFileURL(join(import.meta.dirname, 'node_tap.mjs')).href)) as {
  tapCases(text: string): Case[];
};
const told = (text: string) =>
  tapCases(text).map(({ name, file, outcome, message }) => `${file}: ${name} ${outcome} ${message}`.trim());

test('TAP in its two forms: what is inside stands before a point, or behind it in braces', () => {
  const plain =
    'TAP version 13\n# Subtest: a.js\n    # Subtest: one\n        ok 1 - x\n        1..1\n    ok 1 - one # time=1ms\n\n    # Subtest: two\n        not ok 1 - y\n          ---\n          at:\n            line: 7\n            file: b.js\n          stack: |\n            ok 9 - no point\n          ...\n        1..1\n    not ok 2 - two # time=2ms\n    1..2\nnot ok 1 - a.js # time=9ms\n  ---\n  exitCode: 1\n  ...\n1..1\n';
  const braces =
    'TAP version 14\nnot ok 1 - a.js # time=9ms\n  ---\n  exitCode: 1\n  ...\n{\n    ok 1 - one # time=1ms {\n        ok 1 - x\n        1..1\n    }\n\n    not ok 2 - two # time=2ms {\n        not ok 1 - y\n          ---\n          at:\n            lineNumber: 7\n            fileName: file://b.js\n          ...\n        1..1\n    }\n    1..2\n}\n1..1\n';
  const expected = ['a.js: one passed', 'a.js: two failed y\n    at b.js:7'];
  assert.deepEqual([told(plain), told(braces)], [expected, expected]);
});

test('what is left out is no failure, what fails outside of a group is told, and no line of anything else is a point', () => {
  const inside = (lines: string, end: string) => `    ${lines.replaceAll('\n', '\n    ')}\n${end}\n`;
  assert.deepEqual(told(inside('ok 1 - later # SKIP\nnot ok 2 - some day # TODO\n1..2', 'ok 1 - a.js')), [
    'a.js: later skipped',
    'a.js: some day skipped',
  ]);
  const late = inside('    ok 1 - x\n    1..1\nok 1 - one\nnot ok 2 - plan does not fit\n1..2', 'not ok 1 - a.js');
  assert.deepEqual(told(late), ['a.js: one passed', 'a.js: a.js failed plan does not fit']);
  assert.deepEqual(told('ok\nok 1 - a.js\nokay\nBail out!  no\n{\n}\n'), [':  passed', 'a.js: a.js passed']);
  assert.deepEqual(told(`${' '.repeat(4000)}not ok 1 - deep\n...\n---\n`), []);
});
