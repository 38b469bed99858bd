import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { ObjectId } from '../domain/ids.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { planAgain, planBuild } from './build.ts';
import { builtSpec } from './built-tree.ts';
import { BlobCache } from './git-tree.ts';
import { memoryTree } from './memory-tree.ts';
import { decidePlan } from './plan.ts';

const noEngine = { engine: () => Promise.reject(new Error('nobody is to ask')), names: [] };

type Files = Parameters<typeof memoryTree>[0];
const flask = 'from flask import Flask\napp = Flask(__name__)\n';
const factory = 'from flask import Flask\ndef create_app(test_config=None):\n  app = Flask(__name__)\n  return app\n';

test('a tree gets the detector and the command that serve it', async () => {
  const check = async (files: Files, detector: string, web: string) => {
    const plan = await decidePlan(memoryTree(files));
    const { command } = plan.processes.web;
    const words = 'shell' in command ? command.shell : command.argv.join(' ');
    assert.deepEqual([plan.detector, words.replace(/^.*gthread --workers 1 --threads 4 /, '')], [detector, web]);
  };
  await check({ 'app.py': flask }, 'Flask', 'app:app');
  await check(
    { 'app.py': flask, 'hello.py': flask, 'tests/app.py': flask, '.flaskenv': 'FLASK_APP=hello.py' },
    'Flask',
    'hello:app',
  );
  await check(
    { 'zoo.py': flask, 'application.py': flask.replace('app =', 'application =') },
    'Flask',
    'application:application',
  );
  await check({ 'app.py': flask, 'wsgi.py': 'from app import app\n' }, 'Flask', 'wsgi:app');
  await check({ 'flaskr/__init__.py': factory, 'flaskr/db.py': 'x' }, 'Flask', 'flaskr:create_app()');
  await check({ 'src/shop/__init__.py': factory }, 'Flask', 'shop:create_app()');
  await check(
    { 'src/shop/__init__.py': factory, '.flaskenv': 'export FLASK_APP="shop:create_app()"' },
    'Flask',
    'shop:create_app()',
  );
  await check({ 'docs.py': `"""\n${flask}"""`, 'main.py': flask }, 'Flask', 'main:app');
  await check(
    { 'manage.py': "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')", 'site1/wsgi.py': 'x' },
    'Django',
    'site1.wsgi:application',
  );
  await check(
    { 'web/manage.py': 'setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")', 'web/config/wsgi.py': '' },
    'Django',
    '--chdir web config.wsgi:application',
  );
  await check(
    { 'main.py': 'app = FastAPI()\n' },
    'FastAPI',
    '{layer}/bin/python -m uvicorn --host 127.0.0.1 --port $PORT main:app',
  );
  await check(
    { 'api.py': 'def create_app():\n  return FastAPI()\n' },
    'FastAPI',
    '{layer}/bin/python -m uvicorn --host 127.0.0.1 --port $PORT --factory api:create_app',
  );
  await check({ 'x.py': 'application = bottle.Bottle()\n' }, 'WSGI', 'x:application');
  await check(
    { 'server.py': 'HTTPServer(("", int(os.environ["PORT"])), H).serve_forever()' },
    'Python',
    '{layer}/bin/python server.py',
  );
  await check({ 'index.html': '' }, 'static files', '{tool:static-server} --root {tree} --bind 127.0.0.1:$PORT');
  await check(
    { 'public/index.html': '', 'package.json': '{"devDependencies":{"prettier":"1"}}' },
    'static files',
    '{tool:static-server} --root {tree}/public --bind 127.0.0.1:$PORT',
  );
  await check({ 'app.py': flask, Procfile: 'web: gunicorn app:app' }, 'Procfile', 'gunicorn app:app');
  await check({ 'app.py': flask, Procfile: 'web: a', 'lockstep.yml': 'web: b' }, 'lockstep.yml', 'b');
  await check({ 'app.py': flask, Procfile: 'worker: a' }, 'Flask', 'app:app');
});

test('a tree that cannot be run is refused with what was looked for', async () => {
  const check = (files: Files, code: ErrorCode, word: string) =>
    assert.rejects(
      decidePlan(memoryTree(files)),
      (error) =>
        isFailure(error, code) &&
        `${error.message} ${JSON.stringify(error.details)}`.includes(word) &&
        error.advice !== null,
    );
  await check({}, 'no-detector', 'index.html');
  await check({ 'README.md': 'x' }, 'no-detector', 'manage.py');
  await check({ 'index.html': '', 'index.php': '<?php' }, 'no-detector', 'index.php');
  await check({ 'index.html': '', 'package.json': '{"scripts":{"build":"x"}}' }, 'no-detector', 'package.json');
  await check({ 'index.html': '', 'package.json': '{"main":"lib.js"}', 'lib.js': '1' }, 'no-detector', 'package.json');
  await check({ 'package.json': '{' }, 'bad-config', 'package.json');
  await check({ 'main.go': '', Procfile: 'web: ./main' }, 'no-detector', 'main.go');
  await check({ 'a_test.go': 'package x', 'go.mod': 'module x' }, 'no-detector', 'go.mod');
  await check({ 'index.html': '', 'app.py': 'print(1)' }, 'no-detector', 'Flask');
  await check({ 'app.py': { link: '/etc/passwd' } }, 'no-detector', 'Flask');
  for (const path of [
    'Procfile',
    'app.json',
    'lockstep.yml',
    '.flaskenv',
    'requirements.txt',
    'pyproject.toml',
    '.python-version',
  ])
    await check({ 'app.py': flask, [path]: { link: '/etc/passwd' } }, 'bad-config', 'a link');
  await check({ 'app.py': flask, 'requirements.txt': '-r x.txt', 'x.txt': { link: 'y' } }, 'bad-config', 'x.txt');
  await check({ 'app.py': flask, 'lockstep.yml': `#${'x'.repeat(70_000)}` }, 'bad-config', 'larger');
});

test('the layers take what the tree says, and add the server and the test tools only when they lack', async () => {
  const check = async (files: Files, run: string[], gate: string[], installers: string[]) => {
    const { layer, gateLayer } = await decidePlan(memoryTree({ 'app.py': flask, ...files }));
    const show = ({ inputs, extras }: LayerRecipe) => [...inputs, ...extras];
    assert.deepEqual([show(layer), show(gateLayer!)], [run, gate]);
    assert.deepEqual(
      [layer, gateLayer!].map(({ installer }) => Object.values(installer).flat().join(' ')),
      installers,
    );
  };
  const [server, tests] = [['gunicorn==27.0.1'], ['pytest==9.2.0', 'coverage==7.17.3']];
  await check({}, server, [...server, ...tests], ['none', 'none']);
  await check(
    { 'requirements.txt': 'flask\ngunicorn', 'requirements-dev.txt': '-r requirements.txt\npytest' },
    ['requirements.txt'],
    ['requirements.txt', 'requirements-dev.txt', 'coverage==7.17.3'],
    ['uv-requirements requirements.txt', 'uv-requirements requirements.txt requirements-dev.txt'],
  );
  await check(
    {
      'pyproject.toml':
        '[project]\nname="x"\ndependencies=["flask"]\n[project.optional-dependencies]\ntest=["pytest"]\ndocs=["sphinx"]',
    },
    ['pyproject.toml', ...server],
    ['pyproject.toml', ...server, 'coverage==7.17.3'],
    ['uv-project', 'uv-project test'],
  );
  await check(
    { 'pyproject.toml': '[project]\nname="x"\ndependencies=["flask"]', 'uv.lock': '[[package]]\nname = "pytest"\n' },
    ['uv.lock', 'pyproject.toml', ...server],
    ['uv.lock', 'pyproject.toml', ...server, 'coverage==7.17.3'],
    ['uv-sync', 'uv-sync'],
  );
  await check(
    { 'pyproject.toml': '[tool.poetry.dependencies]\nflask="^2"' },
    ['flask>=2,<3', ...server],
    ['flask>=2,<3', ...server, ...tests],
    ['none', 'none'],
  );
  await check(
    {
      'pyproject.toml': '[project]\nname="x"\ndependencies=["flask"]',
      'requirements/tests.txt': '-r base.txt\npytest',
      'requirements/base.txt': 'freezegun',
      'requirements/dev.txt': 'tox',
      'requirements/docs.txt': 'sphinx',
      'requirements/typing.txt': 'mypy',
      'docs/conf.py': '',
    },
    ['pyproject.toml', ...server],
    [
      'pyproject.toml',
      'requirements/tests.txt',
      'requirements/base.txt',
      'requirements/typing.txt',
      'requirements/docs.txt',
      ...server,
      tests[1]!,
    ],
    ['uv-project', 'uv-project requirements/tests.txt requirements/typing.txt requirements/docs.txt'],
  );
  await check(
    {
      'pyproject.toml': '[project]\nname="x"\ndependencies=["flask"]\n[project.optional-dependencies]\nfull=["jinja2"]',
      'requirements.txt': '-e .[full]\npytest==8.2.2',
    },
    ['requirements.txt', 'flask', 'jinja2', ...server],
    ['requirements.txt', 'flask', 'jinja2', ...server, 'coverage==7.17.3'],
    ['uv-requirements requirements.txt', 'uv-requirements requirements.txt'],
  );
  const cfg =
    '[options]\npython_requires = >=3.9\ninstall_requires =\n    flask>=2  # serves\n    # nothing\n    six; python_version < "3"\n[options.extras_require]\ntest =\n    pytest\n    responses\nother = x\n';
  await check(
    { 'setup.cfg': cfg, 'setup.py': 'from setuptools import setup\nsetup()\n', 'requirements-dev.txt': 'freezegun' },
    ['flask>=2', 'six; python_version < "3"', ...server],
    ['requirements-dev.txt', 'flask>=2', 'six; python_version < "3"', ...server, 'pytest', 'responses', tests[1]!],
    ['none', 'none requirements-dev.txt'],
  );
  await check(
    { 'setup.cfg': cfg, 'requirements.txt': '-e .[test]' },
    ['requirements.txt', 'flask>=2', 'six; python_version < "3"', 'pytest', 'responses', ...server],
    ['requirements.txt', 'flask>=2', 'six; python_version < "3"', 'pytest', 'responses', ...server, tests[1]!],
    ['uv-requirements requirements.txt', 'uv-requirements requirements.txt'],
  );
  // A program is run where it says what is required; it sees what it names.
  const program =
    'import os\nfrom setuptools import setup\nfrom shop import about\nwith open(os.path.join("shop", "version.txt")) as v:\n    version = v.read()\nsetup(name="shop", version=version, long_description=open("README.md").read(), install_requires=["flask"], extras_require={"test": ["responses"], "full": []})\n';
  const seen = ['setup.py', 'README.md', 'shop/__init__.py', 'shop/version.txt'];
  await check(
    { 'setup.py': program, 'README.md': '', 'shop/__init__.py': '', 'shop/version.txt': '', 'shop/x.py': '', NEWS: '' },
    [...seen, ...server],
    [...seen, ...server, ...tests],
    ['uv-project setup.py shop', 'uv-project test setup.py shop'],
  );
  await check(
    {
      'pyproject.toml':
        '[project]\nname = "x"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = {file = ["needs/base.txt"]}',
      'needs/base.txt': 'flask',
      'needs/other.txt': 'x',
    },
    ['pyproject.toml', 'needs/base.txt', ...server],
    ['pyproject.toml', 'needs/base.txt', ...server, ...tests],
    ['uv-project pyproject.toml', 'uv-project pyproject.toml'],
  );
  await check(
    { '.python-version': '3.9' },
    ['gunicorn==23.0.0'],
    ['gunicorn==23.0.0', 'pytest==8.3.5', 'coverage==7.6.1'],
    ['none', 'none'],
  );
});

test('a layer says what the tree is called where it would be installed', async () => {
  const ownOf = async (files: Files) => (await decidePlan(memoryTree({ 'app.py': flask, ...files }))).layer.own ?? null;
  const project = (more: string) => ({ 'pyproject.toml': `[project]\nname = "My.App"\n${more}` });
  assert.equal(await ownOf({}), null);
  assert.equal(await ownOf({ 'pyproject.toml': '[tool.ruff]' }), null);
  assert.deepEqual(await ownOf(project('version = "1.2"\n[project.scripts]\nmine = "app:main"')), {
    name: 'My.App',
    version: '1.2',
    entryPoints: { console_scripts: { mine: 'app:main' } },
  });
  const places = async (files: Files) => {
    const { layer, gateLayer } = await decidePlan(
      memoryTree({ 'app.py': flask, ...project('version = "1"'), ...files }),
    );
    return [layer.own?.place, gateLayer?.own?.place];
  };
  // What serves finds its tree by itself; only the checks' layer does what an installation in place would.
  assert.deepEqual(await places({}), [undefined, '.']);
  assert.deepEqual(await places({ 'src/my_app/__init__.py': '' }), [undefined, 'src']);
  assert.deepEqual(await places({ 'src/__init__.py': '', 'src/a/__init__.py': '' }), [undefined, '.']);
  const versionOf = async (more: string, files: Files) =>
    (await ownOf({ ...project(`dynamic = ["version"]\n${more}`), ...files }))?.version;
  const said = '"About."\n__version__ = "3.1"\n';
  assert.equal(await versionOf('[tool.hatch.version]\npath = "a/b.py"', { 'a/b.py': said }), '3.1');
  const attr = '[tool.setuptools.dynamic]\nversion = {attr = "pack.about.__version__"}';
  assert.equal(await versionOf(attr, { 'src/pack/about.py': said }), '3.1');
  const flit = '[build-system]\nrequires = []\nbuild-backend = "flit_core.buildapi"';
  assert.equal(await versionOf(flit, { 'my_app/__init__.py': said }), '3.1');
  assert.equal(await versionOf('', {}), '0+unknown');
  const cfg =
    '[metadata]\nname = my-app\nversion = file: VERSION\n[options.entry_points]\npytest11 =\n    mine = my_app.plugin\n';
  assert.deepEqual(await ownOf({ 'setup.cfg': cfg, VERSION: '4.5\n' }), {
    name: 'my-app',
    version: '4.5',
    entryPoints: { pytest11: { mine: 'my_app.plugin' } },
  });
  const program = { 'setup.py': 'Extension(name="no")\nsetup(\n  name="My.App",\n  version=version,\n)\n' };
  assert.deepEqual(
    [(await ownOf({ ...program, 'my_app/__init__.py': said }))?.version, (await ownOf(program))?.name],
    ['3.1', 'My.App'],
  );
  // What would be more than one line where it is written is not said.
  assert.equal(await ownOf({ 'pyproject.toml': '[project]\nname = "a]\\nb"' }), null);
  const odd = project(
    'version = "1"\n[project.entry-points."a]\\nb"]\nx = "y"\n[project.entry-points.good]\n"a\\nb" = "y"',
  );
  assert.deepEqual((await ownOf(odd))?.entryPoints, {});
});

test('a repository of MkDocs alone is a site of its pages, made by what its requirements name', async () => {
  const site = { 'mkdocs.yml': 'site_name: x\nhooks:\n  - hooks/words.py\n', 'docs/index.md': '# x\n' };
  const planOf = async (files: Files) => decidePlan(memoryTree({ ...site, ...files }));
  const plain = await planOf({ 'hooks/words.py': '' });
  assert.deepEqual([plain.detector, plain.site, plain.layer.interpreter.kind], ['MkDocs', 'site', 'none']);
  assert.deepEqual(plain.gateLayer?.extras, ['mkdocs==1.6.1']);
  assert.deepEqual(plain.built?.steps[0]?.argv.at(-1), '{layer}/site');
  for (const path of ['requirements.txt', 'docs/requirements.txt']) {
    const themed = await planOf({ [path]: 'mkdocs-material==9.7.0\n' });
    assert.deepEqual([themed.gateLayer?.inputs, themed.gateLayer?.extras], [[path], []]);
  }
  // Beside a program it is the program's documentation.
  assert.equal((await planOf({ 'app.py': flask })).detector, 'Flask');
  await assert.rejects(planOf({ 'tools/make.py': '' }), { code: 'no-detector' });
});

test('what the files say reaches the plan', async () => {
  const plan = await decidePlan(
    memoryTree({
      'src/shop/__init__.py': factory,
      Procfile: 'worker: w\nrelease: r',
      'app.json':
        '{"env":{"A":"x","KEY":{"required":true}},"environments":{"test":{"env":{"T":"1"}}},"healthchecks":{"web":[{"path":"/a"}]}}',
      'lockstep.yml': 'health: /b\nvolumes: { data: instance }\nlimits: { memory: 64M }',
      'runtime.txt': 'python-3.11.x',
    }),
  );
  assert.deepEqual(plan.releaseCommand, { shell: 'r' });
  assert.deepEqual(plan.processes.worker?.command, { shell: 'w' });
  assert.deepEqual(plan.env, { PYTHONPATH: '{tree}/src', A: 'x' });
  assert.deepEqual(
    [plan.health, plan.volumes, plan.testEnv],
    [{ path: '/b', timeoutMs: 60_000 }, { data: 'instance' }, { T: '1' }],
  );
  assert.deepEqual([plan.limits.memoryBytes, plan.limits.pids], [64 * 2 ** 20, 256]);
  assert.deepEqual(plan.layer.interpreter, { kind: 'python', version: '3.11' });
  assert.ok(plan.notes.some((note) => note.includes('KEY')));
});

test('a Flask app that keeps data in its instance folder gets a volume there, unless it says or has otherwise', async () => {
  const check = async (files: Files, volumes: object) =>
    assert.deepEqual((await decidePlan(memoryTree(files))).volumes, volumes);
  const relative = factory.replace('__name__', '__name__, instance_relative_config=True');
  const sqlite = `${flask}from flask_sqlalchemy import SQLAlchemy\nuri = "sqlite:///blog.db"\n`;
  await check({ 'blog/__init__.py': relative }, { data: 'instance' });
  await check({ 'src/blog/__init__.py': relative, Procfile: 'web: gunicorn blog' }, { data: 'src/instance' });
  await check({ 'app.py': sqlite, 'instance/.gitkeep': '' }, { data: 'instance' });
  await check({ 'app.py': sqlite, 'instance/config.py': '' }, {});
  await check({ 'app.py': sqlite, 'lockstep.yml': 'volumes: { db: var }' }, { db: 'var' });
  await check({ 'app.py': `${flask}uri = "sqlite:///blog.db"` }, {});
  await check({ 'app.py': flask, 'tests/app.py': relative }, {});
});

test('the layer of a release that was proved is made again under its name, also with the next best Python', async () => {
  const files = { 'app.py': flask, 'requirements.txt': 'flask\n', '.python-version': '3.11.9' };
  const tree = { id: 'a'.repeat(40) as never, entries: [], view: memoryTree(files), files: async function* () {} };
  const app = { id: 'app_00000000000000000000000000' as never, liveUid: null, gateUid: null, gid: null };
  const helloWith = (version: string) =>
    ({ interpreters: [{ id: `python-${version}`, kind: 'python', version }] }) as unknown as AgentHello;
  const { artifact, layers } = await planBuild({ app, tree, hello: helloWith('3.11.2'), ...noEngine });
  const same = await planAgain({ app, tree, hello: helloWith('3.11.2') }, artifact);
  assert.deepEqual(same.layers, [layers.run]);
  const other = await planAgain({ app, tree, hello: helloWith('3.11.7') }, artifact);
  assert.deepEqual(
    other.layers.map(({ key, interpreterId }) => [key, interpreterId]),
    [[artifact.layerKey, 'python-3.11.7']],
  );
  assert.match(other.notes.join('; '), /made with python-3\.11\.7, other than when the release was proved/);
  await assert.rejects(planAgain({ app, tree, hello: helloWith('3.13.1') }, artifact), { code: 'no-interpreter' });
  const none = await planAgain({ app, tree, hello: helloWith('3.11.2') }, { ...artifact, layerKey: null });
  assert.deepEqual(none, { layers: [], notes: [] });
});

test('Go: the program that serves, whatever else is in the repository', async () => {
  const serves = 'package main\n\nimport "net/http"\n\nfunc main() { http.ListenAndServe("", nil) }\n';
  const other = 'package main\n\nfunc main() {}\n';
  const webOf = async (files: Record<string, string>) => {
    const plan = await decidePlan(memoryTree({ 'go.mod': 'module example.org/shop/v2\n', ...files }));
    return [plan.processes.web.command, plan.built?.steps.map(({ argv }) => argv.slice(2).join(' '))];
  };
  const binary = (name: string) => ({ argv: [`{tree}/bin/${name}`] });
  assert.deepEqual(await webOf({ 'main.go': serves }), [binary('shop'), ['-o {layer}/bin/shop .']]);
  const several = {
    'cmd/tool/main.go': other,
    'cmd/web/main.go': other,
    'cmd/api/a.go': other,
    'cmd/api/b.go': serves,
  };
  assert.deepEqual(await webOf(several), [
    binary('api'),
    ['-o {layer}/bin/api ./cmd/api/', '-o {layer}/bin/web ./cmd/web/', '-o {layer}/bin/tool ./cmd/tool/'],
  ]);
  const ignored = { 'gen.go': `//go:build ignore\n\n${serves}`, 'cmd/web/main.go': other, 'x_test.go': serves };
  assert.deepEqual((await webOf(ignored))[0], binary('web'));
  assert.deepEqual((await webOf({ 'cmd/a/main.go': other, 'cmd/b/main.go': other, Procfile: 'web: bin/b -x\n' }))[0], {
    shell: 'bin/b -x',
  });
  const plan = await decidePlan(memoryTree({ 'go.mod': 'module x\n', 'main.go': serves, 'sub/go.mod': 'module y\n' }));
  assert.deepEqual(plan.gateLayer?.installer, { tool: 'go-mod', modules: ['', 'sub/'] });
  assert.deepEqual([plan.layer.interpreter.kind, plan.gateLayer?.inputs], ['none', ['go.mod', 'sub/go.mod']]);
  const vendored = memoryTree({ 'go.mod': 'module x\n', 'main.go': serves, 'vendor/modules.txt': '' });
  assert.deepEqual((await decidePlan(vendored)).gateLayer?.installer, { tool: 'go-mod', modules: [] });
  await assert.rejects(decidePlan(memoryTree({ 'go.mod': 'module x\n', 'a.go': 'package a\n' })), /no package main/);
  const hello = { interpreters: [{ id: 'go-1.26.8-a', kind: 'go', version: '1.26.8' }] } as unknown as AgentHello;
  const app = { id: 'app_00000000000000000000000000' as never, liveUid: null, gateUid: null, gid: null };
  const view = memoryTree({ 'go.mod': 'module x\n', 'main.go': serves });
  const tree = { id: 'a'.repeat(40) as never, entries: [], view, files: async function* () {} };
  const { artifact, layers } = await planBuild({ app, tree, hello, ...noEngine });
  assert.deepEqual(
    [layers.run, layers.gate?.interpreterId, layers.built?.needs],
    [null, 'go-1.26.8-a', [layers.gate!.key]],
  );
  const again = await planAgain({ app, tree, hello }, artifact);
  assert.deepEqual(
    again.layers.map(({ key }) => key),
    [artifact.gateLayerKey, artifact.builtKey],
  );
});

test('a built tree is named by the tree, its steps, and what it stands on; its layers are made again in order', async () => {
  const app = { id: 'app_00000000000000000000000000' as never, liveUid: null, gateUid: null, gid: null };
  const hello = { interpreters: [{ id: 'python-3.11.2', kind: 'python', version: '3.11.2' }] } as unknown as AgentHello;
  const files = { 'app.py': flask, 'requirements.txt': 'flask\n' };
  const tree = { id: 'a'.repeat(40) as never, entries: [], view: memoryTree(files), files: async function* () {} };
  const { artifact, layers } = await planBuild({ app, tree, hello, ...noEngine });
  const recipe = {
    interpreter: { kind: 'none' },
    needs: ['run', 'gate'],
    tools: ['node'],
    files: { 'a.txt': 'a' },
    steps: [{ argv: ['x', '{layer:gate}/bin/x', '{layer}'], env: { A: '{layer:run}/a' } }],
  } as const;
  const keys = { run: layers.run!.key, gate: layers.gate!.key };
  const given = { app, treeId: tree.id, plan: { volumes: {} }, recipe, hello, notes: [], keys };
  const spec = builtSpec(given);
  assert.deepEqual(spec.needs, [keys.run, keys.gate]);
  assert.deepEqual(spec.steps[0]!.argv, ['x', `{layer:${keys.gate}}/bin/x`, '{layer}']);
  assert.deepEqual(spec.steps[0]!.env, { A: `{layer:${keys.run}}/a` });
  assert.equal(Buffer.from(spec.files['a.txt']!, 'base64').toString(), 'a');
  const others = [
    { treeId: 'b'.repeat(40) as never },
    { plan: { volumes: { data: 'data' } } },
    { keys: { ...keys, run: 'c'.repeat(64) } },
    { recipe: { ...recipe, files: { 'a.txt': 'b' } } },
    { recipe: { ...recipe, steps: [] } },
  ];
  for (const other of others) assert.notEqual(builtSpec({ ...given, ...other }).key, spec.key);
  assert.throws(() => builtSpec({ ...given, keys: { run: null, gate: null } }), { code: 'internal' });

  const builtArtifact = { ...artifact, builtKey: spec.key, plan: { ...artifact.plan, built: recipe } };
  const again = await planAgain({ app, tree, hello }, builtArtifact);
  assert.deepEqual(
    again.layers.map(({ key }) => key),
    [keys.run, keys.gate, spec.key],
  );
  assert.deepEqual(again.layers[2]!.from, { treeId: tree.id, volumes: {} });
});

test('a cache of files is bounded by what an entry takes, and not only by what is in it', () => {
  const cache = new BlobCache(10_000);
  for (let at = 0; at < 1000; at += 1) cache.put(`${at}` as ObjectId, Buffer.from('x'));
  assert.equal(cache.size, Math.floor(10_000 / 257));
  assert.equal(cache.get('0' as ObjectId), undefined);
  assert.equal(`${cache.get('999' as ObjectId)}`, 'x');
});
