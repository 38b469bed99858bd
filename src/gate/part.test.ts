import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GateFacts } from './check.ts';
import { factsOf, fromPart, nameIn, partsOf } from './part.ts';

const shown = (paths: string[]) => partsOf(paths).map(({ language, root }) => `${language}:${root}`);

test('a project begins where a file says so, and what is loose is a part at the top', () => {
  assert.deepEqual(shown(['app.py', 'tests/test_app.py']), ['python:', 'any:']);
  assert.deepEqual(shown(['pyproject.toml', 'src/a/__init__.py', 'examples/x/pyproject.toml', 'examples/x/x.py']), [
    'python:',
    'any:',
  ]);
  assert.deepEqual(shown(['api/pyproject.toml', 'api/a.py', 'jobs/setup.py', 'web/package.json', 'web/a.ts']), [
    'python:api/',
    'python:jobs/',
    'node:web/',
    'any:',
  ]);
  assert.deepEqual(shown(['api/pyproject.toml', 'api/a.py', 'deploy.py', 'go/go.mod', 'go/main.go']), [
    'python:',
    'python:api/',
    'go:go/',
    'any:',
  ]);
  assert.deepEqual(shown(['a.go', 'x/node_modules/y/package.json', 'docs/requirements.txt']), ['go:', 'any:']);
  const many = Array.from({ length: 30 }, (_, index) => `p${index}/package.json`);
  assert.deepEqual(shown(many), ['node:', 'any:']);
});

test('two languages in one folder have checks of different names', () => {
  const parts = partsOf(['a.py', 'go.mod', 'main.go', 'api/setup.py', 'api/b.py', 'api/go.mod', 'api/x.go', 'x.html']);
  assert.deepEqual(
    parts.map((part) => nameIn('tests', part)),
    ['tests', 'tests (api)', 'tests (go)', 'tests', 'tests'],
  );
  assert.deepEqual(
    partsOf(['api/setup.py', 'api/b.py', 'api/go.mod', 'api/x.go']).map((part) => nameIn('tests', part)),
    ['tests (api)', 'tests (api, go)', 'tests'],
  );
});

test('a check sees its part as the whole, without the parts in it', () => {
  const facts: GateFacts = {
    paths: ['a.py', 'api/setup.py', 'api/b.py', 'README.md'],
    texts: new Map([['api/setup.py', 'x']]),
    changed: new Map([
      ['api/b.py', new Set([3])],
      ['a.py', new Set([1])],
    ]),
    testEnv: {},
  };
  const parts = partsOf(facts.paths);
  const [top, api] = parts;
  const inApi = factsOf(facts, api!, parts);
  assert.deepEqual(inApi.paths, ['setup.py', 'b.py']);
  assert.deepEqual([...inApi.texts.keys(), ...inApi.changed!.keys()], ['setup.py', 'b.py']);
  assert.deepEqual(factsOf(facts, top!, parts).paths, ['a.py', 'README.md']);
  const finding = { file: 'b.py', line: 3, rule: 'E1', message: 'm' };
  assert.equal(fromPart(finding, api!).file, 'api/b.py');
  assert.deepEqual([nameIn('tests', api!), nameIn('tests', top!)], ['tests (api)', 'tests']);
});
