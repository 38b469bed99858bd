// An interpreter that was started ahead of its tree gives the same answer as one that is started there: the same project, cold
// and waiting, compared to the last byte of what a test could see and of what it reports.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

/** Registers the tests. @param home a folder of their own; `python` one that has pytest and pytest-cov */
export function askAhead({ home, python, skip }: { home: string; python: string; skip: string | false }): void {
  const tree = join(home, 'tree');
  const reports = join(home, 'reports');
  const fifo = join(home, 'begin');
  /** How it was called in the end. */
  const called = join(home, 'words');
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: home, PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0' };
  const words = [
    join(import.meta.dirname, '../../src/gate/runners/run_tests.py'),
    '--reports',
    reports,
    '--try',
    'pytest',
    '--try',
    'unittest',
  ];

  function place(files: Record<string, string>): void {
    for (const folder of [tree, reports]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    }
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
  }

  /** What it said and reported, without what differs between any two runs. */
  function answer(status: number | null, output: string) {
    const plain = (text: string) =>
      text
        .replace(/\b\d+\.\d+s\b/g, 'TIMEs')
        .replace(/(time|timestamp)="[^"]*"/g, '$1=""')
        .replace(/0x[0-9a-f]+/g, '0x')
        .replace(/"(?:pipe|socket):\[\d+\]"/g, '"pipe"')
        .replace(/"\/tmp\/#\d+ \(deleted\)"/g, '"a temporary file"');
    const read = Object.fromEntries(
      readdirSync(reports).map((name) => [name, plain(readFileSync(join(reports, name), 'utf8'))]),
    );
    return { status, output: plain(output), reports: read };
  }

  function cold(files: Record<string, string>) {
    place(files);
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...words], {
      ...{ cwd: tree, env, encoding: 'utf8', timeout: 60_000 },
    });
    return answer(status, stdout + stderr);
  }

  /** The tree comes only once the interpreter waits. */
  async function ahead(files: Record<string, string>, isMeant = true) {
    for (const folder of [tree, reports]) rmSync(folder, { recursive: true, force: true });
    for (const path of [fifo, `${fifo}.json`]) rmSync(path, { force: true });
    execFileSync('/usr/bin/mkfifo', [fifo]);
    const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...words, '--begin', fifo], {
      cwd: '/',
      env,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const ended = once(child, 'close');
    const limit = AbortSignal.timeout(60_000);
    while (!isReading(child.pid!) && child.exitCode === null) await pause(5, undefined, { signal: limit });
    place(files);
    if (isMeant) writeFileSync(`${fifo}.json`, JSON.stringify({ folder: tree }));
    closeSync(pipe);
    const [status] = await ended;
    return answer(status, output);
  }

  function isReading(pid: number): boolean {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => {
      try {
        return readlinkSync(join(folder, fd)) === fifo;
      } catch {
        return false; // closed meanwhile
      }
    });
  }

  /** Everything about its process that a test could look at. */
  const looks = `
import gc, json, logging, os, signal, sys, threading, time, warnings


def looked():
    with open("/proc/self/cmdline") as words, open(${JSON.stringify(called)}, "w") as copy:
        copy.write(words.read())
    fds = {}
    for fd in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            fds[fd] = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass
    return {
        "modules": sorted(name for name in sys.modules),
        "files": sorted(str(getattr(m, "__file__", None)) for m in list(sys.modules.values())),
        "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "env": dict(os.environ),
        "main": [sys.modules["__main__"].__file__, sys.modules["__main__"].__name__],
        "warnings": [str(one) for one in warnings.filters], "flags": str(sys.flags),
        "threads": [one.name for one in threading.enumerate()],
        "meta": [getattr(one, "__name__", type(one).__name__) for one in sys.meta_path],
        "hooks": len(sys.path_hooks), "gc": gc.get_threshold(), "trace": str(type(sys.gettrace())),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "fds": fds, "log": [str(one) for one in logging.root.handlers], "umask": os.umask(os.umask(0o27)),
        "limit": sys.getrecursionlimit(), "is_old": time.time() - float(str(logging._startTime)[:10]) > 5,
    }
`;
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
    const { status, reports: left, output } = await ahead({ 'test_a.py': 'def test_a():\n    pass\n' }, false);
    assert.deepEqual([status, left, output], [125, {}, '']);
  });
}
