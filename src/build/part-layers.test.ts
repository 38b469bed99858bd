import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentHello } from '../domain/hello.ts';
import { chooseInterpreter } from './interpreters.ts';
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

test('a Node that is asked for and is not here is named with those that are, also of a package in a folder', async () => {
  const interpreters = ['26.10.0', '24.13.0', '18.20.8'].map((version) => ({ kind: 'node', id: version, version }));
  const hello = { interpreters } as unknown as AgentHello;
  const server = { 'server.js': 'require("http").createServer().listen(process.env.PORT)' };
  const engines = { 'package.json': '{"engines":{"node":">=16 <17"}}', ...server };
  const nvmrc = { 'package.json': '{}', '.nvmrc': 'v16\n', ...server };
  const top = await Promise.all([engines, nvmrc].map((one) => decidePlan(memoryTree(one))));
  const inner = Object.fromEntries(Object.entries(nvmrc).map(([path, text]) => [`web/${path}`, text]));
  const site = { 'index.html': '<p>', ...inner };
  const plan = await decidePlan(memoryTree(site));
  const parts = await partRecipes(plan, memoryTree(site), [{ language: 'node', root: 'web/' }], []);
  for (const { interpreter } of [...top.map(({ layer }) => layer), parts[0]!.recipe])
    assert.throws(() => chooseInterpreter(interpreter, hello, []), {
      code: 'no-interpreter',
      message: /asks for Node (?:>=16 <17|v16), which is not there; there is: 26\.10\.0, 24\.13\.0, 18\.20\.8/,
    });
});
