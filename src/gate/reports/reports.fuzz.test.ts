// The reports that checks write are written by code that nobody has read: whatever stands in them, the readers answer with
// figures that are figures and texts of a size, or with null. They throw nothing and end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, anyText, fc, holds } from '../../../test/support/fuzz.ts';
import { findingLimit } from '../../domain/gate.ts';
import { parseFindingsJson } from './findings-json.ts';
import { parseJunit } from './junit.ts';
import { parseLcov } from './lcov.ts';
import { parseSarif } from './sarif.ts';
import { type Findings, parseTextFindings } from './text.ts';

const isInTree = (file: string | null): boolean =>
  file === null || (!file.startsWith('/') && !file.split('/').includes('..') && file.length <= 4096 && file !== '');
const isLine = (line: number | null): boolean => line === null || (Number.isSafeInteger(line) && line > 0);

function checkFindings({ findings, count }: Findings): void {
  assert.ok(findings.length <= findingLimit && findings.length <= count);
  for (const one of findings) {
    assert.ok(isInTree(one.file) && isLine(one.line), JSON.stringify(one));
    assert.ok(one.rule.length > 0 && one.rule.length <= 100 && one.message.length <= 4096, 'too long to be shown');
  }
}

function checkLcov(source: string): void {
  const coverage = parseLcov(source, '/t');
  if (coverage === null) return;
  const { linesFound, linesHit } = coverage;
  assert.ok(Number.isSafeInteger(linesFound) && linesHit <= linesFound && linesHit >= 0);
  let found = 0;
  for (const [file, lines] of coverage.files) {
    assert.ok(isInTree(file), file);
    found += lines.size;
    for (const [line, hits] of lines) assert.ok(isLine(line) && Number.isFinite(hits) && hits >= 0);
  }
  assert.equal(found, linesFound);
}

function checkJunit(source: string): void {
  for (const one of parseJunit(source, '/t') ?? []) {
    assert.ok(isInTree(one.file) && isLine(one.line), JSON.stringify(one));
    assert.ok(Number.isFinite(one.seconds) && one.seconds >= 0, `${one.seconds} seconds`);
    assert.ok(one.name.length > 0 && one.name.length <= 300, `a name of ${one.name.length}`);
    assert.equal(one.message === null, one.outcome !== 'failed');
    assert.ok((one.message ?? '').length <= 500);
  }
}

const lcovWords =
  'SF:|SF:a.py|SF:/t/b.py|SF:../x|\n|DA:|DA:1,1\n|DA:0,5\n|,|-1|9|end_of_record\n|LF:9\n|NaN|Infinity|1e999'.split('|');

test('lcov: figures are figures', () => {
  holds(anyText(lcovWords, 40), 3000, checkLcov, [
    `SF:a\n${`DA:1,${'9'.repeat(15)}\n`.repeat(20)}`,
    'SF:__proto__\nDA:1,1\nend_of_record\n',
    `SF:${'a/'.repeat(5000)}\nDA:1,1\n`,
  ]);
});

const xmlWords =
  '<testsuites>|</testsuites>|<testsuite|>|/>|</testsuite>|<testcase|</testcase>| name="a"| classname="a.B"| file="a.py"| file="/t/a.py"| line="0"| line="-1"| line="9007199254740991"| time="1e999"| time="Infinity"| time="-1"| time="NaN"|<failure message="m">|<failure|</failure>|a.py:0: x\n|File "a.py", line 3\n|(file:///t/a.py:1:1)|<skipped/>|<error/>|&#x41;|&#0;|&lt;|<![CDATA[|]]>|<!--|-->|<?xml version="1.0"?>|<!DOCTYPE x>|"|\'|=|<|&'.split(
    '|',
  );
const attribute = fc.tuple(
  fc.constantFrom('name', 'classname', 'file', 'line', 'time', 'message', '__proto__', 'constructor'),
  fc.oneof(
    fc.constantFrom('a.py', '0', '-1', '1e999', 'Infinity', '9007199254740991', '99999999999999999999', '/t/x.py'),
    fc.string({ maxLength: 10 }),
  ),
);
const element = (name: string, inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(fc.array(attribute, { maxLength: 4 }), inner).map(([attributes, text]) => {
    const known = new Map(attributes.map(([key, value]) => [key, value.replaceAll(/[<>&"]/g, '')]));
    return `<${name} ${[...known].map(([key, value]) => `${key}="${value}"`).join(' ')}>${text}</${name}>`;
  });
const fault = fc.oneof(
  element(
    'failure',
    fc.constantFrom('', 'a.py:0: x\n', 'a.py:7: AssertionError', '(file:///t/a.py:0:1)', 'File "b.py", line 0'),
  ),
  element('error', fc.constant('')),
  fc.constant('<skipped/>'),
  fc.constant(''),
);
const cases = fc.array(element('testcase', fault), { maxLength: 4 }).map((list) => list.join(''));
const report = element('testsuites', element('testsuite', cases)).map((text) => `<?xml version="1.0"?>${text}`);

test('junit: cases have an outcome, a place in the tree or none, and a time that is one', () => {
  holds(fc.oneof(report, anyText(xmlWords, 30)), 4000, checkJunit, [
    '<testsuites><testcase name="a" time="Infinity" line="9007199254740991"><failure>a.py:0: x</failure></testcase></testsuites>',
    `<testsuites><testcase name="${'n'.repeat(100_000)}" classname="${'A.'.repeat(10_000)}"/></testsuites>`,
  ]);
});

const sarifKeys =
  'runs|results|ruleId|message|text|locations|physicalLocation|artifactLocation|uri|region|startLine'.split('|');

test('sarif: findings are at most so many, of a size, in the tree', () => {
  const result = fc.record({
    ruleId: fc.oneof(fc.string(), fc.constant('x'.repeat(5000)), anyJson(sarifKeys)),
    message: fc.oneof(fc.record({ text: fc.oneof(fc.string(), fc.constant('m'.repeat(50_000))) }), anyJson(sarifKeys)),
    locations: fc.array(
      fc.record({
        physicalLocation: fc.record({
          artifactLocation: fc.record({
            uri: fc.constantFrom('a.py', '../x', '/t/a.py', '%', 'file:///t/%2e%2e/x', '%2e%2e/x', ''),
          }),
          region: fc.record({ startLine: fc.constantFrom(1, 0, -1, 1e300, 1.5, null, '3') }),
        }),
      }),
      { maxLength: 2 },
    ),
  });
  const document = fc.array(result, { maxLength: 5 }).map((results) => ({ runs: [{ results }] }));
  holds(fc.oneof(document, anyJson(sarifKeys)), 3000, (input) => {
    const found = parseSarif(JSON.stringify(input), '/t');
    if (found !== null) checkFindings(found);
  });
  holds(anyText(['{"runs":[', '{', '}', '[', ']', '"results":', ',', 'null', '1e999'], 12), 1000, (input) => {
    const found = parseSarif(input);
    if (found !== null) checkFindings(found);
  });
});

test('text: only what has the form of a finding is one', () => {
  holds(
    anyText(['a.py:1:1: E501 x', '\n', ':', '1', '../', '/etc/x:1:1: E1 y', ' ', 'E501', ': '], 30),
    3000,
    (input) => checkFindings(parseTextFindings(input)),
  );
});

const ownKeys = 'count|findings|file|line|rule|message|notes|failed|pages|__proto__'.split('|');

test('our own runners: whatever they wrote, findings are of a size and in the tree', () => {
  const finding = fc.record({
    file: fc.oneof(fc.constantFrom('a.html', '../x', '/etc/passwd', '', null, 3), fc.string()),
    line: fc.constantFrom(1, 0, -1, 1e300, 1.5, null, '3'),
    rule: fc.oneof(fc.string(), fc.constant('r'.repeat(5000)), anyJson(ownKeys)),
    message: fc.oneof(fc.string(), fc.constant('m'.repeat(50_000)), anyJson(ownKeys)),
  });
  const document = fc.record({
    count: fc.constantFrom(0, 1, 1e300, -1, null, 3),
    findings: fc.array(fc.oneof(finding, anyJson(ownKeys)), { maxLength: 4 }),
    notes: fc.oneof(
      fc.array(fc.oneof(fc.string(), fc.constant('n'.repeat(50_000))), { maxLength: 20 }),
      anyJson(ownKeys),
    ),
    failed: fc.oneof(fc.constant(''), fc.constant('f'.repeat(50_000)), anyJson(ownKeys)),
  });
  holds(fc.oneof(document, anyJson(ownKeys)), 3000, (input) => {
    const report = parseFindingsJson(JSON.stringify(input));
    if (report === null) return;
    checkFindings(report);
    assert.ok(report.notes.length <= 60 && report.notes.every((note) => note.length <= 2000));
    assert.ok(report.failed === null || (report.failed.length > 0 && report.failed.length <= 2000));
    assert.ok(Object.values(report.figures).every((value) => Number.isSafeInteger(value)));
  });
  for (const hostile of [
    '',
    'null',
    '[]',
    '{"count":1}',
    '{"findings":[]}',
    '['.repeat(100_000),
    ' '.repeat(17 * 2 ** 20),
  ])
    assert.equal(parseFindingsJson(hostile), null);
});

/** Text made to cost more than it holds: read to its end within the test's own limit. */
test('reports of a mebibyte that are made to be slow are read in no time', { timeout: 60_000 }, () => {
  const bytes = 2 ** 20;
  const fill = (unit: string) => unit.repeat(Math.floor(bytes / unit.length));
  for (const unit of [
    '<a>',
    '<a ',
    '<',
    '<!--',
    '<a b="',
    '&',
    '<testcase>',
    '<testsuite>',
    '<![CDATA[',
    '</a>',
    '<a/>',
    '<?x ',
    ' ',
    ']]>',
    '&#x41;',
  ]) {
    checkJunit(`<testsuites>${fill(unit)}</testsuites>`);
    checkJunit(`<testsuites><testcase name="a"><failure>${fill(unit)}</failure></testcase></testsuites>`);
  }
  checkJunit(`<testsuites><testcase ${fill('a ')}/></testsuites>`);
  for (const unit of ['a:1:1: ', 'x', ':', '(', 'File "', ' ', '\n', 'a.py:1: ', './'])
    checkJunit(`<testsuites><testcase name="a"><failure>${fill(unit)}</failure></testcase></testsuites>`);
  for (const unit of ['SF:a\n', 'DA:1,1\n', 'SF:./', 'end_of_record\n', '\n', 'DA:']) checkLcov(`SF:a\n${fill(unit)}`);
  for (const unit of ['[', '{"a":', '{"runs":[', '"', '{"results":[{}]},'])
    assert.ok(parseSarif(`{"runs":[${fill(unit)}`) === null);
  checkFindings(parseSarif(`{"runs":[{"results":[${fill('{},')}{}]}]}`)!);
  for (const unit of ['a:1:1: E1 x\n', 'a:', './', ' ', '\n', 'A']) checkFindings(parseTextFindings(fill(unit)));
});
