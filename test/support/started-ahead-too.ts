// The same of API pages and of style: what was started ahead of its tree says what it would have said if it had been started there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { differing, type Given, looksOf, runnerIn } from './ahead-runner.ts';

/** Registers the tests of API pages. @param given `python` one that has pdoc */
export function askDocsAhead(given: Given): void {
  const { home, skip } = given;
  const called = join(home, 'words');
  const at = (name: string) => join(import.meta.dirname, '../../src/gate/runners', name);
  const { reports, cold, ahead } = runnerIn(given, (places) => [
    ...[at('run_docs.py'), '--how', 'pdoc', '--source', '.', '--reports', places.reports, '--path', join(home, 'none')],
    ...['--memo', at('pages_memo.py'), '--made-from', join(places.files, 'made-from.json')],
  ]);
  const madeFrom = (known: string | null = null) => ({
    'made-from.json': JSON.stringify({ context: 'x', known, pages: 3, leftOut: ['^tests/'] }),
  });
  const project = {
    'app/__init__.py': '"""An app.\n\n>>> two()\n2\n"""\n\nfrom app.parts import two\n',
    'app/parts.py':
      '"""Parts."""\n\nHEADLINE = "one"\n\n\ndef two(word: str = "x") -> int:\n    """Two.\n\n    Args:\n        word: any\n    """\n    return 2\n',
  };
  const looking = `import json
from looks import looked

with open(${JSON.stringify(join(reports, 'first.json'))}, "w") as stream:
    json.dump(looked(), stream, indent=1, sort_keys=True)
`;
  const cases: Record<string, Record<string, string>> = {
    'modules that look at their process': { ...project, 'looks.py': looksOf(called), 'app/looking.py': looking },
    'modules that bear the names of tools': {
      ...project,
      'markupsafe.py': 'print("mine")\n',
      'app/jinja2.py': '"""Mine."""\n',
    },
    'a src layout': Object.fromEntries(Object.entries(project).map(([path, text]) => [`src/${path}`, text])),
    'a module that cannot be imported': { ...project, 'app/bad.py': '"""Bad."""\n\n1 / 0\n' },
    'nothing to document': { 'app.py': 'X = 1\n' },
  };
  for (const [name, files] of Object.entries(cases))
    test(`API pages, started ahead as started there: ${name}`, { skip, timeout: 120_000 }, async () => {
      const there = cold(files, madeFrom());
      assert.deepEqual(differing(await ahead(files, madeFrom()), there), []);
      assert.equal(there.status, 0, there.output);
      if (/process/.test(name)) assert.match(readFileSync(called, 'utf8'), /--begin/);
      if (/process/.test(name)) assert.match(there.reports['first.json']!, /"is_old": false/);
      if (/cannot/.test(name)) assert.match(there.reports['docs.json']!, /"file": "app\/bad.py", "line": 3/);
      const pages = Object.keys(there.reports).filter((path) => path.endsWith('.html'));
      assert.equal(pages.length === 0, /nothing/.test(name));
    });

  test('API pages, started ahead: what it was given with the tree says that they are as on main', {
    skip,
    timeout: 60_000,
  }, async () => {
    const { digest } = JSON.parse(cold(project, madeFrom()).reports['made-from.json']!) as { digest: string };
    const { status, reports: left } = await ahead(project, madeFrom(digest));
    assert.deepEqual([status, Object.keys(left).sort()], [0, ['docs.json', 'made-from.json']]);
    assert.deepEqual(JSON.parse(left['made-from.json']!), { digest, isBuilt: false, doubt: null });
  });
}

/** Registers the tests of style. @param given `python` one that has pycodestyle and pyflakes */
export function askStyleAhead(given: Given): void {
  const at = (name: string) => join(import.meta.dirname, '../../src/gate/runners', name);
  const runner = runnerIn(given, ({ reports, files }) => [
    ...['-I', at('pep8.py'), '--files', join(files, 'files.json'), '--out', join(reports, 'style.json')],
    ...['--docstrings', at('docstrings.py'), '--settings', join(files, 'settings.json')],
    ...['--docstrings-out', join(reports, 'docstrings.json')],
  ]);
  const project = {
    'a.py': 'import os\nx=1\n\n\ndef f():\n    """Said."""\n',
    'pycodestyle.py': 'raise SystemExit(3)\n',
    'b/tokenize.py': 'def (:\n',
  };
  const late = {
    'files.json': JSON.stringify(Object.keys(project)),
    'settings.json': JSON.stringify({ files: Object.keys(project), ignore: [], names: [] }),
  };
  test('style, started ahead as started there', { skip: given.skip, timeout: 60_000 }, async () => {
    const there = runner.cold(project, late);
    assert.deepEqual(differing(await runner.ahead(project, late), there), []);
    assert.equal(there.status, 0, there.output);
    assert.match(there.reports['style.json']!, /UnusedImport[\s\S]*SyntaxError/);
    assert.match(there.reports['docstrings.json']!, /"f"/);
  });
}
