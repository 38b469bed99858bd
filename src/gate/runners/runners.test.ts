import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { askAhead } from '../../../test/support/started-ahead.ts';
import { askDocsAhead, askStyleAhead } from '../../../test/support/started-ahead-too.ts';
import { writeOwnDistribution } from '../../build/own-distribution.ts';
import { parseDefinitions } from '../checks/python-docstrings.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';
import { parseJunit } from '../reports/junit.ts';
import { parseLcov } from '../reports/lcov.ts';

const home = mkdtempSync(join(tmpdir(), 'lockstep-runners-'));
after(() => rmSync(home, { recursive: true, force: true }));
const python = join(home, 'venv/bin/python');
let skip: string | false = false;
try {
  execFileSync('/usr/bin/python3', ['-m', 'venv', join(home, 'venv')], { stdio: 'ignore' });
  const packages = ['pycodestyle', 'pyflakes', 'pytest', 'pytest-cov', 'pdoc'];
  execFileSync(python, ['-m', 'pip', 'install', '-q', ...packages], { stdio: 'ignore' });
} catch {
  skip = 'no Python environment could be made';
}

function run(script: string, name: string, files: Record<string, string>, args: string[]) {
  const tree = join(home, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const reports = mkdtempSync(join(home, 'reports-'));
  const argv = [join(import.meta.dirname, script), ...args.map((arg) => arg.replace('{reports}', reports))];
  const { status } = spawnSync(python, argv, { cwd: tree, encoding: 'utf8' });
  const read = (file: string) => readFileSync(join(reports, file), 'utf8');
  return { status, read };
}

test('pep8 finds what pycodestyle and pyflakes find, in the given files only', { skip }, () => {
  const files = { 'a.py': 'import os\nx=1\n', 'b.py': 'y=1\n', 'files.json': '["a.py", "../x.py", "/etc/passwd"]' };
  const { status, read } = run('pep8.py', 'style', files, ['--files', 'files.json', '--out', '{reports}/s.json']);
  const rules = parseFindingsJson(read('s.json'))!.findings.map((one) => `${one.file}:${one.line} ${one.rule}`);
  assert.equal(status, 0);
  assert.deepEqual(rules, ['a.py:1 UnusedImport', 'a.py:2 E225']);
});

const order = ['--reports', '{reports}', '--try', 'pytest', '--try', 'unittest'];

test('what an app leaves for its end is done before the tests end, with the code that they have', { skip }, () => {
  const text = `import atexit, os, threading, time, unittest

def late():
    threading.main_thread().join()
    open("thread", "w").close()

class Late(unittest.TestCase):
    def test_late(self):
        atexit.register(lambda: open("atexit", "w").write(str(os.path.exists("thread"))))
        threading.Thread(target=late).start()
        print("the last words")
        self.fail()
`;
  const { status } = run('run_tests.py', 'late', { 'test_late.py': text }, [
    '--reports',
    '{reports}',
    '--try',
    'unittest',
  ]);
  assert.equal(status, 1);
  assert.equal(readFileSync(join(home, 'late', 'atexit'), 'utf8'), 'True');
});

test('pytest: junit, coverage, and the current folder can be imported', { skip }, () => {
  const files = {
    'app.py': 'def two():\n    return 2\n',
    'tests/test_a.py': 'from app import two\n\n\ndef test_bad():\n    assert two() == 3\n',
  };
  const { status, read } = run('run_tests.py', 'pytest', files, order);
  assert.equal(status, 1);
  const [only] = parseJunit(read('junit.xml'))!;
  assert.deepEqual(
    [only!.name, only!.file, only!.line, only!.message],
    ['test_bad', 'tests/test_a.py', 5, 'assert 2 == 3'],
  );
  assert.equal(parseLcov(read('lcov.info'))!.files.get('app.py')!.get(2), 1);
});

test("pytest's cache is there for who keeps things in it, is empty each time, and lies outside the tree", {
  skip,
}, () => {
  const files = {
    'pytest.ini': '[pytest]\naddopts = --ff --strict-config\n',
    'tests/test_a.py':
      'def test_a(request):\n    cache = request.config.cache\n    assert cache.get("shop/a", 1) == 1\n    cache.set("shop/a", 2)\n    assert not cache.mkdir("kept").is_relative_to(request.config.rootpath)\n',
  };
  for (const time of ['first', 'second']) {
    const { status, read } = run('run_tests.py', 'cache', files, order);
    assert.deepEqual([time, status, parseJunit(read('junit.xml'))![0]!.name], [time, 0, 'test_a']);
  }
});

test('unittest cases in tests.py are found after pytest found none', { skip }, () => {
  const files = {
    'tests.py':
      'import unittest\n\n\nclass A(unittest.TestCase):\n    def test_x(self):\n        self.assertEqual(1, 2)\n',
  };
  const { status, read } = run('run_tests.py', 'unittest', files, order);
  const [only] = parseJunit(read('junit.xml'))!;
  assert.deepEqual(
    [status, only!.name, only!.file, only!.line, only!.message],
    [1, 'A.test_x', 'tests.py', 6, '1 != 2'],
  );
});

test('a second runner in the same process records too', { skip }, () => {
  const files = {
    'manage.py':
      'import unittest\n\nunittest.main(module=None, argv=["x", "discover", "-p", "none*.py"], exit=False)\n',
    'test_a.py': 'import unittest\n\n\nclass A(unittest.TestCase):\n    def test_x(self):\n        pass\n',
  };
  const { status, read } = run('run_tests.py', 'second', files, [
    ...order.slice(0, 2),
    '--try',
    'django',
    '--try',
    'unittest',
  ]);
  assert.deepEqual([status, JSON.parse(read('tests.json')).runner], [0, 'unittest']);
  assert.equal(parseJunit(read('junit.xml'))!.length, 1);
});

test('no tests is exit 5 and no runner', { skip }, () => {
  const { status, read } = run('run_tests.py', 'none', { 'a.py': 'x = 1\n' }, order);
  assert.equal(status, 5);
  assert.equal(JSON.parse(read('tests.json')).runner, null);
});

test('of all tests only those that failed run again, by pytest and by unittest', { skip }, () => {
  const files = {
    'test_a.py': `import unittest

import pytest


@pytest.mark.parametrize("n", [1, 2])
def test_each(n):
    assert n == 1


class TestShop:
    def test_pay(self):
        assert False

    def test_other(self):
        pass


class Old(unittest.TestCase):
    def test_case(self):
        self.fail("no")
`,
  };
  const names = (only: string[], ...more: string[]) => {
    const { read } = run('run_tests.py', 'again', { ...files, 'only.json': JSON.stringify(only) }, [
      ...['--reports', '{reports}', '--only', 'only.json', ...more],
    ]);
    return parseJunit(read('junit.xml'))!.map(({ name, outcome }) => `${name} ${outcome}`);
  };
  assert.deepEqual(names(['test_each[2]', 'TestShop.test_pay'], '--try', 'pytest'), [
    'test_each[2] failed',
    'TestShop.test_pay failed',
  ]);
  assert.deepEqual(names(['Old.test_case'], '--try', 'unittest'), ['Old.test_case failed']);
});

test('what a tool wrote is no style finding, and a formatter says how long a line may be', { skip }, () => {
  const long = `X = "${'x'.repeat(79)}"\n`;
  const files = { 'a.py': long, 'b.py': `# Generated by a tool\n${long}`, 'files.json': '["a.py", "b.py"]' };
  const style = (...more: string[]) =>
    parseFindingsJson(
      run('pep8.py', 'generated', files, ['--files', 'files.json', '--out', '{reports}/s.json', ...more]).read(
        's.json',
      ),
    )!.findings.map((one) => `${one.file}:${one.line} ${one.rule}`);
  assert.deepEqual(style(), ['a.py:1 E501']);
  assert.deepEqual(style('--line-length', '88'), []);
  // An app's own configuration is the app's own: it leaves out what it wants to.
  assert.deepEqual(style('--only', 'pycodestyle', '--config', '/dev/null'), ['a.py:1 E501', 'b.py:2 E501']);
});

const defined = `"""About a."""
import typing


class Shop:
    def pay(self):
        def inner():
            pass

    @property
    def open(self):
        "Whether it is."

    @open.setter
    def open(self, value):
        pass

    @typing.override
    def close(self):
        pass

    class Meta:
        def x(self):
            pass

    def __str__(self):
        return ""

    def _hidden(self):
        pass


if typing.TYPE_CHECKING:
    async def later():
        pass


@typing.overload
def many(): ...


class _Own:
    def x(self):
        pass
`;

test('docstrings: what is public and counts, in a flat layout and in packages', { skip }, () => {
  const settings = (more = {}) =>
    JSON.stringify({ files: ['a.py', 'src/p/__init__.py', 'src/p/b.py', 'gen.py', 'broken.py'], ...more });
  const files = {
    'a.py': defined,
    'src/p/__init__.py': '',
    'src/p/b.py': 'def f(a, b):\n    """F."""\n',
    'gen.py': '# Code generated by x. DO NOT EDIT.\ndef g():\n    pass\n',
    'broken.py': 'def (\n',
  };
  const list = (more = {}) => {
    const given = { ...files, 'settings.json': settings(more) };
    const args = ['--settings', 'settings.json', '--out', '{reports}/d.json'];
    return parseDefinitions(run('docstrings.py', 'docstrings', given, args).read('d.json'))!.map(
      ({ file, line, name, kind, isDocumented }) => `${file}:${line} ${kind} ${name} ${isDocumented ? 'yes' : 'no'}`,
    );
  };
  const all = [
    ...['a.py:1 module a yes', 'a.py:5 class Shop no', 'a.py:6 method Shop.pay no', 'a.py:11 method Shop.open yes'],
    ...['a.py:34 function later no', 'src/p/b.py:1 module src.p.b no', 'src/p/b.py:1 function f yes'],
  ];
  assert.deepEqual(list(), all);
  assert.deepEqual(
    list({ ignore: ['module', 'property'], names: ['^pay$'] }),
    all.filter((line) => !/ module | Shop\.open | Shop\.pay /.test(line)),
  );
});

test('a project runs from its tree as if it were installed: src is found, also by what its tests start', {
  skip,
}, () => {
  const files = {
    'pyproject.toml':
      '[tool.coverage.run]\nsource = ["shop", "tests"]\n[tool.coverage.paths]\nsource = ["src", "*/site-packages"]\n',
    'src/shop/__init__.py': 'price = 2\n',
    'tests/test_shop.py':
      'import subprocess\nimport sys\n\nfrom shop import price\n\n\ndef test_price(tmp_path):\n' +
      '    code = "import shop; print(shop.price)"\n' +
      '    said = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path)\n' +
      '    assert int(said) == price\n',
  };
  const { status, read } = run('run_tests.py', 'layout', files, order);
  assert.equal(status, 0, read('junit.xml'));
  assert.equal(parseLcov(read('lcov.info'))!.files.get('src/shop/__init__.py')!.get(1), 1);
});

test('a layer that says what the tree is called answers for it, in the place of one that is installed', {
  skip,
}, () => {
  const own = {
    name: 'Pyflakes',
    version: '0+unknown',
    entryPoints: { 'shop.parts': { b: 'shop:b', a: 'shop:a' } },
  };
  const ask =
    'from importlib.metadata import distribution as d; o = d("pyflakes"); print(o.version, [(e.group, e.name, e.value) for e in o.entry_points])';
  const venv = join(home, 'own');
  execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', venv], { stdio: 'ignore' });
  const layer = join(venv, 'bin/python');
  for (const version of ['1', own.version])
    execFileSync(layer, ['-I', '-c', writeOwnDistribution, JSON.stringify({ ...own, version })]);
  assert.equal(
    execFileSync(layer, ['-I', '-c', ask], { encoding: 'utf8' }),
    "0+unknown [('shop.parts', 'a', 'shop:a'), ('shop.parts', 'b', 'shop:b')]\n",
  );
});

test('a layer of the checks finds the tree that it is told of, with any PYTHONPATH, before an installed one of that name', {
  skip,
}, () => {
  const venv = join(home, 'placed');
  const tree = join(home, 'placed-tree');
  execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', venv], { stdio: 'ignore' });
  const layer = join(venv, 'bin/python');
  const packages = execFileSync(layer, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
    encoding: 'utf8',
  }).trim();
  const write = (folder: string, text: string) => {
    mkdirSync(join(folder, 'shop'), { recursive: true });
    writeFileSync(join(folder, 'shop/__init__.py'), text);
  };
  write(packages, 'price = "installed"\n');
  write(join(tree, 'src'), 'price = "of src"\n');
  write(tree, 'price = "of the tree"\n');
  const own = { name: 'shop', version: '1', entryPoints: {} };
  const place = (more: object) =>
    execFileSync(layer, ['-I', '-c', writeOwnDistribution, JSON.stringify({ ...own, ...more })]);
  const ask = (env: Record<string, string>, ...words: string[]) =>
    execFileSync(layer, [...words, '-c', 'import shop; print(shop.price)'], { cwd: '/', env, encoding: 'utf8' }).trim();
  const told = { LOCKSTEP_TREE: tree, PYTHONPATH: '/nowhere' };
  place({});
  assert.equal(ask(told), 'installed');
  place({ place: 'src' });
  assert.deepEqual([ask(told), ask(told, '-I'), ask({})], ['of src', 'of src', 'installed']);
  place({ place: '.' });
  assert.equal(ask(told), 'of the tree');
  // What runs the tests tells it, and steers nobody by PYTHONPATH then.
  const code = 'import shop; print(shop.price)';
  const test = `import os, subprocess, sys, unittest


class A(unittest.TestCase):
    def test_child(self):
        env = {**os.environ, "PYTHONPATH": "/nowhere"}
        said = subprocess.check_output([sys.executable, "-c", ${JSON.stringify(code)}], cwd="/", env=env)
        self.assertEqual(said, b"of the tree\\n")
        self.assertNotIn("PYTHONPATH", os.environ)
`;
  writeFileSync(join(tree, 'pyproject.toml'), '');
  rmSync(join(tree, 'src'), { recursive: true });
  writeFileSync(join(tree, 'test_child.py'), test);
  const reports = mkdtempSync(join(home, 'reports-'));
  const words = [join(import.meta.dirname, 'run_tests.py'), '--reports', reports, '--try', 'unittest'];
  const { status, stderr } = spawnSync(layer, words, { cwd: tree, env: {}, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('of a project that its image has installed the copy is tested, and measured as the files of the tree', {
  skip,
}, () => {
  const venvs = ['image', 'layer'].map((name) => {
    const venv = join(home, `installed-${name}`);
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', venv], { stdio: 'ignore' });
    const ask = 'import sysconfig; print(sysconfig.get_path("purelib"))';
    return { venv, site: execFileSync(join(venv, 'bin/python'), ['-c', ask], { encoding: 'utf8' }).trim() };
  });
  const [image, layer] = [venvs[0]!, venvs[1]!];
  const write = (at: string, text: string) => {
    mkdirSync(dirname(join(image.site, at)), { recursive: true });
    writeFileSync(join(image.site, at), text);
  };
  write('the_shop/__init__.py', 'def price():\n    return 1\n\n\ndef never():\n    return 2\n');
  write('the_shop/more.py', 'MORE = 1\n');
  write('the_shop-1.dist-info/METADATA', 'Metadata-Version: 2.1\nName: The-Shop\nVersion: 1\n');
  write('the_shop-1.dist-info/INSTALLER', 'pip\n');
  write('the_shop-1.dist-info/RECORD', 'the_shop/__init__.py,,\nthe_shop/more.py,,\n../../../bin/shop,,\n');
  const own = JSON.stringify({ name: 'the.shop', version: '1', entryPoints: {}, place: 'src' });
  execFileSync(join(layer.venv, 'bin/python'), ['-I', '-c', writeOwnDistribution, own]);
  const measured = (name: string, files: Record<string, string>) => {
    const tree = join(home, name);
    const reports = join(home, `${name}-reports`);
    for (const [path, text] of Object.entries({ ...files, 'tests/test_shop.py': tests })) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    mkdirSync(reports);
    const words = ['--reports', reports, '--try', 'pytest', '--path', layer.venv, '--path', dirname(dirname(python))];
    const { status, stderr } = spawnSync(
      join(image.venv, 'bin/python'),
      [join(import.meta.dirname, 'run_tests.py'), ...words],
      { cwd: tree, env: { PYTHONDONTWRITEBYTECODE: '1' }, encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    const { files: found } = parseLcov(readFileSync(join(reports, 'lcov.info'), 'utf8'))!;
    return [...found].map(([file, lines]) => [file, [...lines.values()].filter((hits) => hits > 0).length]).sort();
  };
  const tests = 'import the_shop\n\n\ndef test_price():\n    assert the_shop.price() == 1\n';
  const of = (hits: number) => [...[['src/the_shop/__init__.py', hits]], ['tests/test_shop.py', 3]];
  assert.deepEqual(measured('installed-only', {}), [
    ['src/the_shop/__init__.py', 3],
    ['src/the_shop/more.py', 0],
    ['tests/test_shop.py', 3],
  ]);
  // What is in the folder itself goes first, and is what is measured.
  const inTree = { 'src/the_shop/__init__.py': 'def price():\n    return 1\n' };
  assert.deepEqual(measured('installed-too', inTree), of(2));
});

test("tests' folders have names short enough for a socket, unless the project names one", { skip }, () => {
  const of = (expected: string) =>
    `def test_short(tmp_path):\n    assert str(tmp_path.parent) == ${JSON.stringify(expected)}\n`;
  const short = run('run_tests.py', 'short', { 'test_a.py': of(join(process.env.TMPDIR ?? home, 'p')) }, order);
  assert.equal(short.status, 0, short.read('junit.xml'));
  const files = { 'test_a.py': of(join(home, 'named/mine')), 'pytest.ini': '[pytest]\naddopts = --basetemp=mine\n' };
  const named = run('run_tests.py', 'named', files, order);
  assert.equal(named.status, 0, named.read('junit.xml'));
});

test("that another site's index cannot be fetched is no warning of the documentation", { skip }, () => {
  const warnings = [
    "WARNING: failed to reach any of the inventories with the following issues:\nintersphinx inventory 'x' not fetchable due to",
    'index.rst:3: WARNING: unknown document: gone',
  ];
  const program = [
    'import json, sys; sys.path.insert(0, sys.argv[1]); import docs_sphinx, docs_told as told',
    '[docs_sphinx.hear(told, one, "docs") for one in json.loads(sys.argv[2])]',
    'print(json.dumps([[one["message"] for one in told.FINDINGS], len(told.NOTES)]))',
  ].join('\n');
  const said = execFileSync(python, ['-c', program, import.meta.dirname, JSON.stringify(warnings)], {
    encoding: 'utf8',
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  });
  assert.deepEqual(JSON.parse(said), [['unknown document: gone'], 1]);
});

test('what a plugin of MkDocs says of a module or of a name is placed there, or in the page that asks for it', {
  skip,
}, () => {
  const tree = join(home, 'mkdocs-places');
  mkdirSync(join(tree, 'docs', 'api'), { recursive: true });
  writeFileSync(join(tree, 'mkdocs.yml'), 'site_name: shop\nplugins: [search]\n');
  writeFileSync(join(tree, 'shop.py'), '"""A shop."""\n');
  writeFileSync(join(tree, 'docs/index.md'), '# Shop 1.2\n');
  writeFileSync(join(tree, 'docs/api/shop.md'), '# API\n\n::: shop.gone\n');
  const said = [
    "griffe: shop.py:11: No type or annotation for parameter 'c'",
    'mkdocstrings: shop.gone could not be found',
    "Could not collect 'shop.gone'",
    'Config value \'plugins\': The "nothere" plugin is not installed',
    'griffe: /usr/lib/python3/os.py:11: elsewhere',
    "Doc file 'index.md' contains a link 'gone.md'",
    'version 1.2 is old, see index.md and other.names',
  ];
  const program = [
    'import json, sys; sys.path.insert(0, sys.argv[1]); import docs_mkdocs, docs_told as told',
    '[docs_mkdocs.hear(told, one, "mkdocs.yml", "docs") for one in json.loads(sys.argv[2])]',
    'print(json.dumps([[one["file"], one["line"]] for one in told.FINDINGS]))',
  ].join('\n');
  const words = ['-c', program, import.meta.dirname, JSON.stringify(said)];
  const env = { PYTHONDONTWRITEBYTECODE: '1' };
  assert.deepEqual(JSON.parse(execFileSync(python, words, { cwd: tree, encoding: 'utf8', env })), [
    ['shop.py', 11],
    ['docs/api/shop.md', 3],
    ['docs/api/shop.md', 3],
    ['mkdocs.yml', 2],
    ['mkdocs.yml', null],
    ['docs/index.md', null],
    ['mkdocs.yml', null],
  ]);
});

test('of a Sphinx that stops, the reason is told, in the forms of its versions', { skip }, () => {
  const forms = [
    "Running Sphinx\n\nExtension error:\nCould not import extension a.b (exception: No module named 'a')\n",
    "Extension error!\n\nVersions\n========\n\nTraceback\n=========\n    sphinx.errors.ExtensionError: Could not import extension a.b (exception: No module named 'a')\n\nThe full traceback has been saved in:\n/tmp/x.log\n",
    'Configuration error:\nThere is a programmable error in your configuration file:\n\nTraceback (most recent call last):\nRuntimeError: no\n',
    'something else\n',
  ];
  const program = [
    'import io, json, sys; sys.path.insert(0, sys.argv[1]); import docs_sphinx as r',
    'sys.stderr = io.StringIO()',
    'print(json.dumps([(lambda e: (e.write(one), e.reason())[1])(r.Echo()) for one in json.loads(sys.argv[2])]))',
  ].join('\n');
  const said = execFileSync(python, ['-c', program, import.meta.dirname, JSON.stringify(forms)], {
    encoding: 'utf8',
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  });
  const missing = "Could not import extension a.b (exception: No module named 'a')";
  assert.deepEqual(JSON.parse(said), [
    `: ${missing}`,
    `: sphinx.errors.ExtensionError: ${missing}`,
    ': RuntimeError: no',
    '',
  ]);
});

test('what pytest finds only when it is told is found by the words of tox.ini', { skip }, () => {
  const files = {
    'checks/shop.py': 'def test_shop():\n    assert 1 == 2\n',
    'told.json': '["checks/shop.py"]',
  };
  const told = [...order.slice(0, 4), '--try', 'told', '--try', 'unittest', '--told', 'told.json'];
  const { status, read } = run('run_tests.py', 'told', files, told);
  assert.equal(JSON.parse(read('tests.json')).runner, 'pytest');
  const [only] = parseJunit(read('junit.xml'))!;
  assert.deepEqual([status, only!.name, only!.file, only!.line], [1, 'test_shop', 'checks/shop.py', 2]);
});

test("a tool is the app's own version when its packages have one, else the one that is given", { skip }, () => {
  // A file of the app's that bears the tool's name does not stand for it.
  const files = { 'a.py': 'import os\n', 'pyflakes.py': 'raise SystemExit(0)\n' };
  const capture = (...more: string[]) => {
    const out = ['--out', '{reports}/out', '--root', '{reports}/root.txt'];
    const { status, read } = run('capture.py', 'capture', files, [...out, ...more]);
    return [status, read('out').trim(), read('root.txt').split('/').at(-1)];
  };
  assert.deepEqual(capture('--own', 'pyflakes', '--', '/nonexistent', 'a.py'), [
    1,
    "a.py:1:1: 'os' imported but unused",
    'capture',
  ]);
  assert.deepEqual(capture('--own', 'no_such_tool', '--', '/bin/echo', 'given'), [0, 'given', 'capture']);
  assert.deepEqual(capture('--', '/nonexistent/tool')[0], 127);
});

askAhead({ home, python, skip });
askDocsAhead({ home, python, skip });
askStyleAhead({ home, python, skip });
