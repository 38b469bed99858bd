// A static site from its first push: pages are held to the standard, and links to what is served, each by file and line.
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root, Stage } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'tide-pool';

before(async () => {
  stage = await Stage.open();
  stage.giveTools('npm');
  work = await stage.makeApp(app, join(root, 'examples', 'static-site'));
});
after(() => stage[Symbol.asyncDispose]());

const said = (text: string) => text.replaceAll(/ [\d.]+s/g, '');

/** Pushes what must be refused: main, and what is served, stay; the work tree goes back. */
async function refused(): Promise<string> {
  const before = [(await stage.get(app)).body, (await stage.git(work, 'ls-remote', 'lockstep', 'main')).stdout];
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1, pushed.stderr);
  const after = [(await stage.get(app)).body, (await stage.git(work, 'ls-remote', 'lockstep', 'main')).stdout];
  assert.deepEqual(after, before);
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
  return said(pushed.stderr);
}

test('the example goes live, its pages and links looked at', async () => {
  const first = said(await stage.deploy(work));
  assert.match(first, /remote: html ok: no findings \(html-validate\)/);
  assert.match(first, /remote: links ok: 11 of 3 pages/);
  assert.equal((await stage.get(app, '/nowhere')).status, 404);
  await stage.edit(work, 'index.html', '<h1>Tide Pool</h1>', '<h1>Rock Pool</h1>');
  await stage.deploy(work);
  assert.match((await stage.get(app)).body, /<h1>Rock Pool/);
});

test('a page that breaks the standard is refused with its line, and the slow checks are not waited for', async () => {
  await stage.edit(work, 'about.html', '<h1>About</h1>', '<h1>About</h1>\n    <img src="/style.css"></p>');
  assert.match(await refused(), /remote: html FAILED: about\.html:17 close-order: /);
});

test('a link to what is not there is refused with its line, also where it was right until now', async () => {
  await stage.edit(work, 'index.html', '<a href="/about.html">About</a>', '<a href="/abuot.html">About</a>');
  assert.match(await refused(), /remote: links FAILED: index\.html:13 broken link: \/abuot\.html is not there/);
  renameSync(join(work, 'about.html'), join(work, 'contact.html'));
  await stage.commit(work, 'rename a page');
  const both = await refused();
  assert.match(both, /links FAILED: 404\.html:13 broken link: \/about\.html is not there/);
  assert.match(both, /remote: {3}index\.html:13 broken link: \/about\.html is not there/);
});

test('a site in a folder of its own, with a configuration and a fault of before', async () => {
  const page = (body: string) =>
    `<!doctype html>\n<html lang="en">\n<head><title>x</title></head>\n<body>\n${body}\n</body>\n</html>\n`;
  const other = await stage.makeApp('second', {
    'package.json': '{"private": true, "devDependencies": {}}\n',
    '.htmlvalidate.json': '{"root": true, "rules": {"no-inline-style": "error"}}\n',
    'public/index.html': page('<a href="/gone.html">x</a>\n<p style="color: red">x</p>\n<img>'),
    'src/layouts/base.html': '{% block body %}</div>{% endblock %}\n',
    '.pre-commit-config.yaml': [
      'repos:',
      '- repo: local',
      '  hooks: [{id: no-todo, name: No TODO, language: pygrep, entry: TODO, files: "html$"}]',
      '- repo: https://example.org/hooks',
      '  rev: v1',
      '  hooks: [{id: trailing-whitespace}]',
      '',
    ].join('\n'),
  });
  const first = said(await stage.deploy(other));
  assert.match(first, /html warning: 1 finding \(html-validate\): recorded as the baseline/);
  assert.match(first, /links warning: 1 broken link: recorded as the baseline/);
  assert.match(
    first,
    /pre-commit warning: trailing-whitespace was not run: it comes from https:\/\/example\.org\/hooks/,
  );
  await stage.edit(other, 'public/index.html', '<img>', '<img src="/public/x.png" alt="x">');
  const pushed = await stage.push(other);
  assert.equal(pushed.code, 1);
  assert.match(said(pushed.stderr), /html ok: no findings on changed lines \(1 older\)/);
  assert.match(said(pushed.stderr), /links FAILED: public\/index\.html:7 broken link: \/public\/x\.png is not there/);
  assert.doesNotMatch(pushed.stderr, /gone\.html/);
  await stage.edit(other, 'public/index.html', '<img src="/public/x.png" alt="x">', '<p style="top: 0">y</p>');
  const style = await stage.push(other);
  assert.match(said(style.stderr), /html FAILED: public\/index\.html:7 no-inline-style/);
  await stage.edit(other, 'public/index.html', '<p style="top: 0">y</p>', '<a href="/">y</a>');
  assert.match(said(await stage.deploy(other)), /links ok: no new broken links \(1 older\)/);
  await stage.edit(other, 'public/index.html', '<a href="/">y</a>', '<a href="/">TODO</a>');
  assert.match(said((await stage.push(other)).stderr), /pre-commit FAILED: public\/index\.html:7 no-todo: No TODO/);
});

test("a repository of MkDocs alone, with Material: its pages are served, held to MkDocs' own strictness, and published", async () => {
  const pages = await stage.makeApp('handbook', {
    'mkdocs.yml': 'site_name: Handbook\ntheme: material\nplugins: [search]\nnav:\n  - index.md\n  - guide.md\n',
    'docs/index.md': '# Tides\n\nSee the [guide](guide.md).\n',
    'docs/guide.md': '# Guide\n\nHow to read them.\n',
    'requirements.txt': 'mkdocs-material==9.8.2\n',
  });
  const first = said(await stage.deploy(pages));
  assert.match(first, /remote: docs ok: \d+ pages \(mkdocs\)/);
  const served = await stage.get('handbook');
  assert.match(served.body, /<h1 id="tides">Tides[\s\S]*assets\/javascripts\/bundle/);
  assert.match((await stage.get('handbook', '/guide/')).body, /How to read them/);
  assert.match((await stage.get('docs--handbook')).body, /<h1 id="tides">/);
  await stage.edit(pages, 'docs/index.md', '(guide.md)', '(giude.md)');
  const refusal = await stage.push(pages);
  assert.equal(refusal.code, 1);
  assert.match(said(refusal.stderr), /remote: docs FAILED: docs\/index\.md:3 mkdocs: .*giude\.md/);
  assert.match((await stage.get('handbook')).body, /href="guide\//);
});
