import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, holds } from '../../../test/support/fuzz.ts';
import { coberturaBytesLimit, parseCobertura } from './cobertura.ts';

const document = (classes: string, source = '/place/src') =>
  `<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM 'http://example.org/coverage-04.dtd'><coverage line-rate="NaN" lines-valid="0"><sources><source>${source}</source></sources><packages><package name="p" line-rate="NaN"><classes>${classes}</classes></package></packages></coverage>`;
const oneClass = (filename: string, ...lines: [number | string, number | string][]) =>
  `<class name="c" filename="${filename}"><methods/><lines>${lines.map(([number, hits]) => `<line number="${number}" hits="${hits}"/>`).join('')}</lines></class>`;
const files = (source: string, root: string | null = '/place') =>
  [...(parseCobertura(source, root)?.files ?? [])].map(([file, lines]) => [file, [...lines]]);

test('lines are counted, rates are not believed, and a file stands below its source', () => {
  const read = parseCobertura(document(oneClass('app.py', [1, 1], [2, 0], [5, 3])), '/place')!;
  assert.deepEqual([read.linesFound, read.linesHit], [3, 2]);
  assert.deepEqual([...read.files.keys()], ['src/app.py']);
  assert.deepEqual(
    [...read.files.get('src/app.py')!],
    [
      [1, 1],
      [2, 0],
      [5, 3],
    ],
  );
});

test('classes of one file are one file, and absolute paths are those of the folder that the tool ran in', () => {
  const two = document(oneClass('a.py', [1, 0]) + oneClass('a.py', [1, 2], [3, 0]));
  assert.deepEqual(files(two), [
    [
      'src/a.py',
      [
        [1, 2],
        [3, 0],
      ],
    ],
  ]);
  assert.deepEqual(files(document(oneClass('/place/b/c.py', [1, 1]))), [['b/c.py', [[1, 1]]]]);
  assert.deepEqual(files(document(oneClass('/elsewhere/c.py', [1, 1]))), []);
  assert.deepEqual(files(document(oneClass('../../etc/passwd', [1, 1]))), []);
  assert.deepEqual(files(document(oneClass('a.py', [1, 1]), '/elsewhere')), [['a.py', [[1, 1]]]]);
});

test('what is no figure is no line', () => {
  const odd = oneClass('a.py', ['NaN', 1], [0, 1], [-1, 1], [1e9, 1], ['1.5', 1], [2, 'NaN'], [3, 'Infinity'], [4, -7]);
  assert.deepEqual(files(document(odd)), [['src/a.py', [[4, 0]]]]);
});

test('bombs, giants and other documents are null', () => {
  for (const source of [
    '',
    'x',
    '<a/>',
    '<testsuites/>',
    '<coverage>',
    '<!DOCTYPE x [<!ENTITY a "b">]><coverage/>',
    '<!DOCTYPE x [ <!ELEMENT y (z)> ]><coverage/>',
    `<coverage>${'<a/>'.repeat(500_000)}</coverage>`,
    `<coverage>${' '.repeat(coberturaBytesLimit)}</coverage>`,
  ])
    assert.equal(parseCobertura(source), null, source.slice(0, 60));
  assert.deepEqual(parseCobertura('<coverage/>'), { files: new Map(), linesFound: 0, linesHit: 0 });
});

const words = [
  ...['<coverage>', '</coverage>', '<sources>', '<source>/t</source>', '</sources>', '<packages>', '</packages>'],
  ...['<package>', '</package>', '<classes>', '</classes>', '<class filename="a.py">', '<class filename="/t/b">'],
  ...['</class>', '<lines>', '</lines>', '<line number="1" hits="2"/>', '<line number="-1" hits="NaN"/>', '<line/>'],
  ...['&lt;', '<!--', '-->', '<![CDATA[', ']]>', '__proto__', '<class filename="__proto__">', '"', '='],
];

test('whatever stands in it, figures are figures', () => {
  holds(anyText(words, 40), 3000, (source) => {
    const read = parseCobertura(source, '/t');
    if (read === null) return;
    assert.ok(read.linesHit <= read.linesFound);
    for (const [file, lines] of read.files) {
      assert.ok(!file.startsWith('/') && !file.split('/').includes('..'));
      for (const [line, hits] of lines) assert.ok(line > 0 && Number.isFinite(hits) && hits >= 0);
    }
  });
});
