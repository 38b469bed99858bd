import assert from 'node:assert/strict';
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc, holdsAsync } from '../../../test/support/fuzz.ts';
import { npmTools } from '../../agent/toolchains/npm-tools.ts';
import { isToolName, pins } from '../../agent/toolchains/pins.ts';
import { isFailure } from '../../domain/errors.ts';
import { memoryTree } from '../memory-tree.ts';
import { mkdocsVersion } from '../mkdocs-layers.ts';
import { baseOf, goBase } from './bases.ts';
import { writeDockerfile } from './dockerfile.ts';
import { managerPackages } from './node.ts';
import { uvVersion } from './python.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const golden = join(import.meta.dirname, 'fixtures');

function exampleTree(name: string) {
  const at = join(root, 'examples', name);
  const paths = globSync('**/*', {
    cwd: at,
    withFileTypes: true,
    exclude: (one) => /^(?:__pycache__|node_modules)$/.test(one.name),
  });
  const files = paths.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return memoryTree(Object.fromEntries(files.map((file) => [file.slice(at.length + 1), readFileSync(file, 'utf8')])));
}

for (const name of readdirSync(join(root, 'examples')))
  test(`${name} has the Dockerfile that is kept in fixtures/ (LOCKSTEP_WRITE_GOLDEN=1 writes it anew)`, async () => {
    const { text, notes } = await writeDockerfile(exampleTree(name));
    assert.deepEqual(notes, []);
    const file = join(golden, `${name}.Dockerfile`);
    if (process.env.LOCKSTEP_WRITE_GOLDEN === '1') {
      mkdirSync(golden, { recursive: true });
      writeFileSync(file, text);
    }
    assert.equal(text, readFileSync(file, 'utf8'));
  });

/** The last stage's lines. */
const lastStage = (text: string): string => text.slice(text.lastIndexOf('\nFROM '));
const dockerfile = async (files: Record<string, string>) => (await writeDockerfile(memoryTree(files))).text;
const flask = { 'app.py': 'from flask import Flask\napp = Flask(__name__)\n', 'requirements.txt': 'Flask\n' };

test('tools have the versions that the process runtime uses', () => {
  assert.equal(uvVersion, pins.uv[0]!.version);
  assert.equal(mkdocsVersion, pins.mkdocs[0]!.version);
  assert.equal(goBase, `golang:${pins.go[0]!.version.replace(/\.\d+$/, '')}-trixie`);
  for (const [tool, spec] of Object.entries(managerPackages)) {
    assert.ok(isToolName(tool));
    const pin = npmTools[tool as 'pnpm'][0]!;
    assert.equal(spec, `${pin.name}@${pin.version}`);
  }
});

test('a project that says its name answers to it in its image', async () => {
  const text = await dockerfile({ ...flask, 'pyproject.toml': '[project]\nname = "shop"\nversion = "1.0"\n' });
  assert.match(
    text,
    /\nRUN \/opt\/venv\/bin\/python -I -c 'exec\("import importlib\.metadata as metadata, .*"\)' .*"name":"shop"/,
  );
});

test('what only setup.py says is required is installed by what it names', async () => {
  const text = await dockerfile({
    ...{ Procfile: 'web: python -m shop', 'shop/__init__.py': '' },
    'setup.py': 'from setuptools import setup\nsetup(name="shop", packages=["shop"], install_requires=["flask"])\n',
  });
  assert.match(text, /os\.makedirs.* shop\nRUN .*uv pip install .* -r setup\.py\b/);
  assert.doesNotMatch(text, /\{inputs\}|\{layer\}/);
});

test("an MkDocs site's pages are made in a stage of their own, and served as files", async () => {
  const text = await dockerfile({ 'mkdocs.yml': 'site_name: x\n', 'docs/index.md': '# x\n' });
  assert.match(text, /uv pip install --python \/opt\/venv\/bin\/python -- mkdocs==1\.6\.1\b/);
  assert.match(
    text,
    /WORKDIR \/app\nCOPY \. \.\nRUN \/opt\/venv\/bin\/python -m mkdocs build --quiet --clean --site-dir \/made\n/,
  );
  assert.match(lastStage(text), /FROM caddy[\s\S]*COPY --from=build \/made \/site\n/);
});

test('the image is of the newest version line that the app accepts', () => {
  const notes: string[] = [];
  const check = (kind: 'python' | 'node', version: string | null, expected: string) =>
    assert.equal(baseOf({ kind, version }, notes), expected);
  check('python', null, 'python:3.14-slim');
  check('python', '3.11', 'python:3.11-slim');
  check('python', '3.11.7', 'python:3.11.7-slim');
  check('python', '>=3.9,<3.12', 'python:3.11-slim');
  check('node', '>=22', 'node:26-slim');
  check('node', '^22.1.0', 'node:22-slim');
  check('node', '20', 'node:20-slim');
  assert.deepEqual(notes, []);
  check('python', '<3', 'python:3.14-slim');
  assert.match(notes[0]!, /^no version line of python is known that <3 accepts/);
});

test('dependencies are installed before the sources are there, and nothing that only builds is in the last stage', async () => {
  for (const name of readdirSync(golden)) {
    const text = readFileSync(join(golden, name), 'utf8');
    const last = lastStage(text);
    assert.match(last, /^USER 10001:10001$/m, name);
    assert.doesNotMatch(last, /pip install|npm (?:ci|install)|go (?:build|mod)|compileall|--mount/, name);
    for (const stage of text.split(/^(?=FROM )/m)) {
      const [install, sources] = [
        stage.search(/^RUN .*(?:requirements\.txt|npm ci|go mod download)/m),
        stage.indexOf('COPY . .'),
      ];
      if (install >= 0 && sources >= 0) assert.ok(install < sources, name);
    }
  }
});

test('caches bear the name of the app for which they are kept', async () => {
  const { text } = await writeDockerfile(memoryTree(flask), 'app_1');
  const mounts = text.match(/--mount=\S+/g)!;
  assert.ok(mounts.length >= 3);
  for (const mount of mounts) assert.equal(mount, '--mount=type=cache,id=app_1,target=/cache,sharing=locked');
});

test('a start command keeps its words, hears signals and can be reached', async () => {
  const start = async (web: string) => /^CMD .*$/m.exec(await dockerfile({ ...flask, Procfile: `web: ${web}\n` }))![0];
  assert.equal(await start('gunicorn app:app'), 'CMD ["/bin/sh","-c","exec gunicorn app:app"]');
  assert.equal(await start('exec gunicorn app:app'), 'CMD ["/bin/sh","-c","exec gunicorn app:app"]');
  assert.equal(await start('A="$B" gunicorn app:app'), 'CMD ["/bin/sh","-c","A=\\"$B\\" gunicorn app:app"]');
  assert.equal(await start('cd x && gunicorn app:app'), 'CMD ["/bin/sh","-c","cd x && gunicorn app:app"]');
  const noted = async (web: string) =>
    (await writeDockerfile(memoryTree({ ...flask, Procfile: `web: ${web}\n` }))).notes.join();
  assert.match(await noted('gunicorn -b 127.0.0.1:$PORT app:app'), /listens on the loopback \(127\.0\.0\.1\)/);
  assert.match(await noted('python manage.py runserver $PORT'), /runserver without an address/);
  assert.equal(await noted('gunicorn app:app'), '');
});

test('a built tree is built with development dependencies and served without; an early script waits for the sources', async () => {
  const manifest = {
    scripts: { start: 'node dist/a.js', build: 'tsc', prepare: 'tsc', postinstall: 'node tools/x.js' },
    dependencies: { a: '1' },
  };
  const text = await dockerfile({
    'package.json': JSON.stringify(manifest),
    'pnpm-lock.yaml': "lockfileVersion: '9.0'\n",
  });
  const [, build, run, last] = text.split(/^(?=FROM )/m);
  assert.match(
    build!,
    /RUN npm pkg delete scripts\.postinstall scripts\.prepare\n.*pnpm install --frozen-lockfile --reporter/,
  );
  assert.match(build!, /COPY \. \.\nRUN npm run postinstall\nRUN npm run build\nRUN find/);
  assert.match(run!, /pnpm install --frozen-lockfile --prod/);
  assert.match(last!, /COPY --from=run \/app \/app\nCOPY --from=build \/app \/app\n/);
});

test('an app of many files has their bytecode in its image, one of few is compiled when it starts', async () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`m${at}.py`, '']));
  assert.match(
    lastStage(await dockerfile({ ...flask, ...many })),
    /COPY \. \.\nRUN \S+ -m compileall .* \/app \|\| true\n/,
  );
  assert.doesNotMatch(lastStage(await dockerfile(flask)), /compileall/);
});

test('a volume that the tree brings files for is given to the app after they are there, else before', async () => {
  const yml = { ...flask, 'lockstep.yml': 'volumes:\n  data: data\n' };
  const of = async (files: Record<string, string>) => lastStage(await dockerfile(files));
  const early = await of(yml);
  assert.ok(early.indexOf('chown') < early.indexOf('COPY . .'));
  const late = await of({ ...yml, 'data/.gitkeep': '' });
  assert.ok(late.indexOf('chown') > late.indexOf('COPY . .'));
});

test('nothing that a repository says begins a line of its own', async () => {
  const refused = async (files: Record<string, string>) =>
    assert.rejects(dockerfile({ ...flask, ...files }), (error) => isFailure(error, 'bad-config'));
  await refused({ 'app.json': JSON.stringify({ env: { A: { value: 'x\nRUN evil' } } }) });
  await refused({ 'requirements.txt': '-r a*b.txt\n', 'a*b.txt': '' });
  await refused({ 'requirements.txt': '-r $HOME.txt\n', '$HOME.txt': '' });
  const quotes = await dockerfile({ ...flask, 'app.json': JSON.stringify({ env: { A: { value: 'x" B="$C\\' } } }) });
  assert.match(quotes, /^ENV A="x\\" B=\\"\\\$C\\\\"$/m);
});

test('whatever the files hold, every line is an instruction or a comment, or it is refused', async () => {
  const value = fc.string({ unit: 'binary', maxLength: 40 });
  const files = fc.record({ web: value, env: value, module: value });
  await holdsAsync(files, 200, async ({ web, env, module }) => {
    const tree = {
      ...flask,
      'app.py': `${module}\n${flask['app.py']}`,
      Procfile: `web: gunicorn app:app ${web}\n`,
      'app.json': JSON.stringify({ env: { A: { value: env } } }),
    };
    const text = await dockerfile(tree).catch((error: Error) => {
      assert.ok(isFailure(error), String(error));
      return null;
    });
    for (const line of text?.split('\n') ?? [])
      assert.match(line, /^(?:|# .*|(?:FROM|ENV|RUN|WORKDIR|COPY|USER|EXPOSE|CMD) .*[^\\])$/u);
  });
});
