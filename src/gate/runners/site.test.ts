// The runners of static sites on real files: what is a broken link, what is a template, what html-validate says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { parseFindingsJson } from '../reports/findings-json.ts';

const home = mkdtempSync(join(tmpdir(), 'lockstep-site-'));
after(() => rmSync(home, { recursive: true, force: true }));

type Site = { root: string; pages: string[]; isServed: boolean };

function run(script: string, files: Record<string, string>, args: (tree: string) => string[], out: string) {
  const tree = mkdtempSync(join(home, 'tree-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  symlinkSync('/etc/passwd', join(tree, 'leads-out.html'));
  const argv = [join(import.meta.dirname, script), ...args(tree), '--out', join(tree, out)];
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: tree, encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return parseFindingsJson(readFileSync(join(tree, out), 'utf8'), 1000)!;
}

function links(files: Record<string, string>, sites?: Site[]) {
  const pages = Object.keys(files).filter((path) => path.endsWith('.html'));
  const given = sites ?? [{ root: '', pages: [...pages, 'leads-out.html'], isServed: true }];
  const args = (tree: string) => {
    writeFileSync(join(tree, 'sites.json'), JSON.stringify(given));
    return ['--sites', 'sites.json'];
  };
  const { findings, figures } = run('links.mjs', files, args, 'links.json');
  return { said: findings.map(({ file, line, message }) => `${file}:${line} ${message}`), figures };
}

test('a link to a file, a folder with an index, an anchor or elsewhere is fine; what is not there is told with its line', () => {
  const { said, figures } = links({
    'index.html': [
      '<a href="/">x</a> <a href="about.html?x=1#top">x</a> <a href="#here">x</a> <a href="docs/#a%20b">x</a>',
      '<a href="https://elsewhere.example/x">x</a> <a href="//elsewhere.example">x</a> <a href="mailto:a@b.example">x</a>',
      '<h2 id="here">x</h2> <img src="data:image/png;base64,AAAA" srcset="a.png 1x, b.png 2x" alt="">',
      '<a',
      '  href="/abuot.html">x</a> <a href="#nowhere">x</a>',
      '<!-- <a href="gone.html"> --> <a href="docs/sub/">x</a> <a href="about.html/">x</a> <a href="/.git/config">x</a>',
      '<script>const x = "<a href=\'written.html\'>";</script> <a href="docs/index.html#gone">x</a>',
    ].join('\n'),
    'about.html': '<a href="index.html#here">back</a> <a name="old"></a> <a href="#old">x</a>',
    'docs/index.html': '<p id="a b">x</p> <a href="../about.html#old">x</a> <a href="../../about.html">x</a>',
    'docs/sub/other.html': '<base href="/docs/"><a href="index.html">x</a> <a href="other.html">x</a>',
    'a.png': '',
  });
  assert.deepEqual(said, [
    'index.html:3 b.png is not there',
    'index.html:5 /abuot.html is not there',
    'index.html:6 docs/sub/ is not there',
    'index.html:6 about.html/ is not there',
    'index.html:6 /.git/config leads to what is not served',
    'index.html:7 docs/index.html#gone: docs/index.html has no #gone',
    'docs/sub/other.html:1 other.html is not there',
  ]);
  assert.equal(figures.pages, 4);
});

test('an anchor that no script could write is missed', () => {
  assert.deepEqual(links({ 'index.html': '<a href="#nowhere">x</a>' }).said, [
    'index.html:1 #nowhere: index.html has no #nowhere',
  ]);
  assert.deepEqual(
    links({ 'index.html': '<a href="#nowhere">x</a><script src="x.js"></script>', 'x.js': '' }).said,
    [],
  );
});

test('links are taken from the folder that is served, in a second layout too', () => {
  const files = {
    'public/index.html': '<a href="/a.html">x</a> <a href="/public/a.html">x</a>',
    'public/a.html': '<link href="/style.css" rel="stylesheet">',
    'public/style.css': '',
  };
  const sites = [{ root: 'public/', pages: ['public/index.html', 'public/a.html'], isServed: true }];
  assert.deepEqual(links(files, sites).said, ['public/index.html:1 /public/a.html is not there']);
});

test('a relative link of 404.html breaks at most addresses', () => {
  const { said } = links({
    '404.html': '<link rel="stylesheet" href="style.css">\n<a href="/">x</a>',
    'style.css': '',
    'index.html': '',
  });
  assert.deepEqual(said, [
    '404.html:1 style.css is relative, and 404.html is shown at every address that is not there: begin it with /',
  ]);
});

test('templates are no pages, but what a page only shows is no template', () => {
  const broken = '<a href="gone.html">x</a>';
  const notServed = (text: string, path = 'index.html') =>
    links({ [path]: text }, [{ root: '', pages: [path], isServed: false }]).said.length;
  for (const text of [`{% extends "base" %}${broken}`, `---\nlayout: x\n---\n${broken}`, `${broken}<?php echo 1 ?>`])
    assert.deepEqual(links({ 'index.html': text }).said, [], text);
  assert.equal(links({ 'index.html': `<pre>{% block %}</pre>${broken}` }).said.length, 1);
  assert.equal(links({ 'index.html': `${broken}<p>{{ browser }}</p>` }).said.length, 1);
  assert.equal(notServed(`${broken}<p>{{ server }}</p>`), 0);
  assert.equal(notServed(broken, 'templates/index.html'), 0);
  assert.equal(notServed(broken), 1);
});

test('pages that are made to be slow are looked at in no time', { timeout: 60_000 }, () => {
  const fill = (unit: string) => unit.repeat(Math.floor(2 ** 20 / unit.length));
  const units = [
    '<',
    '<a ',
    '<a href="',
    '<script>',
    '<!--',
    '<a>',
    ' ',
    "='",
    '<a b',
    '<a href=x>',
    '&#',
    '<style></',
    '<pre>',
  ];
  const files = Object.fromEntries(units.map((unit, at) => [`p${at}.html`, fill(unit)]));
  assert.ok(links({ ...files, 'one.html': `<a${fill(' a')}${fill(' ')}>` }).figures.pages! >= units.length);
});
