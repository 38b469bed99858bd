import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badgeSvg } from './badge.ts';
import { coverageFile, coverageIndex } from './coverage-html.ts';

test('a badge escapes whatever it is told, and is cut', () => {
  const svg = badgeSvg({ label: '<script>&"\'', value: `x${'y'.repeat(100)}\u0000\n`, colour: 'red' });
  assert.doesNotMatch(svg, /<script|\u0000/);
  assert.match(svg, /&#60;script&#62;&#38;&#34;&#39;/);
  assert.doesNotMatch(svg, /y{41}/);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|href|url\((?!#r)/, 'it loads nothing');
});

test('a wider text makes a wider badge', () => {
  const width = (value: string) =>
    Number(/width="(\d+)"/.exec(badgeSvg({ label: 'gate', value, colour: 'green' }))?.[1]);
  assert.ok(width('passing') < width('last change rejected'));
});

const hits = new Map([
  [
    'src/<a>.py',
    new Map([
      [1, 2],
      [2, 0],
    ]),
  ],
  ['b.py', new Map([[1, 1]])],
]);

test('the files with most missed lines come first, and link to a page each', () => {
  const html = coverageIndex('Coverage', hits);
  assert.ok(html.indexOf('&#60;a&#62;') < html.indexOf('b.py'));
  assert.match(html, /href="\.\/src\/%3Ca%3E\.py\.html"/);
  assert.match(html, /66\.6 % of 3 lines/);
  assert.doesNotMatch(html, /<a>|<script/);
});

test('a file shows which of its lines ran, which did not, and which cannot', () => {
  const html = coverageFile('src/<a>.py', hits.get('src/<a>.py')!, 'one = "<b>"\nraise X\n# three\n');
  assert.match(html, /<li class="h" title="run 2 times"><b>1<\/b>one = &#34;&#60;b&#62;&#34;<\/li>/);
  assert.match(html, /<li class="m" title="not run"><b>2<\/b>raise X<\/li>/);
  assert.match(html, /<li><b>3<\/b># three<\/li>/);
  assert.match(html, /href="\.\.\/index\.html"/);
  assert.match(
    coverageFile(
      'b.py',
      new Map([
        [3, 0],
        [1, 0],
        [2, 1],
      ]),
      null,
    ),
    /not run: 1, 3\./,
  );
});
