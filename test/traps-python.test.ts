// What Python's tools say that misleads, each by the real tool, at the top of a repository and in one of several packages.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Script } from 'node:vm';
import type { CheckResult } from '../src/domain/gate.ts';
import { pythonDocs } from '../src/gate/checks/python-docs.ts';
import { pythonFormat } from '../src/gate/checks/python-format.ts';
import { pythonStyle } from '../src/gate/checks/python-style.ts';
import { pythonTests } from '../src/gate/checks/python-tests.ts';
import { pythonMypy, pythonPyright } from '../src/gate/checks/python-types.ts';
import { RealChecks } from './support/real-checks.ts';
import { Stage } from './support/stage.ts';
import { trapTests } from './support/trap.ts';

let stage: Stage;
let checks: RealChecks;
let layer: string;
/** Of a package that setuptools builds, by a program. */
let programs: string;
before(async () => {
  stage = Stage.bare();
  stage.giveTools('mypy', 'pyright', 'black', 'sphinx', 'mkdocs');
  checks = await RealChecks.on(stage);
  layer = await checks.layer({ 'requirements.txt': '', 'requirements-dev.txt': 'pytest-cov==7.1.0\n' });
  programs = await checks.layer(setup);
});
after(() => stage[Symbol.asyncDispose]());
const withLayer = () => ({ layer });

const project = { 'pyproject.toml': '[project]\nname = "shop"\nversion = "1"\n' };
const code =
  '"""A shop."""\n\n\ndef two():\n    """Two."""\n    return 2\n\n\ndef three():\n    """Three."""\n    return 3\n';
const good = 'from shop import two\n\n\ndef test_two():\n    assert two() == 2\n';
const shop = { ...project, 'shop.py': code, 'tests/test_shop.py': good };
/** It says what it requires where only its running tells; a child of its tests is given a PYTHONPATH of its own. */
const setup = {
  'setup.py':
    'from setuptools import setup\n\nneeds = "iniconfig, itsdangerous".split(", ")\nif needs:\n    with open("VERSION") as version:\n        setup(name="shop", version=version.read(), package_dir={"": "src"}, install_requires=needs,\n              extras_require={"test": ["blinker"]})\n',
  VERSION: '1.2\n',
  'src/shop/__init__.py': code,
  'tests/test_shop.py': `import os
import subprocess
import sys

import blinker
import itsdangerous

from shop import two

assert blinker and itsdangerous


def test_child(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-c", "import shop; print(shop.two())"]
    assert int(subprocess.check_output(words, env=env, cwd=tmp_path)) == two()
`,
};
/** What main once said of its tests. */
const tested = (name: string): CheckResult =>
  ({
    kind: 'tests',
    name,
    outcome: 'passed',
    summary: '',
    findings: [],
    findingCount: 0,
    metrics: { testsRun: 3 },
  }) as unknown as CheckResult;
const broken = (answer: { results: readonly CheckResult[] }) => assert.equal(answer.results[0]!.metrics.broken, 1);

trapTests(
  () => checks,
  [
    {
      name: 'pytest: exit 5 is no tests, which is neither a failure nor a pass that counts',
      check: pythonTests,
      files: { ...project, 'shop.py': code },
      asked: withLayer,
      outcome: 'passed',
      summary: 'no tests found',
    },
    {
      name: 'pytest: exit 5 where main has tests is a rejection',
      check: pythonTests,
      files: { ...project, 'shop.py': code },
      asked: () => ({ layer, hasEverRunTests: true, before: [tested('tests'), tested('tests (services/shop)')] }),
      outcome: 'failed',
      summary: /no test/,
    },
    {
      name: 'pytest: exit 2, a file of tests that cannot be collected, fails by its line though no test ran',
      check: pythonTests,
      files: { ...shop, 'tests/test_more.py': '"""More."""\nfrom shop import nothing\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /1 of \d+ tests failed/,
    },
    {
      name: 'pytest: exit 3, an internal error of a plug-in, is no pass',
      check: pythonTests,
      files: { ...shop, 'conftest.py': 'def pytest_collection_finish(session):\n    raise RuntimeError("no")\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /pytest ended with exit 3: an internal error/,
      more: broken,
    },
    {
      name: 'pytest: exit 4, words that it does not know, is no pass',
      check: pythonTests,
      files: { ...shop, 'pytest.ini': '[pytest]\naddopts = --nosuch\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /exit 4/,
      more: broken,
    },
    {
      name: 'pytest: a test that leaves by exit code 0 is no pass',
      check: pythonTests,
      files: { ...shop, 'tests/test_exit.py': 'import os\n\n\ndef test_exit():\n    os._exit(0)\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /no usable report/,
    },
    {
      name: 'pytest-cov: --cov-fail-under ends with 1 though every test passed, and decides nothing',
      check: pythonTests,
      files: { ...shop, 'pytest.ini': '[pytest]\naddopts = --cov=shop --cov-fail-under=99\n' },
      asked: withLayer,
      outcome: 'passed',
      summary: '1 test',
      more: ({ results }) => assert.equal(results[1]?.metrics.coverageLines, 0.75, JSON.stringify(results[1])),
    },
    {
      name: 'pytest-cov: --cov-fail-under in the src layout, set for coverage itself, decides nothing either',
      check: pythonTests,
      files: {
        'pyproject.toml':
          '[project]\nname = "shop"\nversion = "1"\n[tool.pytest.ini_options]\npythonpath = ["src"]\naddopts = "--cov"\n[tool.coverage.report]\nfail_under = 99\n',
        'src/shop/__init__.py': code,
        'tests/test_shop.py': good,
      },
      asked: withLayer,
      outcome: 'passed',
      summary: '1 test',
      more: ({ results }) => assert.equal(results[1]?.kind, 'coverage'),
    },
    {
      name: 'setup.py: what it requires is there, its project is found by what tests start, and it is no code of the app',
      check: pythonTests,
      files: setup,
      asked: () => ({ layer: programs }),
      outcome: 'passed',
      summary: '1 test',
      // Those of the package and of its tests.
      more: ({ results }) => assert.equal(results[1]?.metrics.linesFound, 15, JSON.stringify(results[1])),
    },
    {
      name: 'pytest: of all tests only the one that failed runs again, and what passes then is flaky',
      check: pythonTests,
      files: {
        ...shop,
        'tests/test_flaky.py':
          'import os\n\nMARK = os.path.join(os.environ["TMPDIR"], "..", "..", "flaky-" + os.getcwd().split("/")[-1])\n\n\ndef test_once():\n    was = os.path.exists(MARK)\n    open(MARK, "w").close()\n    assert was\n\n\ndef test_fine():\n    pass\n',
      },
      asked: withLayer,
      outcome: 'passed',
      summary: '3 tests, 1 flaky',
      more: ({ runs, results }) => {
        assert.equal(runs.length, 2);
        assert.ok(runs[1]!.includes('["test_once"]'), runs[1]!.join(' '));
        assert.deepEqual(results[0]!.flaky, ['tests/test_flaky.py::test_once']);
      },
    },
    {
      name: 'unittest: no tests is said, whatever the exit code of this version of Python is',
      check: pythonTests,
      files: { ...project, 'tests/test_none.py': 'import unittest\n\n\nclass Case(unittest.TestCase):\n    pass\n' },
      asked: withLayer,
      outcome: 'passed',
      summary: 'no tests found',
    },
    {
      name: 'ruff: exit 2, a configuration that it refuses, is no pass',
      check: pythonStyle,
      files: { ...shop, 'ruff.toml': 'line-length = "long"\n' },
      outcome: 'failed',
      summary: /ruff ended with exit 2/,
      more: broken,
    },
    {
      name: 'ruff: a newer version has more rules by default, and an app that selects none is held to the pinned ones',
      check: pythonStyle,
      // I001 (the order of imports) and others came into the defaults later.
      files: {
        ...project,
        'ruff.toml': '',
        'shop.py': 'import sys\nimport os\n\nprint(sys, os)\nx = dict()\nimport json\n',
      },
      outcome: 'failed',
      summary: '2 findings on changed lines',
      places: ['shop.py:6 E402', 'shop.py:6 F401'],
    },
    {
      name: 'ruff: what an app selects itself holds as it stands',
      check: pythonStyle,
      files: { ...project, 'ruff.toml': '[lint]\nselect = ["I"]\n', 'shop.py': 'import sys\nimport os\n' },
      outcome: 'failed',
      summary: '1 finding on changed lines',
      places: ['shop.py:1 I001'],
    },
    {
      name: 'ruff: fix = true in the configuration mends nothing before it is looked at',
      check: pythonStyle,
      files: { ...project, 'ruff.toml': 'fix = true\n', 'shop.py': 'import os\n' },
      outcome: 'failed',
      summary: '1 finding on changed lines',
      places: ['shop.py:1 F401'],
    },
    {
      name: 'flake8: exit 1 with findings, by its own configuration, whatever a file is called',
      check: pythonStyle,
      files: {
        ...{ ...shop, '.flake8': '[flake8]\nmax-line-length = 50\n', '-x.py': 'import os\n' },
        'shop.py': `x = "${'x'.repeat(50)}"\n`,
      },
      outcome: 'failed',
      summary: '2 findings on changed lines',
      places: ['-x.py:1 F401', 'shop.py:1 E501'],
    },
    {
      name: 'flake8: a setting that is no number is no pass',
      check: pythonStyle,
      files: { ...shop, '.flake8': '[flake8]\nmax-line-length = long\n' },
      outcome: 'failed',
      summary: /flake8 ended with exit/,
      more: broken,
    },
    {
      name: 'pycodestyle: its section in setup.cfg or tox.ini is the configuration',
      check: pythonStyle,
      files: { ...shop, 'tox.ini': '[pycodestyle]\nmax-line-length = 40\n', 'shop.py': `x = "${'x'.repeat(50)}"\n` },
      outcome: 'failed',
      summary: '1 finding on changed lines',
      places: ['shop.py:1 E501'],
    },
    {
      name: 'PEP 8: without any configuration pycodestyle and pyflakes of pinned versions say it',
      check: pythonStyle,
      files: { ...project, 'shop.py': '"""A shop."""\nimport os\nx=1\n' },
      outcome: 'failed',
      summary: '2 findings on changed lines',
      places: ['shop.py:2 UnusedImport', 'shop.py:3 E225'],
    },
    {
      name: 'ruff format: exit 1 is a finding with a line, not a failure of the tool',
      check: pythonFormat,
      files: { ...project, 'ruff.toml': '[format]\n', 'shop.py': 'x = 1\ny = [1,2]\n' },
      outcome: 'failed',
      summary: '1 finding on changed lines',
      places: ['shop.py:2 format'],
    },
    {
      name: 'black: exit 123, a file that it cannot read, is no pass',
      check: pythonFormat,
      files: { 'pyproject.toml': '[tool.black]\n', 'shop.py': 'def (\n' },
      outcome: 'failed',
      summary: /./,
    },
    {
      name: 'mypy: exit 2, a configuration that it refuses, is no pass',
      check: pythonMypy,
      files: { ...shop, 'mypy.ini': '[mypy]\nfiles = nowhere.py\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /mypy ended with exit 2/,
      more: broken,
    },
    {
      name: 'pyright: exit 1 with its errors, by file and line; a warning is none',
      check: pythonPyright,
      files: {
        ...project,
        'pyrightconfig.json': '{"reportUnusedVariable":"warning"}',
        'shop.py': 'def two() -> int:\n    unused = 1\n    return "two"\n',
      },
      asked: withLayer,
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['shop.py:3 reportReturnType'],
    },
    {
      name: 'pyright: warnings alone end with 0, and pass',
      check: pythonPyright,
      files: {
        ...project,
        'pyrightconfig.json': '{"reportUnusedVariable":"warning"}',
        'shop.py': 'def two() -> int:\n    unused = 1\n    return 2\n',
      },
      asked: withLayer,
      outcome: 'passed',
      summary: 'no findings (pyright)',
    },
    {
      name: 'pyright: exit 3, a configuration that is none, is no pass',
      check: pythonPyright,
      files: { ...shop, 'pyrightconfig.json': '{"include": [' },
      asked: withLayer,
      outcome: 'failed',
      summary: /pyright ended with exit/,
      more: broken,
    },
    {
      name: 'pyright: exit 0 with a configuration that leads to no file at all is no pass',
      check: pythonPyright,
      files: { ...shop, 'pyrightconfig.json': '{"include": ["nowhere"]}' },
      asked: withLayer,
      outcome: 'failed',
      summary: /pyright ended with exit 0 and no usable report/,
      more: broken,
    },
    {
      name: 'sphinx: ends with 0 without -W even when autodoc cannot import; refused by the directive that asks for it',
      check: pythonDocs,
      files: {
        ...project,
        'docs/conf.py': 'import sys\nsys.path.insert(0, "..")\nextensions = ["sphinx.ext.autodoc"]\n',
        'docs/index.rst': 'Shop\n====\n\n.. automodule:: shop\n   :members:\n',
        'shop.py': '"""A shop."""\n\nimport nowhere\n\nX = nowhere\n',
      },
      asked: withLayer,
      outcome: 'failed',
      summary: /1 finding/,
      places: ['docs/index.rst:4 autodoc.import_object'],
    },
    {
      name: 'sphinx: a module of the src layout is found, one that is not there is refused by the directive that asks for it',
      check: pythonDocs,
      files: {
        ...project,
        'doc/source/conf.py': 'extensions = ["sphinx.ext.autodoc"]\n',
        'doc/source/index.rst': 'Shop\n====\n\n.. automodule:: shop\n\n.. automodule:: shop.gone\n',
        'src/shop/__init__.py': '"""A shop."""\n',
      },
      asked: withLayer,
      outcome: 'failed',
      summary: /1 finding/,
      places: ['doc/source/index.rst:6 autodoc.import_object'],
    },
    {
      name: 'sphinx: a conf.py that cannot be run is no pass',
      check: pythonDocs,
      files: { ...project, 'docs/conf.py': 'raise RuntimeError("no")\n', 'docs/index.rst': 'Shop\n====\n' },
      asked: withLayer,
      outcome: 'failed',
      summary: /./,
      more: ({ results }) => assert.match(results[0]!.findings[0]!.message, /ended with exit 2: RuntimeError: no$/),
    },
    {
      name: 'mkdocs: ends with 0 without --strict when a link leads nowhere; refused by its line',
      check: pythonDocs,
      files: {
        ...project,
        'shop.py': code,
        'mkdocs.yml': 'site_name: Shop\n',
        'docs/index.md': '# Shop\n\nMore is [there](gone.md).\n',
      },
      asked: withLayer,
      outcome: 'failed',
      summary: /1 finding/,
      places: ['docs/index.md:3 mkdocs'],
    },
    {
      name: 'mkdocs: its search, which runs in a worker, gets one that works in pages without an origin',
      check: pythonDocs,
      files: { ...project, 'shop.py': code, 'mkdocs.yml': 'site_name: Shop\n', 'docs/index.md': '# Shop\n' },
      asked: withLayer,
      outcome: 'passed',
      summary: /page/,
      more: ({ reports }) => {
        const text = readFileSync(join(reports, 'site/search/main.js'), 'utf8');
        assert.ok(text.includes("self.origin === 'null'") && text.indexOf('new Worker(') > 0);
        new Script(text);
      },
    },
    {
      name: 'pdoc: API pages come of themselves, and a module that cannot be imported is refused by its line',
      check: pythonDocs,
      files: {
        ...project,
        'src/shop/__init__.py': '"""A shop."""\n',
        'src/shop/more.py': '"""More."""\n\nfrom shop import nothing\n',
      },
      asked: withLayer,
      outcome: 'failed',
      summary: /1 finding/,
      places: ['src/shop/more.py:3 import'],
    },
  ],
);
