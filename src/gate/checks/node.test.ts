// What the tools of JavaScript do that misleads, each as a run of the real program, at the top of a repository and in a folder.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { JobResult } from '../../domain/job.ts';
import type { Check, CheckPlan, GateFacts } from '../check.ts';
import { questionsOf } from '../gate.ts';
import { fromPart } from '../part.ts';
import { nodeDocs } from './node-docs.ts';
import { nodeDocstrings } from './node-docstrings.ts';
import { nodeStyle, stylesOf } from './node-style.ts';
import { testPlan } from './node-test-plan.ts';
import { nodeTests } from './node-tests.ts';
import { nodeTypes } from './node-types.ts';

const own = join(import.meta.dirname, '..', '..', '..', 'node_modules');
/** Where Lockstep's own tools stand in a job; here those that this repository has itself. */
const tools: Record<string, string> = {
  '{tool:node}': process.execPath,
  '{tool:biome}': dirname(own),
  '{tool:typescript}': dirname(own),
};

function factsOf(files: Record<string, string>, changed: GateFacts['changed'] = null): GateFacts {
  return { paths: Object.keys(files), texts: new Map(Object.entries(files)), changed, testEnv: {} };
}

/** Runs what the check plans over the files, with a layer that holds the interpreter and `packages`. */
function run(check: Check, facts: GateFacts, files: Record<string, string>, root = '', packages: string[] = []) {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-node-'));
  try {
    const [tree, job, reports, layer, tmp] = ['tree', 'job', 'reports', 'layer', 'tmp'].map((name) =>
      join(home, name),
    ) as [string, string, string, string, string];
    for (const folder of [tree, job, reports, join(layer, 'bin'), join(layer, 'node_modules'), tmp])
      mkdirSync(folder, { recursive: true });
    symlinkSync(process.execPath, join(layer, 'bin', 'node'));
    for (const name of packages) symlinkSync(join(own, name), join(layer, 'node_modules', name));
    write(tree, files);
    const plan = check.plan(facts)!;
    write(job, plan.files as Record<string, string>);
    const places: Record<string, string> = {
      ...tools,
      '{job}': job,
      '{reports}': reports,
      '{layer}': layer,
      '{tree}': tree,
    };
    const fill = (word: string) => word.replace(/\{[a-z]+(?::[a-z0-9-]+)?\}/g, (place) => places[place] ?? place);
    const argv = (plan.command as Extract<CheckPlan['command'], { argv: unknown }>).argv.map(fill);
    // Our own tests run under the same runner, and tell it so.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const ran = spawnSync(argv[0]!, argv.slice(1), {
      cwd: join(tree, root),
      env: { ...env, ...plan.env, TMPDIR: tmp },
      encoding: 'utf8',
      timeout: 120_000,
    });
    const read = (name: string) =>
      existsSync(join(reports, name)) ? { [name]: readFileSync(join(reports, name), 'utf8') } : {};
    const result = {
      id: 'job',
      exitCode: ran.status,
      signal: ran.signal,
      endedBy: 'exit',
      outputTail: `${ran.stdout}${ran.stderr}`.split('\n').slice(-30),
      outputBytes: 0,
      reports: Object.assign({}, ...plan.reports.map(read)),
      startedAtMs: 0,
      durationMs: 1,
    } as unknown as JobResult;
    return [check.judge(facts, result)].flat();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Beside the one that is looked at in the second layout: another package, and programs of other languages. */
const others = {
  'packages/other/package.json': '{"name":"other","scripts":{"test":"exit 3"}}',
  'packages/other/other.test.js': "throw new Error('somebody else');\n",
  'packages/other/tsconfig.json': '{"compilerOptions":{"target":"es1"}}',
  'app.py': '',
  'go.mod': 'module example.org/other\n',
  'main.go': 'package main\n',
};
const base = 'packages/shop/';

/** The same at the top, and in one of several packages. */
function inBoth(check: Check, files: Record<string, string>, packages: string[] = []) {
  const top = run(check, factsOf(files), files, '', packages);
  const inner = Object.fromEntries(Object.entries(files).map(([path, text]) => [`${base}${path}`, text]));
  const all = { ...others, ...inner };
  const question = questionsOf(factsOf(all), [check]).find(({ part }) => part.root === base)!;
  const deep = run(check, question.facts, all, base, packages).map((one) => ({
    ...one,
    findings: one.findings.map((finding) => fromPart(finding, question.part)),
  }));
  assert.deepEqual(
    deep.map(({ outcome, summary }) => [outcome, summary]),
    top.map(({ outcome, summary }) => [outcome, summary]),
    JSON.stringify([top, deep]),
  );
  for (const [at, one] of top.entries())
    assert.deepEqual(
      deep[at]!.findings.map(({ file, line }) => [file, line]),
      one.findings.map(({ file, line }) => [file === null ? null : `${base}${file}`, line]),
    );
  return top;
}

const manifest = (scripts: Record<string, string> = {}, more: object = {}) => JSON.stringify({ scripts, ...more });
const nodeTest = { 'package.json': manifest({ test: 'node --test' }) };
const passing = "require('node:test').test('adds', () => {});\n";

test('node --test ends well without a single test: none is not a pass', () => {
  const [none] = inBoth(nodeTests, { ...nodeTest, 'a.js': 'exports.a = 1;\n' });
  assert.deepEqual([none!.outcome, none!.summary, none!.metrics.testsRun], ['passed', 'no tests found', 0]);
  // A file of tests without one in it is none either.
  const [empty] = inBoth(nodeTests, { ...nodeTest, 'a.test.js': 'exports.a = 1;\n' });
  assert.deepEqual([empty!.summary, empty!.metrics.testsRun], ['no tests found', 0]);
});

test('what passes is counted, and coverage is of the code, not of the tests, blank lines or comments', () => {
  const code =
    '/** Adds. */\nexports.add = (a, b) => {\n  return a + b;\n};\n\nexports.never = () => {\n  return 1;\n};\n';
  const tests = "const { add } = require('./a.js');\nrequire('node:test').test('adds', () => void add(1, 2));\n";
  const [judged, coverage] = inBoth(nodeTests, { ...nodeTest, 'a.js': code, 'a.test.js': tests });
  assert.deepEqual([judged!.outcome, judged!.summary], ['passed', '1 test (node)']);
  assert.deepEqual(
    [coverage!.kind, coverage!.metrics.linesFound, coverage!.metrics.coverageLines],
    ['coverage', 4, 0.75],
  );
});

test('a failure says its file and line, in a suite too, and a file that cannot be loaded fails', () => {
  const text =
    "const { test, describe } = require('node:test');\ndescribe('sum', () => {\n  test('adds', () => {\n    require('node:assert').equal(1, 2);\n  });\n});\n";
  const [failed] = inBoth(nodeTests, { ...nodeTest, 'a.test.js': text });
  assert.deepEqual([failed!.outcome, failed!.summary], ['failed', '1 of 1 tests failed']);
  const { file, line, rule, message } = failed!.findings[0]!;
  assert.deepEqual([file, line, rule], ['a.test.js', 4, 'adds']);
  assert.match(message, /1 == 2|strictly equal|equal/);
  const [broken] = inBoth(nodeTests, { ...nodeTest, 'a.test.js': "require('./nowhere.js');\n" });
  assert.deepEqual([broken!.outcome, broken!.findings[0]!.file], ['failed', 'a.test.js']);
});

test('a test that ends the process is no pass, nor is a script that only says so', () => {
  const [ended] = inBoth(nodeTests, {
    ...nodeTest,
    'a.test.js': `${passing}require('node:test').test('ends', () => process.exit(0));\nrequire('node:test').test('after', () => {});\n`,
  });
  assert.notEqual(ended!.outcome === 'passed' && ended!.metrics.testsRun === 3, true, JSON.stringify(ended));
  const [skipped] = inBoth(nodeTests, { ...nodeTest, 'a.test.js': "require('node:test').test.skip('x', () => {});\n" });
  assert.equal(skipped!.metrics.testsRun, 0);
});

test('thresholds of a runner decide nothing, and its words are kept', () => {
  const check = (test: string, packages: string[], expected: object | null) =>
    assert.deepEqual(
      testPlan({ scripts: test === '' ? {} : { test }, packages: new Set(packages), has: () => false }, ['a.test.js']),
      expected,
    );
  const of = (runner: string, argv: string[], coverage = false) => ({ runner, argv, before: [], coverage });
  check('node --test --test-coverage-lines=80 src/*.test.js', [], of('node', ['src/*.test.js']));
  check("node --import tsx --test 'src/**/*.test.ts'", [], of('node', ['--import', 'tsx', 'src/**/*.test.ts']));
  check('vitest run --coverage --coverage.thresholds.lines=90', ['@vitest/coverage-v8'], of('vitest', [], true));
  check('vitest', [], of('vitest', []));
  check('NODE_ENV=test jest --coverage --reporters default --config x.json', [], of('jest', ['--config', 'x.json']));
  check('mocha -R dot spec', [], of('mocha', ['spec']));
  check('c8 --reporter=lcov --100 tap test/*.js', ['tap'], of('tap', ['test/*.js']));
  check('nyc -r html mocha spec', [], of('mocha', ['spec']));
  check('npm run lint && tap', ['tap'], of('tap', []));
  check('', ['vitest'], of('vitest', []));
  check('', [], of('node', [], true));
  check('eslint . && jest', ['jest'], of('jest', []));
  check('echo "Error: no test specified" && exit 1', [], of('node', [], true));
  check('./check.sh', [], { ...of('script', []), script: './check.sh' });
  const nothing = testPlan({ scripts: {}, packages: new Set(), has: () => false }, ['a.js']);
  assert.equal(nothing, null);
});

test('types: every error with its place, also in what did not change, and a bad configuration is no pass', () => {
  const config = '{"compilerOptions":{"strict":true,"noEmit":true,"types":[]},"include":["src"]}';
  const files = { 'package.json': manifest(), 'tsconfig.json': config, 'src/a.ts': 'export const a: number = "x";\n' };
  const packages = ['typescript', '@typescript'].filter((name) => existsSync(join(own, name)));
  const [wrong] = inBoth(
    nodeTypes,
    { ...files, 'package.json': manifest({}, { devDependencies: { typescript: '7' } }) },
    packages,
  );
  assert.deepEqual(
    [wrong!.outcome, wrong!.findings[0]!.file, wrong!.findings[0]!.line, wrong!.findings[0]!.rule],
    ['failed', 'src/a.ts', 1, 'TS2322'],
  );
  const right = { ...files, 'src/a.ts': 'export const a = 1;\n' };
  assert.equal(inBoth(nodeTypes, right, packages)[0]!.outcome, 'passed');
  const bad = { ...right, 'tsconfig.json': '{"compilerOptions":{"target":"es1"}}' };
  assert.equal(inBoth(nodeTypes, bad, packages)[0]!.outcome, 'failed');
});

test('style is what the project configures: Biome names the lines that it would write otherwise, and its errors', () => {
  const files = {
    'package.json': manifest(),
    'biome.json': '{\n  "formatter": { "indentStyle": "space" }\n}\n',
    'a.js': 'const a = 1;\nlet b    = 2;\nif (a == b) {\n  console.log(a);\n}\n',
    'README.md': 'x\n',
  };
  const [found] = inBoth(nodeStyle, files);
  const places = found!.findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`);
  assert.ok(
    places.includes('a.js:2 format') && places.includes('a.js:3 lint/suspicious/noDoubleEquals'),
    places.join('; '),
  );
  const clean = inBoth(nodeStyle, { ...files, 'a.js': 'export const a = 1;\n', 'package.json': '{}\n' });
  assert.deepEqual([clean[0]!.outcome, clean[0]!.summary], ['passed', 'no findings (biome)'], JSON.stringify(clean));
  const broken = inBoth(nodeStyle, { ...files, 'biome.json': '{"linter":{"rules":{"nope":1}}}' });
  assert.equal(broken[0]!.outcome, 'failed', 'a configuration that cannot be read is no pass');
});

test('a tool that is configured and not depended on is named, in the file that configures it', () => {
  const files = { 'package.json': manifest(), 'eslint.config.js': 'export default [];\n' };
  const [found] = inBoth(nodeStyle, files);
  assert.deepEqual([found!.findings[0]!.file, found!.findings[0]!.rule], ['eslint.config.js', 'tool missing']);
});

test('standard needs no configuration: that a script calls it is enough, and its lines are read', () => {
  const uses = (script: string, packages: object = { standard: '17' }) =>
    nodeStyle.applies(
      factsOf({ 'package.json': JSON.stringify({ scripts: { lint: script }, devDependencies: packages }) }),
    );
  assert.deepEqual(
    [
      'standard',
      'npm run a && standard --fix',
      'npx standard',
      'eslint . ; standard',
      'echo standard',
      'ts-standard',
    ].map((script) => uses(script)),
    [true, true, true, true, false, false],
  );
  assert.equal(uses('standard', {}), false);
  // With sources there is a default; who calls `standard` keeps exactly that.
  const named = (files: Record<string, string>) =>
    nodeStyle.plan(factsOf({ 'package.json': '{}', 'a.js': '', ...files }))?.tools ?? null;
  assert.deepEqual(named({}), ['node', 'oxlint']);
  const standard = { scripts: { lint: 'standard' }, devDependencies: { standard: '17' } };
  assert.deepEqual(named({ 'package.json': JSON.stringify(standard) }), ['node']);
  // An ESLint for editors that only repeats it is not run beside it; one that says more is.
  const beside = (eslint: object) =>
    stylesOf(factsOf({ 'package.json': JSON.stringify(standard), '.eslintrc': JSON.stringify(eslint) })).map(
      ({ tool }) => tool.tool,
    );
  assert.deepEqual(beside({ root: true, extends: 'standard' }), ['standard']);
  assert.deepEqual(beside({ extends: ['standard'], rules: {} }), ['eslint', 'standard']);
  const said = (place: string) => `  \${process.cwd()}/${place}`;
  const program =
    'if (process.argv.includes("./bad.js")) {\n  process.exitCode = 1;\n' +
    `  console.log(\`${said('bad.js:2:5: Strings must use singlequote. (quotes)')}\`);\n` +
    `  console.log(\`${said('bad.js:3:1: Parsing error: Unexpected token')}\`);\n}\n` +
    `console.log(\`${said('left.js:0:0: File ignored because of a matching ignore pattern. (null)')}\`);\n`;
  const files = {
    'package.json': JSON.stringify({ scripts: { test: 'standard' }, devDependencies: { standard: '17' } }),
    'node_modules/standard/package.json': '{"name":"standard","bin":{"standard":"bin/cmd.cjs"}}',
    'node_modules/standard/bin/cmd.cjs': program,
    'good.js': '1\n',
  };
  assert.equal(inBoth(nodeStyle, files)[0]!.summary, 'no findings (standard)');
  const [found] = inBoth(nodeStyle, { ...files, 'bad.js': '\n"x"\n)\n' });
  assert.deepEqual(
    found!.findings.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`),
    ['bad.js:2 quotes: Strings must use singlequote.', 'bad.js:3 standard: Parsing error: Unexpected token'],
  );
});

test('a project that configures no style is held to a default: on its own sources, and not where anybody configured a tool', () => {
  const asked = (files: Record<string, string>) => {
    const plan = nodeStyle.plan(factsOf({ 'package.json': '{}', ...files }));
    return plan === null ? null : JSON.parse(plan.files!['options.json']!).files;
  };
  const sources = ['a.js', 'src/b.mts', 'ui/c.tsx', 'lib/build.js'];
  const others = [
    'types.d.ts',
    'dist/a.js',
    'web/build/x.js',
    'public/jquery.min.js',
    'vendor/x.js',
    'test/fixtures/bad.js',
  ];
  const tree = Object.fromEntries(
    [...sources, ...others, 'node_modules/x/index.js', 'README.md'].map((path) => [path, '']),
  );
  assert.deepEqual(asked(tree), sources);
  assert.equal(nodeStyle.plan(factsOf({ 'package.json': '{}', ...tree }))!.isUnasked, true);
  for (const path of ['biome.json', 'packages/a/.eslintrc.json', '.jshintrc', 'tslint.json', 'web/.prettierrc'])
    assert.notDeepEqual(asked({ ...tree, [path]: '{}' }), sources, path);
  const says = (value: object) => nodeStyle.applies(factsOf({ ...tree, 'package.json': JSON.stringify(value) }));
  assert.equal(says({ xo: {} }), false);
  assert.equal(says({ scripts: { test: 'xo && ava' }, devDependencies: { xo: '1' } }), false);
  assert.equal(says({ scripts: { test: 'prettier --check .' }, devDependencies: { prettier: '3' } }), true);
  // A folder's project under a repository that says it at the top.
  const inFolder = (files: Record<string, string>) =>
    questionsOf(factsOf({ 'app.py': '', 'web/package.json': '{}', 'web/a.js': '', ...files }), [nodeStyle]).length;
  assert.deepEqual(
    [inFolder({}), inFolder({ '.eslintrc.json': '{}' }), inFolder({ 'api/.eslintrc.json': '{}' })],
    [1, 0, 1],
  );
});

test('which checks a project is asked, by what is in it', () => {
  const check = (files: Record<string, string>, expected: string[]) => {
    const facts = factsOf(files);
    const asked = [nodeStyle, nodeTypes, nodeTests, nodeDocstrings, nodeDocs].filter((one) => one.applies(facts));
    assert.deepEqual(
      asked.map(({ name }) => name),
      expected,
    );
  };
  check({ 'package.json': '{}' }, ['tests']);
  check({ 'package.json': manifest({ docs: 'x' }), 'tsconfig.json': '{}', 'a.ts': '' }, [
    'style',
    'types',
    'tests',
    'docstrings',
    'docs',
  ]);
  check({ 'package.json': manifest({}, { prettier: {} }) }, ['style', 'tests']);
  check({ 'package.json': 'not json' }, ['tests']);
});
