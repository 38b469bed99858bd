import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryTree } from './memory-tree.ts';
import { partId, partRecipes } from './part-layers.ts';
import { decidePlan } from './plan.ts';

const files = {
  'index.html': '<p>',
  'api/requirements.txt': 'Flask==3.1.3\n',
  'api/requirements-dev.txt': '-r requirements.txt\nhttpx==0.28.1\n',
  'api/app.py': 'import flask\n',
  'jobs/pyproject.toml': '[project]\nname = "jobs"\nversion = "1"\ndependencies = ["six"]\n',
  'bad/requirements.txt': '-r ../../outside.txt\n',
};
const python = (root: string) => ({ language: 'python', root });

test("a part in a folder has a layer of its own, of that folder's requirements and no server", async () => {
  const view = memoryTree(files);
  const plan = await decidePlan(memoryTree({ 'index.html': '<p>' }));
  const notes: string[] = [];
  const parts = [python('api/'), python('jobs/'), python('bad/'), { language: 'web', root: '' }];
  const found = await partRecipes(plan, view, parts, notes);
  assert.deepEqual(
    found.map(({ part, recipe }) => [partId(part), recipe.inputs, recipe.extras]),
    [
      ['python:api/', ['requirements.txt', 'requirements-dev.txt'], ['pytest==9.2.0', 'coverage==7.17.3']],
      ['python:jobs/', ['pyproject.toml'], ['pytest==9.2.0', 'coverage==7.17.3']],
    ],
  );
  assert.equal((await found[0]!.view.read('requirements.txt', 100))?.toString(), 'Flask==3.1.3\n');
  assert.match(notes.join('\n'), /^bad\/: .*outside/);
});

test("the app's own layer is that of the part at the top, and of many parts only some get one", async () => {
  const top = { 'app.py': 'from flask import Flask\napp = Flask(__name__)\n', 'requirements.txt': 'Flask\n' };
  const many = Array.from({ length: 8 }, (_, at) => `p${at}/`);
  const view = memoryTree({ ...top, ...Object.fromEntries(many.map((root) => [`${root}requirements.txt`, 'six\n'])) });
  const plan = await decidePlan(view);
  const notes: string[] = [];
  const found = await partRecipes(plan, view, [python(''), ...many.map(python)], notes);
  assert.deepEqual(
    found.map(({ part }) => part.root),
    many.slice(0, 5),
  );
  assert.match(notes[0]!, /^8 parts/);
});
