import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId, TreeId } from '../domain/ids.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { imageWork } from './image-plan.ts';
import { memoryTree } from './memory-tree.ts';
import { isOfTests } from './tests-in-image.ts';

const appId = 'app_00000000000000000000000000' as AppId;
const recipe: LayerRecipe = {
  interpreter: { kind: 'python', version: null },
  inputs: ['requirements.txt'],
  extras: ['pytest==9.2.0'],
  installer: { tool: 'uv-requirements', files: ['requirements.txt'] },
};
const files = {
  Dockerfile: 'FROM python:3.12-slim\nCOPY . .\nCMD ["/opt/venv/bin/gunicorn", "app:app"]\n',
  'app.py': 'x = 1\n',
  'requirements.txt': 'flask\n',
  'tests/test_app.py': 'def test_x():\n    pass\n',
};

const workOf = async (changed: Partial<typeof files> = {}, testTarget: string | null = null) => {
  const tree = {
    ...{ id: 'a'.repeat(40) as TreeId, view: memoryTree({ ...files, ...changed }) },
    files: async function* () {},
  };
  const image = { written: null, testTarget, isUncached: false };
  const { forTests, spec } = await imageWork(appId, tree, { gateLayer: recipe, image }, [], 'n');
  return { spec, forTests: forTests ?? assert.fail('its tests run in the image') };
};

test('tests run in the candidate itself, and their tools are the same for every commit that says the same of them', async () => {
  const { forTests } = await workOf();
  assert.deepEqual([forTests.stage, forTests.files], [null, ['tests/test_app.py']]);
  assert.deepEqual(forTests.pythons, ['/opt/venv/bin/python3', 'python3', 'python']);
  const keyOf = async (layers: string[], changed = {}) => (await workOf(changed)).forTests.tools(layers).spec.key;
  const key = await keyOf(['base', 'sources of one']);
  assert.equal(await keyOf(['base', 'sources of another'], { 'app.py': 'x = 2\n', 'tests/test_app.py': '' }), key);
  assert.notEqual(await keyOf(['base', 'sources of one'], { 'requirements.txt': 'flask==3\n' }), key);
  // The tag that the Dockerfile names has moved on.
  assert.notEqual(await keyOf(['newer base', 'sources of one']), key);
});

test('a stage for tests is the image that they run in', async () => {
  const Dockerfile = 'FROM python:3.12-slim AS app\nFROM app AS test\nRUN make\nFROM app\n';
  const { spec, forTests } = await workOf({ Dockerfile }, 'test');
  assert.equal(forTests.stage?.spec.target, 'test');
  assert.notEqual(forTests.stage?.spec.key, spec.key);
});

test('what cannot be read whole makes the tools those of one commit', async () => {
  const tree = { id: 'a'.repeat(40) as TreeId, view: memoryTree(files), files: async function* () {} };
  const keyOf = async (id: string) => {
    const view = {
      ...tree.view,
      read: async (path: string, most: number) => (path === 'requirements.txt' ? null : tree.view.read(path, most)),
    };
    const image = { written: null, testTarget: null, isUncached: false };
    const { forTests } = await imageWork(
      appId,
      { ...tree, view, id: id as TreeId },
      { gateLayer: recipe, image },
      [],
      'n',
    );
    return (forTests ?? assert.fail('its tests run in the image')).tools(['base', 'x']).spec.key;
  };
  assert.notEqual(await keyOf('a'.repeat(40)), await keyOf('b'.repeat(40)));
});

test('what is taken of the commit are its tests, and what says how they run', () => {
  const check = (path: string, expected: boolean) => assert.equal(isOfTests(path), expected, path);
  for (const path of ['tests/a.json', 'shop/test/x.py', 'shop/test_pay.py', 'a_test.py', 'conftest.py', 'tox.ini'])
    check(path, true);
  for (const path of ['app.py', 'shop/pyproject.toml', 'latest/a.py', 'tests/a b.py', 'tests/$X.py'])
    check(path, false);
});
