import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJunit } from './junit.ts';
import { parseLcov } from './lcov.ts';
import { parseSarif } from './sarif.ts';
import { parseTextFindings } from './text.ts';

test('lcov: lines are counted, totals are not believed, files outside are left out', () => {
  const coverage = parseLcov(
    'SF:a.py\nDA:1,1\nDA:2,0\nLF:9\nLH:9\nend_of_record\nSF:../x.py\nDA:1,1\nend_of_record\n',
  )!;
  assert.deepEqual([...coverage.files.keys()], ['a.py']);
  assert.deepEqual([coverage.linesFound, coverage.linesHit], [2, 1]);
  for (const hostile of ['<xml/>', 'x'.repeat(17 * 1024 * 1024)]) assert.equal(parseLcov(hostile), null);
  assert.equal(parseLcov('SF:a.py\nDA:NaN,NaN\nDA:0,1\nDA:99999999999,1\n')!.linesFound, 0);
});

test('junit: pytest says file and line of the failure', () => {
  const cases = parseJunit(
    '<testsuites><testsuite tests="99"><testcase classname="tests.test_a.TestX" name="test_bad" file="tests/test_a.py" line="3"><failure message="assert 2 == 3&#10;more">def test_bad():\n&gt;  assert 2 == 3\n\ntests/test_a.py:5: AssertionError</failure></testcase><testcase name="b"><skipped/></testcase></testsuite></testsuites>',
  )!;
  assert.deepEqual(cases[0], {
    name: 'TestX.test_bad',
    outcome: 'failed',
    file: 'tests/test_a.py',
    line: 5,
    message: 'assert 2 == 3',
    seconds: 0,
  });
  assert.equal(cases[1]!.outcome, 'skipped');
});

test('junit: node has cases under testsuites and both an attribute and a child "failure"', () => {
  const cases = parseJunit(
    '<testsuites><testcase name="n" failure="no"><failure message="no">at x (file:///app/a.test.js:7:3)</failure></testcase></testsuites>',
    '/app',
  )!;
  assert.deepEqual([cases[0]!.outcome, cases[0]!.file, cases[0]!.line], ['failed', 'a.test.js', 7]);
});

test('junit: hostile documents are no report', () => {
  const laughs = '<!DOCTYPE x [<!ENTITY a "b">]><testsuites>&a;</testsuites>';
  for (const hostile of [
    '',
    'text',
    '<a/>',
    '<testsuites>',
    laughs,
    '<testsuites><__proto__/></testsuites>',
    `<testsuites>${' '.repeat(17 * 1024 * 1024)}</testsuites>`,
  ]) {
    assert.equal(parseJunit(hostile), null, hostile.slice(0, 40));
  }
  assert.equal(parseJunit('<testsuites><testcase name="&#x110000;" file="/etc/passwd"/></testsuites>')![0]!.file, null);
});

test('text: only lines of the form path:line:column: CODE message', () => {
  const found = parseTextFindings(
    './a.py:3:80: E501 line too long\nwarning: x\n../b.py:1:1: E1 x\n/etc/x:1:1: E1 x\nc.py:x:1: E1 y\n',
  );
  assert.deepEqual(found, { findings: [{ file: 'a.py', line: 3, rule: 'E501', message: 'line too long' }], count: 1 });
});

test('sarif: rule, message and place; whatever is not SARIF is null', () => {
  const result = {
    ruleId: 'F401',
    message: { text: 'unused' },
    locations: [{ physicalLocation: { artifactLocation: { uri: 'file:///t/a%20b.py' }, region: { startLine: 2 } } }],
  };
  const found = parseSarif(JSON.stringify({ runs: [{ results: [result, {}, null] }] }), '/t')!;
  assert.deepEqual(found.findings[0], { file: 'a b.py', line: 2, rule: 'F401', message: 'unused' });
  assert.equal(found.count, 3);
  for (const hostile of ['', '[]', 'null', '{"runs":{}}', '['.repeat(100_000)]) assert.equal(parseSarif(hostile), null);
});
