// What Python's tools print, well-meant and hostile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, anyText, fc, holds } from '../../../test/support/fuzz.ts';
import { findingLimit } from '../../domain/gate.ts';
import { parseFindingsJson } from './findings-json.ts';
import { parseFormatDiff } from './format-diff.ts';
import { parseMypy } from './mypy.ts';
import { parsePyright } from './pyright.ts';

test('mypy: errors with file, line and rule; notes, totals and what lies outside are no findings', () => {
  const text = [
    'a.py:3: error: Incompatible types  [assignment]',
    'pkg/b.py:4:7: error: Name "x" is not defined  [name-defined]',
    'c.py:1:2:3:4: error: Two [brackets] in it',
    'a.py:3: note: See the docs',
    'd.py: error: Source file found twice under different module names: "d" and "x.d"',
    '/usr/lib/x.py:1: error: outside  [misc]',
    'Found 3 errors in 2 files (checked 4 source files)',
  ].join('\n');
  assert.deepEqual(
    parseMypy(text).findings.map(({ file, line, rule }) => [file, line, rule]),
    [
      ['a.py', 3, 'assignment'],
      ['pkg/b.py', 4, 'name-defined'],
      ['c.py', 1, 'error'],
      ['d.py', null, 'error'],
    ],
  );
  holds(anyText(['a.py', ':1', ': error: ', 'x', '  [a-b]', '\n', ':', '/etc/x', '../'], 30), 2000, (input) => {
    const { findings, count } = parseMypy(input);
    assert.ok(findings.length <= Math.min(count, findingLimit));
    for (const { line, rule, message } of findings) assert.ok((line ?? 1) > 0 && rule !== '' && message.length <= 4096);
  });
  parseMypy(`${'a:'.repeat(2 ** 20)}\n${'a.py:1: error: x  ['.repeat(2 ** 16)}`);
});

test('pyright: errors count, from line 1; warnings are the choice of the app', () => {
  const one = (severity: string, file: string, line: unknown) => ({
    file,
    severity,
    message: 'm',
    rule: 'r',
    range: { start: { line } },
  });
  const text = JSON.stringify({
    generalDiagnostics: [one('error', '/t/a.py', 0), one('warning', '/t/a.py', 1), one('error', '/etc/x', -1), null],
  });
  const found = parsePyright(text, '/t')!;
  assert.deepEqual(found.findings, [
    { file: 'a.py', line: 1, rule: 'r', message: 'm' },
    { file: null, line: null, rule: 'r', message: 'm' },
  ]);
  for (const hostile of ['', '[]', 'null', '{"generalDiagnostics":{}}', '['.repeat(100_000)])
    assert.equal(parsePyright(hostile, '/t'), null);
  holds(anyJson(['generalDiagnostics', 'file', 'severity', 'range', 'start', 'line', 'rule']), 1000, (input) => {
    for (const { line, rule } of parsePyright(JSON.stringify(input), '/t')?.findings ?? [])
      assert.ok(rule !== '' && (line === null || line > 0));
  });
});

test('a formatter: the lines that it would change, and both sides of a place where it would add some', () => {
  const diff = [
    ...['--- a.py\t2026-01-01 00:00:00+00:00', '+++ a.py\t2026-01-01 00:00:00+00:00', '@@ -1,4 +1,5 @@', ' one'],
    ...['--- no head', '+two', ' three', '+added', ' four', '--- b.py', '+++ b.py', '@@ -0,0 +1 @@', '+x'],
  ].join('\n');
  assert.deepEqual(
    [...parseFormatDiff(diff)!],
    [
      ['a.py', [2, 3, 4]],
      ['b.py', [1]],
    ],
  );
  assert.equal(parseFormatDiff('x'.repeat(17 * 1024 ** 2)), null);
  holds(
    anyText(
      ['--- a.py\n', '+++ a.py\n', '@@ -1,2 +1,2 @@\n', '-x\n', '+y\n', ' z\n', '@@ -9999999 +1 @@\n', '\\\n'],
      30,
    ),
    2000,
    (input) => {
      for (const [file, lines] of parseFormatDiff(input)!) {
        assert.ok(file !== '' && !file.startsWith('/'));
        for (const line of lines) assert.ok(Number.isSafeInteger(line) && line > 0, `${line}`);
      }
    },
  );
});

test('our own runners are believed as little as others', () => {
  const entry = fc.record({
    file: fc.constantFrom('a.py', '../x', '/etc/x', null, 3),
    line: fc.constantFrom(1, 0, -1, 1.5, 1e300, null, '3'),
    rule: fc.constantFrom('', 'x'.repeat(5000), null),
    message: fc.constantFrom('m', 'm'.repeat(50_000), null),
  });
  holds(
    fc.oneof(
      fc.record({ count: fc.constantFrom(0, -1, 1e300), findings: fc.array(entry) }),
      anyJson(['count', 'findings']),
    ),
    2000,
    (input) => {
      const found = parseFindingsJson(JSON.stringify(input));
      for (const { file, line, rule, message } of found?.findings ?? []) {
        assert.ok(file === null || !/^\/|\.\./.test(file));
        assert.ok(line === null || (Number.isSafeInteger(line) && line > 0));
        assert.ok(rule.length > 0 && rule.length <= 100 && message.length <= 2000);
      }
    },
  );
  assert.deepEqual(
    parseFindingsJson('{"count":1,"findings":[{"file":null,"line":1,"rule":"r","message":"m"}]}')!.findings[0]!.file,
    null,
  );
});
