import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { defaultGate } from '../../domain/gate-settings.ts';
import { readAppJson } from './app-json.ts';
import { readLockstepYml } from './lockstep-yml.ts';
import { readProcfile } from './procfile.ts';
import { poetrySpecifier, readPyproject } from './pyproject.ts';
import { pythonSatisfies, wantedPython } from './python-version.ts';
import { parseRequirement, readRequirements, withoutLocal } from './requirements.ts';

/** A refusal: `bad-config` whose message has every one of these words. */
async function refuses(run: () => unknown, ...words: string[]) {
  await assert.rejects(
    async () => run(),
    (error) => {
      assert.ok(isFailure(error, 'bad-config'), String(error));
      for (const word of words) assert.ok(error.message.includes(word), `${error.message} lacks ${word}`);
      return true;
    },
  );
}

test('a Procfile gives its lines, and refuses what is not one', async () => {
  const check = (text: string, expected: string[]) =>
    assert.deepEqual(
      readProcfile(text).map(({ name, command }) => `${name}=${command}`),
      expected,
    );
  check('', []);
  check('\uFEFFweb: a b:c\r\n# no\r\n\r\nrelease : x', ['web=a b:c', 'release=x']);
  await refuses(() => readProcfile('web gunicorn\nweb:\nok: 1\nok: 2'), 'line 1', 'line 2', 'already on line 3');
  await refuses(() => readProcfile('__proto__: x'), 'line 1');
  await refuses(() => readProcfile('web: a\0b'), 'NUL');
  await refuses(() => readProcfile(`web: ${'x'.repeat(70_000)}`), 'at most');
});

test('app.json gives variables, test environment, health and quantities, and never repeats a value', async () => {
  const read = readAppJson(
    JSON.stringify({
      name: 'other keys pass',
      env: { A: 'x', B: { required: false }, C: { generator: 'secret' }, D: { description: 'needed' } },
      environments: { test: { scripts: { test: 'pytest' }, env: { T: 1 } } },
      healthchecks: { web: [{ type: 'startup', path: '/up', timeout: 5 }] },
      formation: { web: { quantity: 2 } },
    }),
  );
  assert.deepEqual(
    read.env.map((one) => [one.name, one.required, one.value, one.generator]),
    [
      ['A', false, 'x', null],
      ['B', false, null, null],
      ['C', true, null, 'secret'],
      ['D', true, null, null],
    ],
  );
  assert.deepEqual(read.test, { scripts: { test: 'pytest' }, env: { T: '1' } });
  assert.deepEqual([read.health, read.quantities], [{ path: '/up', timeoutMs: 5000 }, { web: 2 }]);
  await refuses(() => readAppJson('{'), 'not JSON');
  await refuses(() => readAppJson('[]'), 'whole file');
  await refuses(() => readAppJson('{"env":{"A B":"x"}}'), 'env');
  assert.throws(
    () => readAppJson('{"env":{"KEY":["hunter2"]}}'),
    (error: Error) => !error.message.includes('hunter2'),
  );
});

test('lockstep.yml is read whole', () => {
  const check = (text: string, expected: object) =>
    assert.deepEqual(readLockstepYml(text), {
      runtime: null,
      image: null,
      volumes: {},
      health: { path: null, timeoutMs: null },
      release: null,
      web: null,
      limits: {},
      build: { args: {}, secrets: [] },
      gate: defaultGate,
      saidAuto: [],
      ...expected,
    });
  check('', {});
  check('# nothing\n', {});
  check('health: /up', { health: { path: '/up', timeoutMs: null } });
  check('health: { path: /up, timeout: 90s }', { health: { path: '/up', timeoutMs: 90_000 } });
  check('volumes: { data: ./instance/ }\nrelease: flask db upgrade\nweb: x', {
    volumes: { data: 'instance' },
    release: 'flask db upgrade',
    web: 'x',
  });
  check('runtime: docker', { runtime: 'docker' });
  check('build: { args: { MODE: fast, LEVEL: 2, DEBUG: false }, secrets: [NPM_TOKEN, pip.conf] }', {
    build: { args: { MODE: 'fast', LEVEL: '2', DEBUG: 'false' }, secrets: ['NPM_TOKEN', 'pip.conf'] },
  });
  const digest = `@sha256:${'0'.repeat(64)}`;
  check(`image: team/web${digest}`, { image: `docker.io/team/web${digest}` });
  for (const image of ['team/web:latest', 'Team', '--x', '1'])
    assert.throws(() => readLockstepYml(`image: ${image}`), /lockstep\.yml/, image);
  check('limits: { memory: 1GB, cpu: 0.5, pids: 64, disk: 2Gi }', {
    limits: { memoryBytes: 2 ** 30, cpus: 0.5, pids: 64, diskBytes: 2 ** 31 },
  });
});

test('every spelling of a size means a power of 1024, and nothing else is a size', async () => {
  for (const [text, bytes] of [
    ['512M', 2 ** 29],
    ['512MB', 2 ** 29],
    ['512Mi', 2 ** 29],
    ['512MiB', 2 ** 29],
    ['512 MB', 2 ** 29],
    ['65536K', 2 ** 26],
    ['2G', 2 ** 31],
    ['2Gi', 2 ** 31],
    ['2GiB', 2 ** 31],
  ] as const)
    assert.equal(readLockstepYml(`limits: { memory: ${text} }`).limits.memoryBytes, bytes, text);
  for (const text of [
    '512',
    '"512"',
    '512m',
    '512mb',
    '0.5G',
    '-1G',
    '1e3M',
    '512MBi',
    '512 bytes',
    '2T',
    '2GB/s',
    '15M',
    '1025G',
  ])
    await refuses(() => readLockstepYml(`limits: { memory: ${text} }`), 'limits.memory', 'must be a size like 512M');
});

test('lockstep.yml refuses the unknown, the misshapen and the hostile, all problems at once', async () => {
  const check = (text: string, ...words: string[]) => refuses(() => readLockstepYml(text), ...words);
  await check(
    'voluems: { a: b }\nlimits: { memroy: 1G, pids: 1 }',
    'voluems',
    '"volumes"',
    'limits.memroy ("1G")',
    '"memory"',
    'limits.pids: 1',
  );
  await check('health: { path: up, timout: 3 }', 'health.path: "up"', 'did you mean "timeout"');
  await check('runtim: docker', 'runtim', 'did you mean "runtime"');
  await check('runtime: podman', 'runtime: "podman"', 'must be process or docker');
  await check('build: { arg: {} }', 'build.arg', 'did you mean "args"');
  await check('build: { args: [A] }', 'build.args', 'map of NAME: value');
  await check('build: { args: { A: [1] } }', 'build.args.A', 'must be a text');
  await check('build: { args: { B C: x } }', 'build.args.B C', 'name of an ARG');
  await check(
    'build: { args: { https_proxy: x, BUILDKIT_SYNTAX: y } }',
    'https_proxy',
    'BUILDKIT_SYNTAX',
    'builder’s own',
  );
  await check('build: { args: { A: "x\\ny" } }', 'one line');
  await check('build: { secrets: { NPM_TOKEN: x } }', 'build.secrets', 'list of names');
  await check('build: { secrets: [a, a] }', 'names one twice');
  await check('build: { secrets: [lockstep-ca, "a b"] }', 'build.secrets.0', 'build.secrets.1');
  await check('gates: {}', 'gates ({})', 'did you mean "gate"');
  await check('volumes: { a: /etc }', 'volumes.a', '/etc');
  await check('volumes: { a: x/../../y }', 'within the app');
  await check('volumes: { a: .git/hooks }', 'within the app');
  await check('volumes: { a: x, b: x/y }', 'lies within volume "a"');
  await check('web: "a\\nb"', 'one line');
  await check('limits: { memory: 512 }', 'must be a size');
  await check('- a', 'whole file');
  await check('just text', 'whole file');
  await check('web: a\nweb: b', 'unique');
  await check('web: !!js/function x', 'lockstep.yml');
  await check('__proto__: { web: x }', '__proto__');
  await check('web: *nowhere', 'lockstep.yml');
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef']) bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`)}]`);
  await check(bomb.join('\n'), 'too many aliases');
  await check('['.repeat(60_000), 'lockstep.yml');
  await check(`web: ${'x'.repeat(70_000)}`, 'at most');
});

test('requirements are parsed one by one', () => {
  const check = (text: string, expected: [string, string[], string, string | null] | null) => {
    const read = parseRequirement(text);
    assert.deepEqual(read && [read.name, read.extras, read.specifier, read.marker], expected);
  };
  check('Flask_SQLAlchemy', ['flask-sqlalchemy', [], '', null]);
  check('uvicorn[standard] >= 0.2, <1', ['uvicorn', ['standard'], '>=0.2,<1', null]);
  check('a==1 ; python_version < "3"', ['a', [], '==1', 'python_version < "3"']);
  check('a @ https://x/y;z.whl ; os_name=="nt"', ['a', [], '@ https://x/y;z.whl', 'os_name=="nt"']);
  check('--evil', null);
  check('a b c', null);
});

test('requirements files include others, and stay within the tree', async () => {
  const read = (files: Record<string, string>) => async (path: string) =>
    Object.hasOwn(files, path) ? files[path]! : null;
  const check = async (files: Record<string, string>, names: string[], read_: string[], local: string[] = []) => {
    const got = await readRequirements('requirements.txt', read(files));
    assert.deepEqual([got.requirements.map(({ name }) => name), got.files, got.local], [names, read_, local]);
  };
  const one = 'requirements.txt';
  await check({ [one]: '' }, [], [one]);
  await check({ [one]: '# c\r\nFlask==1 # why\r\n-i https://x\r\nb' }, ['flask', 'b'], [one]);
  await check({ [one]: 'a==1 \\\n  --hash=sha256:00\nb' }, ['a', 'b'], [one]);
  await check(
    { [one]: '-r r/base.txt\n-c c.txt\nx', 'r/base.txt': '-r more.txt\ny', 'r/more.txt': 'z', 'c.txt': 'q==1' },
    ['x', 'y', 'z'],
    [one, 'r/base.txt', 'c.txt', 'r/more.txt'],
  );
  await check({ [one]: '-ra.txt', 'a.txt': '-r requirements.txt\na' }, ['a'], [one, 'a.txt']);
  await check({ [one]: '-e .\n./lib[x]\n-e git+https://h/r#egg=Foo_Bar' }, ['foo-bar'], [one], ['.', 'lib']);
  const ownOf = async (text: string) => (await readRequirements(one, read({ [one]: text }))).own;
  assert.deepEqual(
    [await ownOf('a'), await ownOf('./lib[x]'), await ownOf('-e .'), await ownOf('b\n-e .[full, x]')],
    [null, null, [], ['full', 'x']],
  );
  assert.equal(
    withoutLocal('-e .[full]\r\na==1\n./lib\n  --editable=../x # why\n.b\n-r ./c.txt\n'),
    '# -e .[full]\r\na==1\n# ./lib\n#   --editable=../x # why\n.b\n-r ./c.txt\n',
  );
  const refused = (text: string, ...words: string[]) =>
    refuses(() => readRequirements(one, read({ [one]: text })), ...words);
  await refused('-r ../x', 'outside');
  await refused('-r /etc/passwd\n-r gone.txt\n!!', 'outside', 'gone.txt', 'line 3');
  await refused('-r https://x/y.txt', 'only files of the repository');
  await refused('-e /etc', 'outside');
  const chain = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [i ? `${i}.txt` : one, `-r ${i + 1}.txt`]));
  await refuses(() => readRequirements(one, read(chain)), 'more than 50');
});

test('pyproject.toml is read from [project], groups or poetry', async () => {
  const project = readPyproject(
    '[project]\nname="x"\nrequires-python=">=3.9"\ndependencies=["flask>=2"]\n[project.optional-dependencies]\ntest=["pytest"]\n[dependency-groups]\ndev=["ruff",{include-group="x"}]\n[tool.setuptools.packages.find]\nwhere=["src"]',
  );
  assert.deepEqual(
    [
      project.kind,
      project.requiresPython,
      project.dependencies,
      project.optional,
      project.groups,
      project.saysSrcLayout,
    ],
    ['project', '>=3.9', ['flask>=2'], { test: ['pytest'] }, { dev: ['ruff'] }, true],
  );
  const poetry = readPyproject(
    '[tool.poetry.dependencies]\npython="^3.9"\nflask="^2.1"\ngit={git="https://h/r",rev="v1"}\nx={version="*",extras=["a"]}\n[tool.poetry.group.dev.dependencies]\npytest="*"',
  );
  assert.deepEqual(
    [poetry.kind, poetry.requiresPython, poetry.dependencies, poetry.groups],
    ['poetry', '>=3.9,<4', ['flask>=2.1,<3', 'git @ git+https://h/r@v1', 'x[a]'], { dev: ['pytest'] }],
  );
  assert.equal(readPyproject('[tool.black]').kind, 'none');
  for (const [given, expected] of Object.entries({
    '^0.2.3': '>=0.2.3,<0.3',
    '~1.2': '>=1.2,<1.3',
    '1.2': '==1.2',
    '*': '',
    '>=1, <2': '>=1,<2',
  }))
    assert.equal(poetrySpecifier(given), expected);
  await refuses(() => readPyproject('[project'), 'not TOML');
  await refuses(() => readPyproject('[project]\ndependencies="flask"'), 'must be a list');
  await refuses(() => readPyproject('[project]\ndependencies=["-r x"]\nrequires-python=3'), '-r x', 'requires-python');
  await refuses(() => readPyproject(`a=${'['.repeat(30_000)}`), 'pyproject.toml');
});

test('the wanted Python is the first that a file names', async () => {
  const check = (files: Parameters<typeof wantedPython>[0], expected: string | null) =>
    assert.equal(wantedPython(files)?.spec ?? null, expected);
  check({}, null);
  check({ pythonVersion: '\n' }, null);
  check({ pythonVersion: '3.12.1\n3.11', runtimeTxt: 'python-3.9' }, '3.12.1');
  check({ runtimeTxt: 'python-3.11.x\r\n' }, '3.11');
  check({ requiresPython: '>= 3.9, < 3.12' }, '>=3.9,<3.12');
  await refuses(() => wantedPython({ pythonVersion: '3.12; rm -rf /' }), '.python-version');
  await refuses(() => wantedPython({ pythonVersion: '--help' }), '--help');
  await refuses(() => wantedPython({ runtimeTxt: 'python-2.7.1' }), 'runtime.txt');
  await refuses(() => wantedPython({ requiresPython: '>=three' }), 'requires-python');
  for (const [version, spec, expected] of [
    ['3.11.2', '3.11', true],
    ['3.1.1', '3.11', false],
    ['3.11.2', '3.11.3', false],
    ['3.11.2', '>=3.9,<3.12', true],
    ['3.12.0', '>=3.9,<3.12', false],
    ['3.11.2', '~=3.9', true],
    ['3.11.2', '==3.11.*', true],
    ['3.11.2', '!=3.11.*', false],
    ['3.11.2', 'junk', false],
  ] as const)
    assert.equal(pythonSatisfies(version, spec), expected, `${version} ${spec}`);
});
