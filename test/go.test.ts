// A Go application from its first push: built, tested, served from what was built, refused by file and line for each question.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findGos } from '../src/agent/toolchains/go-interpreters.ts';
import type { Finding } from '../src/domain/gate.ts';
import type { JobResult } from '../src/domain/job.ts';
import { goFiles, goModules } from '../src/gate/checks/go-facts.ts';
import { goLint } from '../src/gate/checks/go-lint.ts';
import { goStyle } from '../src/gate/checks/go-style.ts';
import { goTests } from '../src/gate/checks/go-tests.ts';
import { goVet } from '../src/gate/checks/go-vet.ts';
import { RealChecks } from './support/real-checks.ts';
import { root, Stage } from './support/stage.ts';
import { type Trap, trapTests } from './support/trap.ts';

let stage: Stage;
let work: string;
const app = 'hello';

before(async () => {
  stage = await Stage.open();
  stage.giveTools('go', 'golangci-lint');
  work = await stage.makeApp(app, join(root, 'examples', 'go-hello'));
});
after(() => stage[Symbol.asyncDispose]());

const uuidSums =
  'github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n' +
  'github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n';

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

// With a cold cache the compiler begins with the standard library: half a minute of two cores that nobody else wants.
test('the example is built, tested and goes live', { timeout: 900_000 }, async () => {
  const first = said(await stage.deploy(work));
  if (process.env.LOCKSTEP_TEST_SHOW) process.stderr.write(first);
  assert.match(first, /remote: Go: go\.mod, and package main in the top listens/);
  assert.match(first, /remote: style ok: no findings \(gofmt\)/);
  assert.match(first, /remote: vet ok: no findings \(go vet\)/);
  assert.match(first, /remote: tests ok: 5 tests/);
  assert.match(first, /remote: coverage ok: 71% of 38 lines/);
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

test('a dependency comes with go.sum, from the layer of modules; without it the build says what lacks', async () => {
  const files = {
    'go.mod': 'module example.org/hello\n\ngo 1.22\n\nrequire github.com/google/uuid v1.6.0\n',
    'greeting/id.go':
      'package greeting\n\nimport "github.com/google/uuid"\n\nfunc newID() string { return uuid.NewString() }\n',
    'greeting/id_test.go': testOf('greeting', 'if newID() == newID() {\n\t\tt.Error("twice")\n\t}'),
  };
  const lacking = await refused(files);
  assert.match(
    lacking,
    /(?:build|tests|vet) FAILED[^\n]*missing go\.sum entry for module providing package github\.com\/google\/uuid/,
  );
  stage.write(work, { ...files, 'go.sum': uuidSums });
  await stage.commit(work, 'a dependency');
  const said = await stage.deploy(work);
  assert.match(said, /remote: {3}tests +ok/);
  assert.equal((await stage.get(app)).status, 200);
});

test('a change of one line goes live, and a rollback brings the built tree of before', async () => {
  await stage.edit(work, 'main.go', 'const headline = "Hello"', 'const headline = "Good day"');
  await stage.deploy(work);
  assert.match((await stage.get(app)).body, /<h1>Good day/);
  const back = await stage.lockstep(['rollback', '-a', app]);
  assert.equal(back.code, 0, back.stderr);
  assert.match((await stage.get(app)).body, /<h1>Hello</);
});

/** Runs the runner of the checks with the modules and the cache that the app's pushes have filled. */
async function asked(
  verb: 'fmt' | 'vet' | 'test' | 'docs',
  files: Record<string, string>,
): Promise<Record<string, string>> {
  const { body } = await stage.api(`/apps/${app}`);
  const cache = join(stage.home, 'apps', body.id, 'gate', 'cache', 'go-build');
  const tree = mkdtempSync(join(stage.folder, 'tree-'));
  const reports = mkdtempSync(join(stage.folder, 'reports-'));
  stage.write(tree, files);
  const texts = new Map(Object.entries(files).filter(([path]) => /go\.(?:mod|work)$/.test(path)));
  const facts = { paths: Object.keys(files), texts, changed: null, testEnv: {} };
  const spec = { files: goFiles(facts), modules: goModules(facts) };
  writeFileSync(join(reports, 'spec.json'), JSON.stringify(spec));
  const runners = join(root, 'src', 'gate', 'runners');
  const go = await foundGo();
  const env = {
    GOCACHE: cache,
    GOFLAGS: '-trimpath -buildvcs=false',
    GOENV: 'off',
    GOMODCACHE: join(stage.folder, 'mod'),
    GOPROXY: 'off',
  };
  const argv = [process.execPath, join(runners, 'go.mjs'), verb, '--go', go, '--spec', join(reports, 'spec.json')];
  const ended = await stage.run([...argv, '--reports', reports], { cwd: tree, env });
  assert.equal(ended.code, 0, ended.stderr);
  const names = readdirSync(reports);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(reports, name), 'utf8')]));
}

/** The machine's, or the one that the stage has fetched. */
async function foundGo(): Promise<string> {
  const [first] = await findGos({ fetched: 'none' });
  if (first?.path) return first.path;
  const tools = join(stage.home, 'toolchains');
  return join(tools, readdirSync(tools).find((name) => name.startsWith('go-'))!, 'go', 'bin', 'go');
}

/** What the check `tests` makes of the runner's reports. */
async function tested(files: Record<string, string>) {
  const texts = new Map(Object.entries(files).filter(([path]) => /go\.(?:mod|work)$/.test(path)));
  const reports = await asked('test', files);
  const job = {
    ...{ endedBy: 'exit', exitCode: 0, signal: null, outputTail: [], reports, startedAtMs: 0, durationMs: 1 },
  };
  const facts = { paths: Object.keys(files), texts, changed: null, testEnv: {} };
  return [goTests.judge(facts, job as unknown as JobResult)].flat();
}

const shown = (findings: readonly Finding[]) => findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`);
const testOf = (name: string, body: string, more = '') =>
  `package ${name}\n\nimport "testing"\n${more}\nfunc TestIt(t *testing.T) {\n\t${body}\n}\n`;

test('several modules in one repository, with and without go.work, are each asked', async () => {
  const [tests, coverage] = await tested({
    'go.work': 'go 1.22\n\nuse (\n\t./api\n)\n',
    'api/go.mod': 'module example.org/api\n\ngo 1.22\n',
    'api/x/x.go': 'package x\n\nfunc Two() int {\n\treturn 2\n}\n',
    'api/x/x_test.go': testOf('x', 'if Two() != 3 {\n\t\tt.Error("not three")\n\t}'),
    'tools/go.mod': 'module example.org/tools\n\ngo 1.22\n',
    'tools/y.go': 'package tools\n\nfunc three() int {\n\treturn 3\n}\n\nvar _ = three\n',
    'tools/y_test.go': testOf('tools', 'panic("boom")'),
  });
  assert.deepEqual(shown(tests!.findings).sort(), ['api/x/x_test.go:7 TestIt', 'tools/y_test.go:6 TestIt']);
  assert.equal(tests!.metrics.testsRun, 2);
  assert.deepEqual([coverage?.kind, coverage?.outcome], ['coverage', 'passed']);
});

test('no test files are no tests, and what leaves or does not compile is no pass', async () => {
  const module = { 'go.mod': 'module example.org/a\n\ngo 1.22\n', 'a.go': 'package a\n' };
  const [none] = await tested(module);
  assert.deepEqual([none!.outcome, none!.summary, none!.metrics.testsRun], ['passed', 'no tests found', 0]);
  const leaves = 'package a\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(*testing.M) { os.Exit(3) }\n';
  const [left] = await tested({ ...module, 'a_test.go': leaves });
  assert.equal(left!.outcome, 'failed');
  const [broken] = await tested({
    ...module,
    'sub/b.go': 'package b\n\nvar x int = y\n',
    'sub/b_test.go': testOf('b', ''),
  });
  assert.deepEqual([broken!.outcome, shown(broken!.findings)], ['failed', ['sub/b.go:3 example.org/a/sub']]);
  const skips = { ...module, 'a_test.go': testOf('a', 't.Skip("later")') };
  const [skipped] = await tested(skips);
  assert.deepEqual(
    [skipped!.outcome, skipped!.metrics.testsRun],
    ['passed', 0],
    'a test that was skipped proves nothing',
  );
});

test('gofmt and vet are read by what they print, in folders too, and generated files are left alone', async () => {
  const files = {
    'go.mod': 'module example.org/a\n\ngo 1.22\n',
    'cmd/web/main.go': 'package main\nfunc main() {}\n',
    'cmd/web/gen.go': '// Code generated by hand. DO NOT EDIT.\npackage main\nvar   x = 1\n',
    'lib/broken.go': 'package lib\n\nfunc x( {\n',
    'vendor/v/v.go': 'package v\nvar   y = 1\n',
  };
  const style = JSON.parse((await asked('fmt', files))['style.json']!);
  assert.deepEqual(shown(style.findings).sort(), ['cmd/web/main.go:1 gofmt', 'lib/broken.go:3 syntax']);
  const vet = JSON.parse((await asked('vet', { ...files, 'vendor/v/v.go': 'package v\n' }))['vet.json']!);
  assert.ok(vet.findings.length > 0 || vet.failed, 'a package that does not compile is no pass');
});

test('comments: methods of exported types, groups and packages; not what is generated, private or of main', async () => {
  const { definitions } = JSON.parse(
    (
      await asked('docs', {
        'a/a.go':
          'package a\n\n// Kinds there are.\nconst (\n\tOne = 1\n\ttwo = 2\n)\n\ntype Bare[T any] struct{}\n\nfunc (b *Bare[T]) Method() {}\n\nfunc private() {}\n',
        'a/doc.go': '// Package a says.\npackage a\n',
        'a/gen.go': '// Code generated by x. DO NOT EDIT.\n\npackage a\n\nfunc Generated() {}\n',
        'main.go': 'package main\n\nfunc Exported() {}\n\nfunc main() {}\n',
        'a/a_test.go': 'package a\n\nfunc Helper() {}\n',
      })
    )['docstrings.json']!,
  );
  assert.deepEqual(
    definitions
      .filter(({ file }: { file: string }) => !file.endsWith('_test.go'))
      .map((one: Record<string, unknown>) => `${one.file}:${one.line} ${one.kind} ${one.name} ${one.isDocumented}`),
    [
      'a/a.go:1 package a true',
      'a/a.go:5 const One true',
      'a/a.go:9 type Bare false',
      'a/a.go:11 method Method false',
      'main.go:1 package main false',
    ],
  );
});

let checks: RealChecks;
test("the tools of Go are there for the traps, golangci-lint built by Go's own client", {
  timeout: 900_000,
}, async () => {
  const { body } = await stage.api(`/apps/${app}`);
  const said: string[] = [];
  checks = await RealChecks.on(stage, join(stage.home, 'apps', body.id, 'gate', 'cache'), (line) => said.push(line));
  const { results } = await checks.gate(goLint, { ...shop, ...linted }, '');
  assert.equal(results[0]?.outcome, 'passed', JSON.stringify([results, said]));
});

const shop = {
  'go.mod': 'module example.org/shop\n\ngo 1.22\n',
  'shop.go': '// Package shop sells.\npackage shop\n\n// Two is two.\nfunc Two() int { return 2 }\n',
};
const linted = { '.golangci.yml': 'version: "2"\n' };
const careless = (times: number) =>
  `package shop\n\nimport "os"\n\nfunc drop() {\n${'\tos.Remove("x")\n'.repeat(times)}}\n\nvar _ = drop\n`;
const broken: Trap['more'] = ({ results }) => assert.equal(results[0]!.metrics.broken, 1, JSON.stringify(results));
const flaky = `package shop

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFine(t *testing.T) {}

func TestOnce(t *testing.T) {
	here, _ := os.Getwd()
	mark := filepath.Join(os.Getenv("TMPDIR"), "..", "..", "go-"+filepath.Base(here))
	_, err := os.Stat(mark)
	os.WriteFile(mark, nil, 0o600)
	if err != nil {
		t.Error("only the first time")
	}
}
`;

trapTests(
  () => checks,
  [
    {
      name: 'gofmt: exit 0 whatever it would write otherwise; its output is the finding',
      check: goStyle,
      files: { ...shop, 'sub/x.go': 'package sub\nvar   x = 1\n' },
      outcome: 'failed',
      summary: '1 finding on changed lines',
      places: ['sub/x.go:2 gofmt'],
    },
    {
      // Of the second layout it tells what it has in its cache, at the place of the first.
      name: 'go vet: exit 0 with -json whatever it found; its output is the finding, also out of its cache',
      check: goVet,
      files: {
        ...shop,
        'sub/x.go': 'package sub\n\nimport "fmt"\n\nvar _ = fmt.Sprintf("%d", "x")\n',
        'sub/x_test.go': 'package sub_test\n\nimport "fmt"\n\nvar _ = fmt.Sprintf("%d", "x")\n',
      },
      outcome: 'failed',
      summary: '2 findings on changed lines',
      more: ({ results }) =>
        assert.deepEqual(shown(results[0]!.findings).sort(), ['sub/x.go:5 printf', 'sub/x_test.go:5 printf']),
    },
    {
      name: 'go test: exit 0 without a file of tests is no tests',
      check: goTests,
      files: shop,
      outcome: 'passed',
      summary: 'no tests found',
    },
    {
      name: 'go test: what lies beside a test is found by the place of its source, and a panic there says its line',
      check: goTests,
      files: {
        ...shop,
        'deep/deep.go': 'package deep\n',
        'deep/data/word': 'x',
        'deep/deep_test.go':
          'package deep\n\nimport (\n\t"os"\n\t"path"\n\t"runtime"\n\t"testing"\n)\n\nfunc TestBeside(t *testing.T) {\n\t_, file, _, _ := runtime.Caller(0)\n\tif _, err := os.ReadFile(path.Join(path.Dir(file), "data", "word")); err != nil {\n\t\tt.Error(err)\n\t}\n}\n\nfunc TestPanics(*testing.T) { panic("boom") }\n',
      },
      outcome: 'failed',
      summary: '1 of 2 tests failed',
      places: ['deep/deep_test.go:17 TestPanics'],
    },
    {
      name: 'go test: of all tests only the one that failed runs again, and what passes then is flaky',
      check: goTests,
      files: { ...shop, 'shop_test.go': flaky, 'sub/sub.go': 'package sub\n', 'sub/sub_test.go': testOf('sub', '') },
      outcome: 'passed',
      summary: '3 tests, 1 flaky',
      more: ({ runs, results }) => {
        assert.equal(runs.length, 2);
        assert.ok(runs[1]!.some((text) => text.includes('"only":{"packages":["./"],"run":"^(?:TestOnce)$"}')));
        assert.deepEqual(results[0]!.flaky, ['shop_test.go::TestOnce']);
      },
    },
    {
      name: 'golangci-lint: shows three of a kind by default; here all of them count, by file and line',
      check: goLint,
      files: { ...shop, ...linted, 'sub/x.go': careless(5).replace('package shop', 'package sub') },
      outcome: 'failed',
      summary: '5 findings on changed lines',
      places: [6, 7, 8, 9, 10].map((line) => `sub/x.go:${line} errcheck`),
    },
    {
      name: 'golangci-lint: a configuration that asks for new lines only, or for repairs, hides nothing',
      check: goLint,
      files: {
        ...shop,
        '.golangci.yml': 'version: "2"\nissues:\n  new: true\n  fix: true\n',
        'x.go': careless(1),
      },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['x.go:6 errcheck'],
    },
    {
      name: 'golangci-lint: exit 3 for a configuration of an older form is no pass, and says what to do',
      check: goLint,
      files: { ...shop, '.golangci.yml': 'linters:\n  enable: [errcheck]\n' },
      outcome: 'failed',
      summary: /^\.golangci\.yml: golangci-lint ended with exit 3: .*unsupported version of the configuration/,
      more: broken,
    },
    {
      name: 'golangci-lint: what does not compile is a finding at its own line, and no pass',
      check: goLint,
      files: { ...shop, ...linted, 'x.go': 'package shop\n\nfunc more() int { return nothing }\n' },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['x.go:3 typecheck'],
    },
  ],
);
