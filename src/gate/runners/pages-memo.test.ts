// What API pages are made from: whatever can be seen on them when a line changes must change the digest; what cannot be seen should not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { docsTool, pythonDocs } from '../checks/python-docs.ts';

const home = mkdtempSync(join(tmpdir(), 'lockstep-pages-'));
after(() => rmSync(home, { recursive: true, force: true }));
const facts = { paths: ['app.py'], texts: new Map(), changed: null, testEnv: {} };
assert.equal(docsTool(facts).tool, 'pdoc');
const { leftOut } = pythonDocs.plan(facts)!.reused!;

/** Runs lines of Python that have `memo`, `import_time` and `left_out`, and gives what they print as JSON. */
function python(lines: string, cwd: string): unknown {
  const begin = `
import importlib.util, json, os, re, sys
def load(name):
    spec = importlib.util.spec_from_file_location(name, ${JSON.stringify(import.meta.dirname)} + "/" + name + ".py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
memo, import_time = load("pages_memo"), load("import_time")
left_out = [re.compile(one) for one in json.loads(${JSON.stringify(JSON.stringify(leftOut))})]
`;
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', begin + lines], { cwd, encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

function treeOf(files: Record<string, string>): string {
  const tree = mkdtempSync(join(home, 'tree-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  return tree;
}

const base = {
  'app.py': `"""An app."""
from flask import Flask
from lib import helpers
from lib.helpers import later as soon, unused

app = Flask(__name__)
LIMIT = helpers.limit()
NAMES = [soon()]
app.register_error_handler(404, helpers.missing)


@app.route("/about")
def about(text: str = "x", *, size=len("abc")) -> str:
    """What this is."""
    # why
    words = text * 2

    @unknown
    def inner():
        return 1
    return words + str(size)


def one_line(): return 1


class Page:
    """A page."""
    kind = "plain"

    def __init__(self):
        self.name: str = "a"
        """Its name."""

    def show(self):
        """Show it."""
        return self.kind


class Model(Foreign):
    def hook(self):
        return 1


class Common:
    def seek(self):
        return 1


class Finder(Common):
    def find(self):
        return 2


class Store:
    def all(self):
        return 3


class Other:
    def some(self):
        return 4


store = Store()
other: Other = Other()
path.append(Finder())
print(other)


@mine
def wrapped():
    return 1


if __name__ == "__main__":
    unused()
`,
  'lib/__init__.py': '',
  'lib/helpers.py': `"""Helpers."""


def limit():
    return deeper()


def deeper():
    return 3


def later():
    return 4


def unused():
    """Nobody calls this."""
    return 5


def missing(error):
    """Not found."""
    return 6


def mine(function):
    return function
`,
  'tests/test_app.py': 'def test_a():\n    assert True\n',
  'templates/page.html': '<p>hello</p>\n',
};

/** What is exchanged, where, and whether the pages may be others. */
const changes: readonly [what: string, file: string, from: string, to: string, counts: boolean][] = [
  ['a body', 'app.py', 'text * 2', 'text * 3\n    more = 1', false],
  ['a body on its line', 'app.py', 'one_line(): return 1', 'one_line(): return 22', false],
  [
    'what is nested in a body',
    'app.py',
    '        return 1\n    return words',
    '        return 9\n    return words',
    false,
  ],
  ['a method that nobody calls', 'app.py', 'return self.kind', 'return self.kind + "x"', false],
  ['a function that is only imported', 'lib/helpers.py', 'return 5', 'return 55', false],
  ['one that is kept for later', 'lib/helpers.py', 'return 6', 'return 66', false],
  ['a test', 'tests/test_app.py', 'True', '1', false],
  ['a template', 'templates/page.html', 'hello', 'good day', false],
  ['a method of an object that is only named', 'app.py', 'return 3', 'return 33', false],
  ['a method of one that is handed on', 'app.py', 'return 2', 'return 22', true],
  [
    'one that it has from its base',
    'app.py',
    'def seek(self):\n        return 1',
    'def seek(self):\n        return 11',
    true,
  ],
  ['a method of one that is named, and handed on', 'app.py', 'return 4', 'return 44', true],
  ['a docstring of a function', 'app.py', 'What this is.', 'What it is.', true],
  ['a docstring of a method', 'app.py', 'Show it.', 'Show all.', true],
  ['a docstring of a module', 'lib/helpers.py', '"""Helpers."""', '"""Help."""', true],
  ['a docstring that is new', 'lib/helpers.py', 'def limit():', 'def limit():\n    """The limit."""', true],
  ['an annotation', 'app.py', '-> str', '-> bytes', true],
  ['a default', 'app.py', 'text: str = "x"', 'text: str = "y"', true],
  ['an argument', 'app.py', 'one_line()', 'one_line(a=None)', true],
  ['a decorator', 'app.py', '@app.route("/about")', '@app.route("/who")', true],
  ['a constant', 'app.py', 'kind = "plain"', 'kind = "rich"', true],
  ['what a constant calls', 'lib/helpers.py', 'return deeper()', 'return deeper() + 1', true],
  ['what that calls', 'lib/helpers.py', 'return 3', 'return 33', true],
  ['a call by another name', 'lib/helpers.py', 'return 4', 'return 44', true],
  ['a magic method', 'app.py', 'self.name: str', 'self.title: str', true],
  [
    'a method that a foreign base may call',
    'app.py',
    'def hook(self):\n        return 1',
    'def hook(self):\n        return 2',
    true,
  ],
  ['what a foreign decorator may call', 'app.py', 'def wrapped():\n    return 1', 'def wrapped():\n    return 2', true],
  ['a decorator of the app', 'lib/helpers.py', 'return function', 'return function or 1', true],
  ['a name that is new', 'app.py', 'LIMIT = ', 'MORE = 1\nLIMIT = ', true],
  ['an import', 'app.py', 'from lib import helpers', 'from lib import helpers, other', true],
];

test('what can be seen on the pages changes the digest, and what cannot does not', () => {
  const trees = [base, ...changes.map(([, file, from, to]) => exchanged(base, file, from, to))].map(treeOf);
  const digests = digestsOf(trees);
  assert.match(digests[0]!, /^[0-9a-f]{64}$/);
  for (const [at, [what, , , , counts]] of changes.entries())
    assert.equal(digests[at + 1] !== digests[0], counts, what);
});

function exchanged(files: Record<string, string>, file: string, from: string, to: string): Record<string, string> {
  const text = files[file] ?? '';
  assert.ok(text.includes(from), `${file} has no ${from}`);
  return { ...files, [file]: text.replace(from, () => to) };
}

const digestsOf = (trees: readonly string[]): (string | null)[] =>
  python(
    `
digests = []
for tree in json.loads(${JSON.stringify(JSON.stringify(trees))}):
    os.chdir(tree)
    digests.append(memo.digest_of(import_time, "context", left_out))
print(json.dumps(digests))
`,
    home,
  ) as (string | null)[];

test('where names are looked up as text, every body counts', () => {
  const lines: readonly [string, boolean][] = [
    ['X = getattr(helpers, "limit")', false],
    ['X = getattr(helpers, NAME)', true],
    ['X = [globals()["unused"]]', true],
    ['X = helpers.__dict__', true],
    ['X = "{0.name}".format(helpers)', true],
    ['X = re.compile("x")', false],
  ];
  const pairs = lines.map(([line]) => {
    const before = { ...base, 'app.py': `${base['app.py']}\n\n${line}\n` };
    return [before, exchanged(before, 'lib/helpers.py', 'return 5', 'return 7')] as const;
  });
  const digests = digestsOf(pairs.flat().map(treeOf));
  for (const [at, [line, counts]] of lines.entries()) {
    const [before, after] = digests.slice(2 * at);
    assert.ok(before && after, line);
    assert.equal(before !== after, counts, line);
  }
});

test('a file that cannot be imported has no digest, nor has a tree with more than is read', () => {
  const bad = [
    'def a(:\n',
    'return 1\n',
    'def a():\n    x = 1\n    global x\n',
    'def a():\n    await b()\n',
    `X = ${'('.repeat(400)}1${')'.repeat(400)}\n`,
    '# coding: nothing\n',
  ];
  const trees = bad.map((text) => treeOf({ ...base, 'lib/bad.py': text }));
  assert.deepEqual(
    digestsOf(trees),
    bad.map(() => null),
  );
  const linked = treeOf(base);
  symlinkSync('gone.py', join(linked, 'lost.py'));
  assert.deepEqual(digestsOf([linked]), [null]);
});

test('a module that is new counts, and what a build reads besides is seen', () => {
  const [one, two, three] = digestsOf(
    [base, { ...base, 'lib/new.py': '' }, { ...base, 'lib/tests/test_b.py': 'B = 1\n' }].map(treeOf),
  );
  assert.equal(new Set([one, two, three]).size, 3);
  const tree = treeOf({ ...base, VERSION: '1\n', 'lib/page.html': 'x' });
  const doings = {
    'import app_of_this': null,
    'open("VERSION").read()': null,
    'open("lib/page.html").read()': 'reads lib/page.html',
    'open("tests/test_app.py").read()': 'reads tests/test_app.py',
    'os.listdir("lib")': `lists ${tree}/lib`,
    'import pkgutil; list(pkgutil.iter_modules(["lib"]))': null,
    'import socket; socket.getaddrinfo("127.0.0.1", 1)': 'socket.getaddrinfo',
    'import subprocess; subprocess.run(["true"])': 'subprocess.Popen',
    'open("/root/.nothing")': 'reads what is not of the app',
  };
  const said = python(
    `
said = {}
for line in json.loads(${JSON.stringify(JSON.stringify(Object.keys(doings)))}):
    code = compile(line, os.path.realpath("app.py"), "exec")
    watch = memo.Watch(left_out, [])
    watch.start()
    try:
        exec(code, {"os": os})
    except (ImportError, OSError):
        pass
    said[line] = watch.doubt
print(json.dumps(said))
`,
    tree,
  );
  assert.deepEqual(said, doings);
});
