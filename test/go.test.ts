// A Go application from its first push: built, tested, served from what was built, refused by file and line for each question.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root, Stage } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'hello';

before(async () => {
  stage = await Stage.open();
  stage.giveTools('go');
  work = await stage.makeApp(app, join(root, 'examples', 'go-hello'));
});
after(() => stage[Symbol.asyncDispose]());

const said = (text: string) => text.replaceAll(/ [\d.]+s(?=[: ])/g, '');

/** Commits and pushes what must be refused: main, and what is served, stay; the work tree goes back. */
async function refused(files: Record<string, string>): Promise<string> {
  const standing = async () => [
    (await stage.get(app)).body,
    (await stage.git(work, 'ls-remote', 'lockstep', 'main')).stdout,
  ];
  const before = await standing();
  stage.write(work, files);
  await stage.commit(work, 'what must not land');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.deepEqual(await standing(), before);
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
  return said(pushed.stderr);
}

test('the example is built, tested and goes live', async () => {
  const first = said(await stage.deploy(work));
  if (process.env.LOCKSTEP_TEST_SHOW) process.stderr.write(first);
  assert.match(first, /remote: Go: go\.mod, and package main in the top listens/);
  assert.match(first, /remote: style ok: no findings \(gofmt\)/);
  assert.match(first, /remote: vet ok: no findings \(go vet\)/);
  assert.match(first, /remote: tests ok: 5 tests/);
  assert.match(first, /remote: coverage ok: 72\.9% of 37 lines/);
  assert.match(first, /remote: docstrings ok: 3 of 3 public definitions/);
  assert.match((await stage.get(app, '/?name=Ada')).body, /<p>Hello, Ada!<\/p>/);
  assert.equal((await stage.get(app, '/static/style.css')).status, 200);
  assert.equal((await stage.inSync(app)).release.version, 1);
});

test('what gofmt would write otherwise is refused by its line', async () => {
  const text = await refused({ 'greeting/more.go': 'package greeting\n\nfunc more( ) int {\nreturn 1\n}\n' });
  assert.match(text, /remote: style FAILED: greeting\/more\.go:3 gofmt: gofmt writes "func more\(\) int \{"/);
  assert.match(text, /remote: {3}greeting\/more\.go:4 gofmt/);
});

test('what vet finds is refused by its line, although vet itself ends with 0', async () => {
  const source = 'package greeting\n\nimport "fmt"\n\nfunc more() string {\n\treturn fmt.Sprintf("%d", "x")\n}\n';
  const test = 'package greeting\n\nimport "testing"\n\nfunc TestMore(t *testing.T) { _ = more() }\n';
  const text = await refused({ 'greeting/more.go': source, 'greeting/more_test.go': test });
  assert.match(
    text,
    /remote: vet FAILED: greeting\/more\.go:6 printf: fmt\.Sprintf format %d has arg "x" of wrong type/,
  );
});

test('a test that fails is refused by its line', async () => {
  const source =
    'package greeting\n\nimport "testing"\n\nfunc TestBad(t *testing.T) {\n\tif got := For("x", "de"); got != "" {\n\t\tt.Errorf("got %q", got)\n\t}\n}\n';
  const text = await refused({ 'greeting/bad_test.go': source });
  assert.match(text, /remote: tests FAILED: greeting\/bad_test\.go:7 TestBad: got "Hallo, x!"/);
});

test('new lines that no test runs are refused by their lines', async () => {
  const body = Array.from({ length: 30 }, (_, at) => `\tn += ${at}`).join('\n');
  const source = `package greeting\n\nfunc unused() int {\n\tn := 0\n${body}\n\treturn n\n}\n\nvar _ = unused\n`;
  const text = await refused({ 'greeting/unused.go': source });
  assert.match(text, /remote: coverage FAILED: greeting\/unused\.go:3 not covered: no test runs lines 3-35/);
});

test('a new exported name without a comment is refused by its line', async () => {
  const source =
    'package greeting\n\n// Known says how many there are.\nfunc Known() int { return len(words) }\n\ntype Bare struct{}\n';
  const test = 'package greeting\n\nimport "testing"\n\nfunc TestKnown(t *testing.T) { _ = Known() }\n';
  const text = await refused({ 'greeting/known.go': source, 'greeting/known_test.go': test });
  assert.match(text, /remote: docstrings FAILED: greeting\/known\.go:6 no docstring: type Bare is public and new/);
});

test('what does not compile is refused by build and tests', async () => {
  const text = await refused({ 'broken.go': 'package main\n\nvar x int = undefinedName\n' });
  assert.match(text, /remote: (?:build|tests|vet) FAILED/);
  assert.match(text, /broken\.go:3(?::13)?:? .*undefined: undefinedName/);
});

test('a change of one line goes live, and a rollback brings the built tree of before', async () => {
  await stage.edit(work, 'main.go', 'const headline = "Hello"', 'const headline = "Good day"');
  await stage.deploy(work);
  assert.match((await stage.get(app)).body, /<h1>Good day/);
  const back = await stage.lockstep(['rollback', '-a', app]);
  assert.equal(back.code, 0, back.stderr);
  assert.match((await stage.get(app)).body, /<h1>Hello</);
});
