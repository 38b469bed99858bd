// An interpreter that was started ahead of its tree gives the same answer as one that is started there: the same project, cold
// and waiting, compared to the last byte of what a test could see and of what it reports.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Given, looksOf, runnerIn } from './ahead-runner.ts';

/** Registers the tests of tests. @param given a folder of their own; `python` one that has pytest and pytest-cov */
export function askAhead(given: Given): void {
  const { home, skip } = given;
  const called = join(home, 'words');
  const looks = looksOf(called);
  const order = ['--try', 'pytest', '--try', 'unittest'];
  const runner = join(import.meta.dirname, '../../src/gate/runners/run_tests.py');
  const { reports, cold, ahead } = runnerIn(given, (places) => [runner, '--reports', places.reports, ...order]);
  const keep = `
with open(${JSON.stringify(join(reports, 'NAME'))}, "w") as stream:
    json.dump(looked(), stream, indent=1, sort_keys=True)
`;
  const project = {
    'pytest.ini': '[pytest]\npythonpath = .\nfilterwarnings = error\naddopts = -ra\n',
    'looks.py': looks,
    'conftest.py': `import json\nfrom looks import looked\n${keep.replace('NAME', 'first.json')}
pytest_plugins = ["helping"]


def pytest_sessionfinish():
    with open(${JSON.stringify(join(reports, 'last.json'))}, "w") as stream:
        json.dump(looked(), stream, indent=1, sort_keys=True)
`,
    'helping.py':
      'import pytest\n\n\n@pytest.fixture\ndef same():\n    def ask(a, b):\n        assert a == b\n    return ask\n',
    'app.py': 'import uuid\n\n\ndef two():\n    return 2\n\n\ndef never():\n    return uuid.uuid4()\n',
    'tests/test_a.py': `import logging
import warnings
from app import two


def test_two(same):
    same(two(), 2)


def test_bad(same):
    same({"a": two()}, {"a": 3})


def test_warns():
    warnings.warn("old", DeprecationWarning)


def test_age(caplog):
    logging.getLogger("x").warning("y")
    assert caplog.records[0].relativeCreated < 60_000
`,
  };

  const cases: Record<string, Record<string, string>> = {
    'a conftest, an own plugin and rewritten assertions': project,
    "pytest-cov, by the app's own options": {
      ...project,
      'pytest.ini': '[pytest]\npythonpath = .\naddopts = --cov=app --cov-fail-under=99\n',
    },
    "a module of the app's that bears the name of one that was imported ahead": {
      ...project,
      'shlex.py': 'import sys\nprint("mine")\n\n\ndef split(*words, **more):\n    return []\n',
    },
    'the same in a src layout': { ...project, 'src/shlex.py': 'def split(*words, **more):\n    return []\n' },
    'a coverage that measures one of the tools': { ...project, '.coveragerc': '[run]\nsource = iniconfig\n' },
    'tests that only unittest finds': {
      'looks.py': looks,
      'tests.py': `import json\nimport unittest\nfrom looks import looked\n\n
class A(unittest.TestCase):
    def test_x(self):
${keep.replace('NAME', 'first.json').replaceAll('\n', '\n        ')}
        self.assertEqual(1, 2)
`,
    },
    'no tests at all': { 'app.py': 'X = 1\n' },
  };

  /** Only these give up what was imported ahead. */
  const fresh = /bears the name|src layout|measures one/;

  for (const [name, files] of Object.entries(cases))
    test(`started ahead as started there: ${name}`, { skip, timeout: 120_000 }, async () => {
      const there = cold(files);
      const waited = await ahead(files);
      assert.deepEqual(waited, there);
      if (name !== 'no tests at all') assert.equal(readFileSync(called, 'utf8').includes('--begin'), !fresh.test(name));
      if ('first.json' in there.reports) assert.match(there.reports['first.json']!, /"is_old": false/);
      if (files === project) assert.match(there.output, /'a': 2[\s\S]*2 failed, 2 passed|AssertionError/);
    });

  test('whoever started it goes without a word: so does it, and reports nothing', {
    skip,
    timeout: 60_000,
  }, async () => {
    const { status, reports: left, output } = await ahead({ 'test_a.py': 'def test_a():\n    pass\n' }, {}, false);
    assert.deepEqual([status, left, output], [125, {}, '']);
  });
}
