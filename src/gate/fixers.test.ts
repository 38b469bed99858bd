import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixesFor, fixHint } from './fixers.ts';

const fixes = (files: Record<string, string>, changed: readonly string[] | null) =>
  fixesFor({
    paths: Object.keys(files),
    texts: new Map(Object.entries(files)),
    changed: changed && new Map(changed.map((path) => [path, new Set([1])])),
    testEnv: {},
  }).map(({ tool, words, root, files: named }) => [tool, words[0], root, named]);

test('each configured tool is given the files that changed, and no other', () => {
  assert.deepEqual(fixes({ 'pyproject.toml': '[tool.ruff]\n[tool.ruff.format]\n', 'a.py': '', 'b.py': '' }, ['b.py']), [
    ['ruff', 'check', '', ['b.py']],
    ['ruff', 'format', '', ['b.py']],
  ]);
  assert.deepEqual(fixes({ 'api/pyproject.toml': '[tool.black]\n', 'api/a.py': '' }, ['api/a.py']), [
    ['black', '--quiet', 'api/', ['api/a.py']],
  ]);
  const node = { 'package.json': '{}', 'biome.json': '{}', '.prettierrc': '', 'src/a.ts': '', 'b.md': '' };
  assert.deepEqual(fixes(node, ['src/a.ts', 'b.md']), [
    ['biome', 'check', '', ['src/a.ts']],
    ['prettier', '--write', '', ['src/a.ts']],
  ]);
  assert.deepEqual(fixes({ 'go.mod': 'module x\n', 'main.go': '' }, null), [['gofmt', '-w', '', ['main.go']]]);
});

test('where nothing is configured, or nothing changed, nothing is written', () => {
  assert.deepEqual(fixes({ 'a.py': '', 'setup.cfg': '[flake8]\n' }, ['a.py']), []);
  assert.deepEqual(fixes({ 'ruff.toml': '', 'a.py': '' }, []), []);
});

test('the hint names the tools that can mend, and there is none where none can', () => {
  const facts = (texts: Record<string, string>) => ({
    ...{ paths: Object.keys(texts), texts: new Map(Object.entries(texts)), changed: null, testEnv: {} },
  });
  assert.match(fixHint(facts({ 'ruff.toml': '[format]\n', 'a.py': '' })) ?? '', /--fix lets ruff mend/);
  assert.equal(fixHint(facts({ 'a.py': '' })), null);
});
