import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppId, TreeId } from '../domain/ids.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { imageWork } from './image-work.ts';
import { memoryTree } from './memory-tree.ts';
import { viewOf } from './part-layers.ts';
import { isOfTests } from './tests-in-image.ts';
import type { TreeView } from './tree-view.ts';

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

const partOf = (view: TreeView) => ({ part: { language: 'python', root: '' }, view, recipe, isApp: true as const });

const workOf = async (changed: Partial<typeof files> = {}, testTarget: string | null = null, digit = 'a') => {
  const tree = {
    ...{ id: digit.repeat(40) as TreeId, view: memoryTree({ ...files, ...changed }) },
    files: async function* () {},
  };
  const image = { written: null, testTarget, isUncached: false };
  const { forTests, spec } = await imageWork(appId, tree, { parts: [partOf(tree.view)], image }, [], 'n');
  return { spec, forTests: forTests['python:'] ?? assert.fail('its tests run in the image') };
};

test('tests run in the candidate itself, and their tools are the same for every commit that says the same of them', async () => {
  const { forTests } = await workOf();
  assert.deepEqual([forTests.stage, forTests.files], [null, ['tests/test_app.py']]);
  assert.deepEqual(forTests.programs, ['/opt/venv/bin/python3', 'python3', 'python']);
  const keyOf = async (layers: string[], changed = {}) => (await workOf(changed)).forTests.tools!(layers).spec.key;
  const key = await keyOf(['base', 'sources of one']);
  assert.equal(await keyOf(['base', 'sources of another'], { 'app.py': 'x = 2\n', 'tests/test_app.py': '' }), key);
  assert.notEqual(await keyOf(['base', 'sources of one'], { 'requirements.txt': 'flask==3\n' }), key);
  // The tag that the Dockerfile names has moved on.
  assert.notEqual(await keyOf(['newer base', 'sources of one']), key);
});

test('what is installed in the image itself does for every commit above the same layers, where the commit is the last of them', async () => {
  const keyOf = async (Dockerfile: string, digit: string, layers: string[]) =>
    (await workOf({ Dockerfile }, null, digit)).forTests.tools!(layers, {}, true).spec.key;
  const isKept = async (lines: string, layersOf: (sources: string) => string[]) => {
    const dockerfile = `${lines}\nCMD ["python3", "app.py"]\n`;
    return (await keyOf(dockerfile, 'a', layersOf('one'))) === (await keyOf(dockerfile, 'b', layersOf('another')));
  };
  const apt = 'FROM debian:13\nRUN apt-get install -y python3-pip';
  assert.ok(await isKept(`${apt}\nCOPY . .`, (sources) => ['base', 'apt', sources]));
  assert.ok(!(await isKept(`${apt}\nCOPY . .\nRUN make`, (sources) => ['base', 'apt', sources, 'made'])));
  assert.ok(!(await isKept(apt, (sources) => ['base', sources])), 'what was installed may be another');
  assert.ok(!(await isKept(`FROM debian:13 AS made\n${apt}\nCOPY --from=made /v /v`, (one) => ['base', 'apt', one])));
  assert.ok(
    !(await isKept('FROM scratch AS test\nCOPY . /\nFROM debian:13', (sources) => [sources])),
    'its Python is of the commit',
  );
  assert.ok(!(await isKept(`${apt}\nCOPY . .`, (sources) => ['base', `apt of ${sources}`, sources])));
});

test("its Python is the one beside what serves, also behind a shell, and never a shell's neighbour", async () => {
  const check = async (start: string, first: string) => {
    const { forTests } = await workOf({ Dockerfile: `FROM python:3.12-slim\nCOPY . .\n${start}\n` });
    assert.equal(forTests.programs[0], first, start);
  };
  await check('CMD ["/bin/sh","-c","exec /opt/venv/bin/python -m gunicorn a:app"]', '/opt/venv/bin/python3');
  await check('CMD exec /opt/venv/bin/gunicorn a:app', '/opt/venv/bin/python3');
  await check('ENTRYPOINT ["/bin/bash", "-c", "gunicorn a:app"]', 'python3');
  await check('CMD ["/bin/sh", "/start.sh"]', 'python3');
  await check('CMD ["python", "a.py"]', 'python3');
});

test('a stage for tests is the image that they run in', async () => {
  const Dockerfile = 'FROM python:3.12-slim AS app\nFROM app AS test\nRUN make\nFROM app\n';
  const { spec, forTests } = await workOf({ Dockerfile }, 'test');
  assert.equal(forTests.stage?.spec.target, 'test');
  assert.notEqual(forTests.stage?.spec.key, spec.key);
});

test('without a shell they run in the last stage before it that has a name and the language', async () => {
  const bare =
    'FROM python:3.12-slim AS made\nCOPY . /app\nFROM gcr.io/distroless/python3\nCOPY --from=made /app /app\n';
  const { forTests } = await workOf({ Dockerfile: bare });
  assert.deepEqual([forTests.stage?.spec.target, forTests.folder], ['made', '/app']);
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
      { parts: [partOf(view)], image },
      [],
      'n',
    );
    return (forTests['python:'] ?? assert.fail('its tests run in the image')).tools!(['base', 'x']).spec.key;
  };
  assert.notEqual(await keyOf('a'.repeat(40)), await keyOf('b'.repeat(40)));
});

test('what is taken of the commit are its tests, and what says how they run', () => {
  const check = (language: string, yes: string[], no: string[]) => {
    for (const path of [...yes, ...no]) assert.equal(isOfTests(language, path), yes.includes(path), path);
  };
  check(
    'python',
    ['tests/a.json', 'shop/test/x.py', 'shop/test_pay.py', 'a_test.py', 'conftest.py', 'tox.ini'],
    ['app.py', 'shop/pyproject.toml', 'latest/a.py', 'tests/a b.py', 'tests/$X.py'],
  );
  check(
    'node',
    [
      ...['test/a.js', 'src/__tests__/a.tsx', 'src/a.test.ts', 'a_spec.cjs', 'test.js', 'package.json', '.mocharc.yml'],
      ...[
        'jest.config.js',
        'vitest.config.mts',
        'vitest.setup.ts',
        'jest.setup.js',
        'tsconfig.test.json',
        'babel.config.json',
      ],
    ],
    ['server.js', 'src/latest.ts', 'web/package.json', 'node_modules/a/test/b.js', 'contest.js', 'test/a b.js'],
  );
});

test('a part below the top is tested where the Dockerfile puts it; one that it leaves out, on the machine, and that is said', async () => {
  const files = {
    'api/test_a.py': '',
    'api/requirements.txt': 'flask\n',
    'web/package.json': '{"scripts": {"build": "tsc"}, "devDependencies": {"vitest": "4.0.0"}}',
    'web/src/a.ts': '',
    'tools/package.json': '{}',
    'tools/a.test.js': '',
    'more/package.json': '{}',
  };
  const work = async (Dockerfile: string) => {
    const view = memoryTree({ ...files, Dockerfile });
    const python = { view: viewOf(view, 'api/'), recipe, part: { language: 'python', root: 'api/' } };
    const node = ['web/', 'tools/', 'more/'].map((root) => ({
      ...{ view: viewOf(view, root), part: { language: 'node', root } },
      recipe: {
        interpreter: { kind: 'node' as const, version: null },
        ...{ inputs: ['package.json'], extras: [] },
        installer: { tool: 'node' as const, manager: 'npm' as const, isLocked: false },
      },
    }));
    const tree = { id: 'a'.repeat(40) as TreeId, view, files: async function* () {} };
    const image = { written: null, testTarget: null, isUncached: false };
    return imageWork(appId, tree, { parts: [python, ...node], image }, [], 'n');
  };
  const both =
    'FROM node:24 AS pages\nCOPY web /web\nFROM python:3.12\nWORKDIR /srv\nCOPY api .\nCOPY --from=pages /web/out /srv/static\n';
  const { forTests, notes } = await work(both);
  assert.deepEqual(Object.keys(forTests), ['python:api/', 'node:web/']);
  const { 'python:api/': api, 'node:web/': web } = forTests;
  assert.deepEqual([api!.folder, api!.stage, api!.files], ['/srv', null, ['api/test_a.py']]);
  assert.deepEqual([web!.folder, web!.stage?.spec.target], ['/web', 'pages']);
  // It is built: the image may hold what was made of its sources, and not them.
  assert.deepEqual(web!.files, ['web/package.json', 'web/src/a.ts']);
  assert.deepEqual(notes, [
    'tests of tools/ run on the machine, not in the image: the Dockerfile does not say where tools/ lies',
  ]);
  const none = await work('FROM debian\nCOPY . /x\n');
  assert.deepEqual([Object.keys(none.forTests), none.notes.length], [[], 2]);
  assert.match(none.notes[0]!, /api\/ .*no stage of the Dockerfile is known to hold python/);
  const test = await work('FROM debian AS test\nCOPY . /x\nFROM debian\n');
  assert.deepEqual(
    Object.values(test.forTests).map(({ folder, stage }) => [folder, stage?.spec.target]),
    [
      ['/x/api', 'test'],
      ['/x/web', 'test'],
      ['/x/tools', 'test'],
      ['/x/more', 'test'],
    ],
  );
});

test('commands of the repository run where its tests do, from where the top of the commit lies', async () => {
  const commands = async (Dockerfile: string, testTarget: string | null = null, isApp = true) => {
    const view = memoryTree({ ...files, Dockerfile });
    const tree = { id: 'a'.repeat(40) as TreeId, view, files: async function* () {} };
    const image = { written: null, testTarget, isUncached: false };
    const { forCommands } = await imageWork(appId, tree, { parts: isApp ? [partOf(view)] : [], image }, [], 'n');
    if (typeof forCommands === 'string') return forCommands;
    return [forCommands.stage?.spec.target ?? null, forCommands.folder, forCommands.language];
  };
  assert.deepEqual(await commands(files.Dockerfile), [null, null, 'python']);
  const below = 'FROM python:3.12\nCOPY . /srv\nWORKDIR /srv/deep\nCMD ["python3", "x.py"]\n';
  assert.deepEqual(await commands(below), [null, '/srv', 'python']);
  const staged = 'FROM python:3.12 AS app\nWORKDIR /x\nCOPY . .\nFROM app AS test\nFROM app\n';
  assert.deepEqual(await commands(staged, 'test'), ['test', '/x', 'python']);
  // Nothing of it is tested: what serves, or the stage for tests.
  assert.deepEqual(await commands('FROM debian\nCOPY . /y\n', null, false), [null, '/y', null]);
  assert.deepEqual(await commands('FROM debian AS gate\nWORKDIR /z\nCOPY . .\nFROM scratch\n', 'gate', false), [
    ...['gate', '/z', null],
  ]);
  assert.match(String(await commands('FROM gcr.io/distroless/base\nCOPY . /\n', null, false)), /no shell/);
});
