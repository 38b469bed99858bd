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

type Given = { home: string; python: string; skip: string | false };
type Answer = { status: number | null; output: string; reports: Record<string, string> };

/** A runner on one project after the other, in a folder of its own. @param words how it is called, without where the tree comes from */
function runnerIn({ home, python }: Given, words: (places: { reports: string; files: string }) => string[]) {
  const [tree, reports, late] = ['tree', 'reports', 'files'].map((name) => join(home, name)) as [
    string,
    string,
    string,
  ];
  const fifo = join(home, 'begin');
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: home, PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0' };
  const argv = words({ reports, files: late });

  function clear(): void {
    for (const folder of [tree, reports, late]) rmSync(folder, { recursive: true, force: true });
  }

  function place(files: Record<string, string>, lateFiles: Record<string, string>): void {
    clear();
    for (const folder of [tree, reports, late]) mkdirSync(folder, { recursive: true });
    const all = Object.entries(files).map(([path, text]) => [join(tree, path), text] as const);
    for (const [path, text] of [
      ...all,
      ...Object.entries(lateFiles).map(([name, text]) => [join(late, name), text] as const),
    ]) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  /** What it said and reported, without what differs between any two runs. */
  function answer(status: number | null, output: string): Answer {
    const plain = (text: string) =>
      text
        .replace(/\b\d+\.\d+s\b/g, 'TIMEs')
        .replace(/(time|timestamp)="[^"]*"/g, '$1=""')
        .replace(/0x[0-9a-f]+/g, '0x')
        .replace(/"(?:pipe|socket):\[\d+\]"/g, '"pipe"')
        .replace(/"\/tmp\/#\d+ \(deleted\)"/g, '"a temporary file"');
    const names = readdirSync(reports, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const read = names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(reports.length + 1), plain(readFileSync(path, 'utf8'))];
    });
    return { status, output: plain(output), reports: Object.fromEntries(read) };
  }

  return {
    reports,
    cold(files: Record<string, string>, lateFiles: Record<string, string> = {}): Answer {
      place(files, lateFiles);
      const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...argv], {
        ...{ cwd: tree, env, encoding: 'utf8', timeout: 60_000 },
      });
      return answer(status, stdout + stderr);
    },
    /** The tree comes only once the interpreter waits. */
    async ahead(
      files: Record<string, string>,
      lateFiles: Record<string, string> = {},
      isMeant = true,
    ): Promise<Answer> {
      clear();
      for (const path of [fifo, `${fifo}.json`]) rmSync(path, { force: true });
      execFileSync('/usr/bin/mkfifo', [fifo]);
      const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', python, ...argv, '--begin', fifo], {
        cwd: '/',
        env,
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
      const ended = once(child, 'close');
      const limit = AbortSignal.timeout(60_000);
      while (!isReading(child.pid!, fifo) && child.exitCode === null) await pause(5, undefined, { signal: limit });
      place(files, lateFiles);
      if (isMeant) writeFileSync(`${fifo}.json`, JSON.stringify({ folder: tree }));
      closeSync(pipe);
      const [status] = await ended;
      return answer(status, output);
    },
  };
}

function isReading(pid: number, fifo: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === fifo;
    } catch {
      return false; // closed meanwhile
    }
  });
}

/** Everything about its process that the app could look at. @param called a file for how it was called in the end */
const looksOf = (called: string) => `
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

/** Pages are long: the first line that differs of each. */
function differing(one: Answer, other: Answer): string[] {
  const names = [...new Set([...Object.keys(one.reports), ...Object.keys(other.reports)])];
  const texts = names.map((name) => [name, one.reports[name] ?? '(none)', other.reports[name] ?? '(none)'] as const);
  const all = [...texts, ['status', `${one.status}`, `${other.status}`], ['output', one.output, other.output]] as const;
  return all.flatMap(([name, mine, theirs]) => {
    const [lines, others] = [mine.split('\n'), theirs.split('\n')];
    const at = lines.findIndex((line, index) => line !== others[index]);
    return mine === theirs ? [] : [`${name}:${at}: ${lines[at]?.slice(0, 300)} | ${others[at]?.slice(0, 300)}`];
  });
}

/** Registers the tests of API pages. @param given `python` one that has pdoc */
export function askDocsAhead(given: Given): void {
  const { home, skip } = given;
  const called = join(home, 'words');
  const at = (name: string) => join(import.meta.dirname, '../../src/gate/runners', name);
  const { reports, cold, ahead } = runnerIn(given, (places) => [
    ...[at('run_docs.py'), '--how', 'pdoc', '--source', '.', '--reports', places.reports, '--path', join(home, 'none')],
    ...['--memo', at('pages_memo.py'), '--made-from', join(places.files, 'made-from.json')],
  ]);
  const madeFrom = (known: string | null = null) => ({
    'made-from.json': JSON.stringify({ context: 'x', known, pages: 3, leftOut: ['^tests/'] }),
  });
  const project = {
    'app/__init__.py': '"""An app.\n\n>>> two()\n2\n"""\n\nfrom app.parts import two\n',
    'app/parts.py':
      '"""Parts."""\n\nHEADLINE = "one"\n\n\ndef two(word: str = "x") -> int:\n    """Two.\n\n    Args:\n        word: any\n    """\n    return 2\n',
  };
  const looking = `import json
from looks import looked

with open(${JSON.stringify(join(reports, 'first.json'))}, "w") as stream:
    json.dump(looked(), stream, indent=1, sort_keys=True)
`;
  const cases: Record<string, Record<string, string>> = {
    'modules that look at their process': { ...project, 'looks.py': looksOf(called), 'app/looking.py': looking },
    'modules that bear the names of tools': {
      ...project,
      'markupsafe.py': 'print("mine")\n',
      'app/jinja2.py': '"""Mine."""\n',
    },
    'a src layout': Object.fromEntries(Object.entries(project).map(([path, text]) => [`src/${path}`, text])),
    'a module that cannot be imported': { ...project, 'app/bad.py': '"""Bad."""\n\n1 / 0\n' },
    'nothing to document': { 'app.py': 'X = 1\n' },
  };
  for (const [name, files] of Object.entries(cases))
    test(`API pages, started ahead as started there: ${name}`, { skip, timeout: 120_000 }, async () => {
      const there = cold(files, madeFrom());
      assert.deepEqual(differing(await ahead(files, madeFrom()), there), []);
      assert.equal(there.status, 0, there.output);
      if (/process/.test(name)) assert.match(readFileSync(called, 'utf8'), /--begin/);
      if (/process/.test(name)) assert.match(there.reports['first.json']!, /"is_old": false/);
      if (/cannot/.test(name)) assert.match(there.reports['docs.json']!, /"file": "app\/bad.py", "line": 3/);
      const pages = Object.keys(there.reports).filter((path) => path.endsWith('.html'));
      assert.equal(pages.length === 0, /nothing/.test(name));
    });

  test('API pages, started ahead: what it was given with the tree says that they are as on main', {
    skip,
    timeout: 60_000,
  }, async () => {
    const { digest } = JSON.parse(cold(project, madeFrom()).reports['made-from.json']!) as { digest: string };
    const { status, reports: left } = await ahead(project, madeFrom(digest));
    assert.deepEqual([status, Object.keys(left).sort()], [0, ['docs.json', 'made-from.json']]);
    assert.deepEqual(JSON.parse(left['made-from.json']!), { digest, isBuilt: false, doubt: null });
  });
}
