// Runs a project's JavaScript tests with one report, whichever runner they are written for: OUT gets {"runner", "cases": [{name,
// file, line, outcome, message}], "notes"}, `lcov.info` beside it the coverage. Exit as the runner's own; 5: there are no tests.
//
// node_tests.mjs LAYER OUT MANAGERS PLAN [in-image]: PLAN a file {"runner", "argv", "before": [scripts],
// "coverage"}. The runner "script" is one that we do not know: its exit code is all that it says. In an image LAYER holds in `modules` what
// is installed for checks, and the Node is the one that runs this.
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { mergeModules } from './node_in_image.mjs';
import { linkModules, managerCommands, runProgram } from './node-tree.mjs';

const [layer, out, managersJson, planFile, where] = process.argv.slice(2);
const notes = [];
const managers = JSON.parse(managersJson);
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const tree = realpathSync(process.cwd());
const reports = dirname(out);
const mine = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);
const work = join(tmpdir(), 'tests');
mkdirSync(work, { recursive: true });
if (where === 'in-image') notes.push(...mergeModules(join(layer, 'modules'), tree));
else linkModules(layer, tree);
/** The Node that the app runs with. */
const appNode = where === 'in-image' ? process.execPath : join(layer, 'bin', 'node');
const PATH = `${managerCommands(managers)}:${join(tree, 'node_modules', '.bin')}:${process.env.PATH}`;
const cases = join(work, 'cases.json');
const env = { ...process.env, PATH, CI: 'true', LOCKSTEP_CASES: cases, npm_config_update_notifier: 'false' };
const npm = (script) => runProgram([process.execPath, managers.npm, 'run', script], { env });
const own = (path) => join(tree, 'node_modules', path);
/** Where V8 writes what ran, of runners that measure nothing themselves. */
const measured = join(work, 'v8');

const runners = {
  node: {
    argv: () => [
      appNode,
      ...['--test', '--experimental-test-coverage', '--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${join(mine, 'node_reporter.mjs')}`, `--test-reporter-destination=${cases}`],
      ...plan.argv,
    ],
    read: () => JSON.parse(readFileSync(cases, 'utf8')),
  },
  vitest: {
    argv: () => [
      ...[appNode, own('vitest/vitest.mjs'), 'run', '--passWithNoTests', '--reporter=default'],
      ...['--reporter=json', `--outputFile.json=${cases}`],
      ...(plan.coverage
        ? [
            ...[
              '--coverage.enabled',
              '--coverage.reportOnFailure=true',
              '--coverage.reporter=lcovonly',
              `--coverage.reportsDirectory=${work}`,
            ],
            ...['lines', 'branches', 'functions', 'statements'].map((one) => `--coverage.thresholds.${one}=0`),
          ]
        : ['--coverage.enabled=false']),
      ...plan.argv,
    ],
    read: () => ({ cases: jestCases(JSON.parse(readFileSync(cases, 'utf8')).testResults) }),
    lcov: join(work, 'lcov.info'),
  },
  jest: {
    argv: () => [
      ...[appNode, own('jest/bin/jest.js'), '--ci', '--passWithNoTests', '--reporters=default'],
      ...[`--reporters=${join(mine, 'jest_reporter.cjs')}`, '--coverage', '--coverageReporters=lcovonly'],
      ...[`--coverageDirectory=${work}`, '--coverageThreshold={}', '--testLocationInResults'],
      ...plan.argv,
    ],
    read: () => ({ cases: jestCases(JSON.parse(readFileSync(cases, 'utf8')).testResults) }),
    lcov: join(work, 'lcov.info'),
  },
  mocha: {
    argv: () => [appNode, own('mocha/bin/mocha.js'), '--reporter', join(mine, 'mocha_reporter.cjs'), ...plan.argv],
    read: () => JSON.parse(readFileSync(cases, 'utf8')),
    measured,
  },
  tap: {
    // What it measures itself ends a run that is not covered whole.
    argv: () => [
      ...[appNode, programOf('tap'), `--output-file=${cases}`],
      ...(Number.parseInt(manifestOf('tap').version, 10) < 18
        ? ['--no-coverage', '--no-check-coverage']
        : ['--disable-coverage']),
      ...plan.argv,
    ],
    read: async () => {
      const { tapCases } = await import('./node_tap.mjs');
      return { cases: tapCases(readFileSync(cases, 'utf8')) };
    },
    measured,
  },
};

function manifestOf(name) {
  return JSON.parse(readFileSync(own(`${name}/package.json`), 'utf8'));
}

function programOf(name) {
  const { bin } = manifestOf(name);
  return own(join(name, typeof bin === 'string' ? bin : bin[name]));
}

/** jest's shape, which vitest writes too. */
function jestCases(files) {
  return files.flatMap((one) => {
    const tests = (one.assertionResults ?? one.testResults).map((each) => ({
      name: each.fullName ?? each.title,
      file: one.name ?? one.testFilePath,
      line: each.location?.line ?? null,
      outcome: each.status === 'passed' ? 'passed' : each.status === 'failed' ? 'failed' : 'skipped',
      message: (each.failureMessages ?? []).join('\n'),
    }));
    const isBroken =
      (one.status ?? (one.testExecError ? 'failed' : '')) === 'failed' &&
      !tests.some((each) => each.outcome === 'failed');
    const file = one.name ?? one.testFilePath;
    const message = one.message || one.failureMessage || 'the file could not be run';
    return isBroken ? [...tests, { name: relative(tree, file), file, line: null, outcome: 'failed', message }] : tests;
  });
}

/** Where a failure happened, by its stack: in the test's own file, else in the tree. */
function placeOf(message, file) {
  let inTree = null;
  for (const line of message.split('\n').slice(0, 500)) {
    if (line.length > 2000) continue;
    const match = /(?:file:\/\/)?((?:\/|[\w.@-]+\/)[^\s():]*|[\w.-]+\.[cm]?[jt]sx?):(\d+)(?::\d+)?\)?\s*$/.exec(line);
    const path = match && inFolder(match[1]);
    if (!path || /(?:^|\/)node_modules\//.test(path)) continue;
    const place = { file: path, line: Number(match[2]) };
    if (path === file) return place;
    inTree ??= place;
  }
  return inTree;
}

/** A path as seen from the tree; null: outside of it. */
function inFolder(path) {
  const clean = path.replace(/^file:\/\//, '');
  const from = clean.startsWith('/') ? relative(tree, clean) : clean.replace(/^\.\//, '');
  return from.startsWith('..') || from === '' ? null : from;
}

function finished(one) {
  const file = one.file ? inFolder(one.file) : null;
  const message = String(one.message ?? '').replace(/\u001b\[[0-9;]*m/g, '');
  const place = one.outcome === 'failed' ? placeOf(message, file) : null;
  const first = message.split('\n').find((line) => line.trim() !== '') ?? 'failed';
  return {
    name: String(one.name).slice(0, 300),
    file: place?.file ?? file,
    line: place?.line ?? one.line ?? null,
    outcome: one.outcome,
    message: one.outcome === 'failed' ? first.trim().slice(0, 500) : null,
  };
}

/** Of line coverage only what a person would call a line of code: engines count blank lines and comments, too. */
function withoutBlank(lcov) {
  const kept = [];
  let lines = null;
  for (const line of lcov.split('\n')) {
    if (line.startsWith('SF:')) {
      const file = inFolder(line.slice(3).trim());
      lines = file !== null && existsSync(join(tree, file)) ? readFileSync(join(tree, file), 'utf8').split('\n') : null;
      kept.push(file === null ? line : `SF:${file}`);
      continue;
    }
    const number = /^DA:(\d+),/.exec(line)?.[1];
    if (number && lines && /^\s*(?:\/\/.*|\/\*.*|\*.*|[\s{}()[\];,]*)$/.test(lines[Number(number) - 1] ?? '')) continue;
    kept.push(line);
  }
  return kept.join('\n');
}

/** vitest measures with a package of its own version only; null: these are equal. */
function unevenVersions() {
  const versionOf = (name) => (existsSync(own(`${name}/package.json`)) ? manifestOf(name).version : null);
  const vitest = versionOf('vitest');
  const names = ['@vitest/coverage-v8', '@vitest/coverage-istanbul'];
  const other = names.find((name) => ![null, vitest].includes(versionOf(name)));
  return other === undefined
    ? null
    : `vitest is ${vitest} and ${other} ${versionOf(other)}; they must be of one version`;
}

/** That a script's own program is not there is the project's affair: these codes say that the machine lacks one. */
const exitOf = (code) => ([125, 126, 127].includes(code) ? 1 : code);
const say = (runner, all) => writeFileSync(out, JSON.stringify({ runner, cases: all, notes }));

for (const script of plan.before) {
  const code = await npm(script);
  if (code !== 0) {
    process.stderr.write(`the script "${script}" of package.json ended with exit ${code}\n`);
    process.exit(exitOf(code));
  }
}
if (plan.runner === 'script') {
  notes.push(
    `the tests are counted by nobody: "${plan.script}" is no test runner that is known, and its exit code is all it says`,
  );
  const code = await npm('test');
  if (code === 126 || code === 127) notes.push(`a program of the test script was not found (exit ${code})`);
  say('script', null);
  process.exit(exitOf(code));
}
const runner = runners[plan.runner];
const how = { env: { ...env, ...(runner.measured ? { NODE_V8_COVERAGE: runner.measured } : {}) } };
const measuring = runner.measured ? (await import('./v8_coverage.mjs')).measure(runner.measured, tree) : null;
let code = await runProgram(runner.argv(), how);
const ran = measuring?.end() ?? null;
const uneven = plan.runner === 'vitest' && plan.coverage && !existsSync(cases) ? unevenVersions() : null;
if (uneven !== null) {
  // By hand it measures nothing, and so works; here it would not.
  notes.push(`no coverage was measured: ${uneven}`);
  plan.coverage = false;
  code = await runProgram(runner.argv(), { env });
}
if (!existsSync(cases)) {
  process.stderr.write(`${plan.runner} left no report\n`);
  process.exit(code === 0 ? 1 : code);
}
const report = await runner.read();
const all = report.cases.map(finished);
const lcov = report.lcov ?? (runner.lcov && existsSync(runner.lcov) ? readFileSync(runner.lcov, 'utf8') : ran);
if (lcov !== null) writeFileSync(join(reports, 'lcov.info'), withoutBlank(lcov));
say(plan.runner, all);
process.exitCode = all.length === 0 && code === 0 ? 5 : code;
