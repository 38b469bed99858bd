// What the tools of JavaScript say that misleads, each by the real tool as a project depends on it, at the top of a repository and
// in one of several packages. What needs no package of a project's own is in src/gate/checks/node.test.ts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nodeDocs } from '../src/gate/checks/node-docs.ts';
import { nodeStyle } from '../src/gate/checks/node-style.ts';
import { nodeTests } from '../src/gate/checks/node-tests.ts';
import { nodeTypes } from '../src/gate/checks/node-types.ts';

import { siteHtml } from '../src/gate/checks/site-html.ts';
import { type Answer, type Files, RealChecks, under } from './support/real-checks.ts';
import { Stage } from './support/stage.ts';
import { type Trap, trapTests } from './support/trap.ts';

const devDependencies = {
  ...{ vitest: '5.1.2', '@vitest/coverage-v8': '5.1.2', jest: '30.5.2', mocha: '12.0.3', tap: '16.3.10' },
  ...{ eslint: '10.15.0', typedoc: '0.28.20', typescript: '6.0.3' },
};
let stage: Stage;
let checks: RealChecks;
let layer: string;
let uneven: string;
before(async () => {
  stage = Stage.bare();
  stage.giveTools('npm');
  checks = await RealChecks.on(stage);
  layer = await checks.layer({ 'package.json': manifest({}) });
  // Versions that npm refuses together unless it is told to close its eyes.
  uneven = await checks.layer({
    'package.json': JSON.stringify({
      devDependencies: { vitest: '5.1.2', '@vitest/coverage-v8': '4.0.18', vite: '8.4.0' },
    }),
    '.npmrc': 'legacy-peer-deps=true\n',
  });
});
after(() => stage[Symbol.asyncDispose]());
const withLayer = () => ({ layer });

function manifest(scripts: Record<string, string>, more: object = {}): string {
  return JSON.stringify({ name: 'shop', scripts, devDependencies, ...more });
}
/** A library, what tests of it look like for each runner, and one that fails the first time. */
const shop = 'exports.two = () => 2;\nexports.three = () => {\n  return 3;\n};\n';
const once = (name: string) =>
  `const { existsSync, writeFileSync } = require('node:fs');\nconst mark = require('node:path').join(process.env.TMPDIR, '..', '..', '${name}-' + process.cwd().split('/').at(-1));\nconst was = existsSync(mark);\nwriteFileSync(mark, '');\nif (!was) throw new Error('only the first time');\n`;
const flaky = (name: string, head = '') =>
  `${head}test('is fine', () => {});\ntest('once (of two) | x', () => {\n${once(name)}});\ntest('is fine, too', () => {});\n`;
const node = "const { test } = require('node:test');\n";
/** The second run asked for the one test, and for no other. */
const oneAgain =
  (of: string) =>
  ({ runs, results }: Answer): void => {
    assert.equal(runs.length, 2, JSON.stringify(runs));
    assert.deepEqual(results[0]!.flaky, [`${of}::once (of two) | x`]);
    assert.equal(results[0]!.metrics.testsRun, 3);
  };
const tested = (runner: string, text: string, more: Partial<Trap> & { files?: Files } = {}): Omit<Trap, 'name'> => ({
  check: nodeTests,
  asked: withLayer,
  outcome: 'passed',
  summary: /./,
  ...more,
  files: { 'package.json': manifest({ test: runner }), 'shop.js': shop, 'test/shop.test.js': text, ...more.files },
});
const broken = ({ results }: Answer) => assert.equal(results[0]!.metrics.broken, 1, JSON.stringify(results));

trapTests(
  () => checks,
  [
    {
      name: 'node --test: of all tests only the one that failed runs again, and what passes then is flaky',
      ...tested('node --test', flaky('node', node), {
        summary: '3 tests, 1 flaky',
        more: oneAgain('test/shop.test.js'),
      }),
    },
    {
      name: 'vitest: of all tests only the one that failed runs again, and what passes then is flaky',
      ...tested(
        'vitest run',
        flaky(
          'vitest',
          "import { test } from 'vitest';\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n",
        ),
        {
          summary: '3 tests, 1 flaky',
          more: oneAgain('test/shop.test.js'),
        },
      ),
    },
    {
      name: 'jest: of all tests only the one that failed runs again, and what passes then is flaky',
      ...tested('jest', flaky('jest'), { summary: '3 tests, 1 flaky', more: oneAgain('test/shop.test.js') }),
    },
    {
      name: 'mocha: of all tests only the one that failed runs again, and what passes then is flaky',
      ...tested('mocha', flaky('mocha').replaceAll('test(', 'it('), {
        summary: '3 tests, 1 flaky',
        more: oneAgain('test/shop.test.js'),
      }),
    },
    {
      name: 'vitest: exit 1 without a file of tests is no tests, and no failure',
      ...tested('vitest', '', {
        files: {
          'test/shop.test.js': 'exports.x = 1;\n',
          'vitest.config.js': "export default { test: { include: ['no/*.js'] } };\n",
        },
        summary: 'no tests found',
      }),
    },
    {
      name: 'vitest: a threshold of coverage in its configuration decides nothing, what was covered does',
      ...tested(
        'vitest run --coverage',
        "import { expect, test } from 'vitest';\nimport { two } from '../shop.js';\ntest('two', () => { expect(two()).toBe(2); });\n",
        {
          files: {
            'shop.js': 'export const two = () => 2;\nexport const three = () => {\n  return 3;\n};\n',
            'vitest.config.js': 'export default { test: { coverage: { thresholds: { lines: 100 } } } };\n',
          },
          summary: '1 test (vitest)',
          more: ({ results }) => assert.ok(results[1]!.metrics.coverageLines! < 1, JSON.stringify(results)),
        },
      ),
    },
    {
      name: 'vitest: tests run without a coverage of another version than its own, which is told',
      ...tested('vitest run', "import { test } from 'vitest';\ntest('two', () => {});\n", {
        asked: () => ({ layer: uneven }),
        summary: '1 test (vitest)',
        more: ({ results }) =>
          assert.deepEqual(results[0]!.warnings, [
            'no coverage was measured: vitest is 5.1.2 and @vitest/coverage-v8 4.0.18; they must be of one version',
          ]),
      }),
    },
    {
      name: 'vitest: a file that cannot be loaded fails though no test ran in it',
      ...tested('vitest run', "import './nowhere.js';\n", { outcome: 'failed', summary: '1 of 1 tests failed' }),
    },
    {
      name: 'jest: tests are counted, coverage is read, and its threshold decides nothing',
      ...tested(
        'jest --coverage',
        "const { two } = require('../shop.js');\ntest('two', () => expect(two()).toBe(2));\n",
        {
          files: { 'jest.config.js': 'module.exports = { coverageThreshold: { global: { lines: 100 } } };\n' },
          summary: '1 test (jest)',
          more: ({ results }) => assert.equal(results[1]?.kind, 'coverage', JSON.stringify(results)),
        },
      ),
    },
    {
      name: 'jest: a failure says its file and line',
      ...tested('jest', "test('two', () => {\n  expect(2).toBe(3);\n});\n", {
        outcome: 'failed',
        summary: '1 of 1 tests failed',
        places: ['test/shop.test.js:2 two'],
      }),
    },
    {
      name: 'jest: exit 1 without a file of tests is no tests, and no failure',
      ...tested('jest', '', {
        files: {
          'test/shop.test.js': 'exports.x = 1;\n',
          'jest.config.js': "module.exports = { testMatch: ['**/no/*.js'] };\n",
        },
        summary: 'no tests found',
      }),
    },
    {
      name: 'jest: a configuration that it refuses is no pass',
      ...tested('jest', "test('x', () => {});\n", {
        files: { 'jest.config.js': 'throw new Error("no");\n' },
        outcome: 'failed',
        summary: /the tests ended with exit 1 and no usable report/,
        more: broken,
      }),
    },
    {
      name: 'mocha: tests are counted, and a failure says its file and line',
      ...tested('mocha', "it('two', () => {\n  throw new Error('no');\n});\nit('three', () => {});\n", {
        outcome: 'failed',
        summary: '1 of 2 tests failed',
        places: ['test/shop.test.js:2 two'],
      }),
    },
    {
      name: 'mocha: what its tests run is measured, though it measures nothing itself',
      ...tested('mocha', "it('two', () => void require('../shop.js').two());\n", {
        summary: '1 test (mocha)',
        more: ({ results }) =>
          assert.deepEqual([results[1]?.metrics.linesFound, results[1]?.metrics.coverageLines], [3, 2 / 3]),
      }),
    },
    {
      name: 'tap: an innermost group is a test, a failure says its file and line, and its own threshold decides nothing',
      ...tested(
        'tap',
        "const t = require('tap');\nconst { two } = require('../shop.js');\nt.test('shop', (t) => {\n  t.test('two', (t) => {\n    t.equal(two(), 2);\n    t.equal(two(), 3, 'is three');\n    t.end();\n  });\n  t.test('later', { skip: true }, (t) => t.end());\n  t.end();\n});\nt.test('fine', async (t) => t.ok(two()));\n",
        {
          files: { 'test/flat.js': "const t = require('tap');\nt.ok(1);\n" },
          outcome: 'failed',
          summary: '1 of 3 tests failed',
          places: ['test/shop.test.js:6 shop > two'],
          more: ({ results }) => {
            assert.equal(results[0]?.metrics.testsSkipped, 1);
            assert.equal(results[1]?.metrics.coverageLines, 2 / 3, JSON.stringify(results[1]));
          },
        },
      ),
    },
    {
      name: 'script: exit 127 for a program that is not installed is a failure, and no fault of the machine',
      ...tested('no-such-runner run', '', {
        outcome: 'failed',
        summary: 'the test script ended with exit 1',
        more: ({ results }) => assert.match(String(results[0]!.warnings), /a program of the test script was not found/),
      }),
    },
    {
      name: 'tap: of all files only that of the test that failed runs again, and what passes then is flaky',
      ...tested(
        'tap test/*.js',
        `const t = require('tap');\nt.test('fine', async (t) => t.ok(1));\nt.test('once', async () => {\n${once('tap')}});\n`,
        {
          files: { 'test/other.test.js': "const t = require('tap');\nt.ok(1);\n" },
          summary: '3 tests, 1 flaky',
          more: ({ runs, results }) => {
            assert.equal(runs.length, 2);
            assert.deepEqual(results[0]!.flaky, ['test/shop.test.js::once']);
            assert.ok(
              runs[1]!.some((word) => word.includes('"argv":["test/shop.test.js"]')),
              JSON.stringify(runs[1]),
            );
          },
        },
      ),
    },
    {
      name: 'tap: a file that cannot be loaded is a failed test',
      ...tested('tap', "require('./nowhere.js');\n", { outcome: 'failed', summary: '1 of 1 tests failed' }),
    },
    {
      name: 'mocha: a file that cannot be loaded leaves no report, and is no pass',
      ...tested('mocha', "require('./nowhere.js');\n", {
        outcome: 'failed',
        summary: /the tests ended with exit \d+ and no usable report/,
        more: broken,
      }),
    },
    {
      name: "ESLint: exit 1 with errors and warnings, by file and line, of the project's own version",
      check: nodeStyle,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'eslint.config.js':
          "module.exports = [{ files: ['a.js'], rules: { 'no-undef': 'error', 'no-unused-vars': 'warn' } }];\n",
        'a.js': 'const unused = 1;\nloud();\n',
      },
      outcome: 'failed',
      summary: /^2 findings/,
      places: ['a.js:1 no-unused-vars', 'a.js:2 no-undef'],
    },
    {
      name: 'ESLint: exit 2 for a configuration that it refuses is no pass',
      check: nodeStyle,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'eslint.config.js': "module.exports = [{ rules: { 'no-such-rule-at-all': 'loud' } }];\n",
        'a.js': 'exports.a = 1;\n',
      },
      outcome: 'failed',
      summary: /eslint ended with exit 2/,
      more: broken,
    },
    {
      name: 'ESLint: exit 2 where a plug-in is not installed is no pass, and its own words are shown',
      check: nodeStyle,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'eslint.config.js': "module.exports = [require('eslint-plugin-nowhere')];\n",
        'a.js': 'exports.a = 1;\n',
      },
      outcome: 'failed',
      summary: /eslint ended with exit 2/,
      more: ({ results }) => assert.match(results[0]!.outputTail.join('\n'), /eslint-plugin-nowhere/),
    },
    {
      name: 'Prettier: what it would write otherwise is a finding with its line',
      check: nodeStyle,
      files: {
        'package.json': '{}\n',
        '.prettierrc': '{ "singleQuote": true }\n',
        'a.js': 'const a = \'x\';\nconst b = "y";\n',
      },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['a.js:2 prettier'],
    },
    {
      name: 'Prettier: exit 2 for a configuration that it cannot read is no pass',
      check: nodeStyle,
      files: { 'package.json': '{}\n', '.prettierrc': '{ "singleQuote": \n', 'a.js': "const a = 'x';\n" },
      outcome: 'failed',
      summary: /prettier ended with exit 2/,
      more: broken,
    },
    {
      name: 'oxlint: its findings have lines',
      check: nodeStyle,
      files: {
        'package.json': '{}\n',
        '.oxlintrc.json': '{"rules":{"no-debugger":"error"}}',
        'a.js': 'let a = 1;\ndebugger;\nexport { a };\n',
      },
      outcome: 'failed',
      summary: /./,
      more: ({ results }) =>
        assert.ok(
          results[0]!.findings.some(({ file, line }) => file === 'a.js' && line === 2),
          JSON.stringify(results),
        ),
    },
    {
      name: 'oxlint: a configuration that it cannot read is no pass',
      check: nodeStyle,
      files: { 'package.json': '{}\n', '.oxlintrc.json': '{"rules":', 'a.js': 'export const a = 1;\n' },
      outcome: 'failed',
      summary: /oxlint ended with exit/,
      more: broken,
    },
    {
      name: 'no style tool: what is outright wrong on a new line of the own sources is a finding of the pinned oxlint',
      check: nodeStyle,
      asked: { main: { 'a.js': "const old = require('old');\n" } },
      files: {
        'package.json': '{}\n',
        'a.js': 'const old = require(\'old\');\nvar  survey="a line"\nif (exports.a === NaN) exports.b = 1;\n',
        'bad.mjs': 'export const a = ;\n',
        'b.ts': "import { x } from 'x';\nexport const y: number = 1;\n",
        'page.js': 'function onClick() {\n  debugger;\n}\n',
        'dist/a.js': 'debugger;\n',
        'jquery.js': `debugger;${'var x = 1;'.repeat(400)}\n`,
        // What is often meant so.
        'fine.js':
          "const { a, ...rest } = require('x');\nexports.app = (error, req, res, next) => res.end(rest);\ntry {\n  exports.a();\n} catch (e) {}\nexpect(1).to.be.one;\n// eslint-disable-next-line no-debugger\ndebugger;\n",
      },
      outcome: 'failed',
      summary: '5 findings on changed lines',
      more: ({ results }) =>
        assert.deepEqual(results[0]!.findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`).sort(), [
          'a.js:2 eslint(no-unused-vars)',
          'a.js:3 eslint(use-isnan)',
          'b.ts:1 eslint(no-unused-vars)',
          'bad.mjs:1 oxlint',
          'page.js:2 eslint(no-debugger)',
        ]),
    },
    {
      name: 'TypeDoc: runs with the TypeScript of the project, and what it warns of is refused by its line',
      check: nodeDocs,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'tsconfig.json': '{"compilerOptions":{"module":"nodenext","types":[]},"include":["src"]}',
        'typedoc.json': '{"entryPoints":["src/index.ts"]}',
        'src/index.ts':
          '/** One. */\nexport const one = 1;\n\n/** As {@link nowhere} says. */\nexport const two = 2;\n',
      },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['src/index.ts:4 typedoc'],
    },
    {
      name: 'TypeDoc: a parameter that is not there is told in its comment, whichever file comes first',
      check: nodeDocs,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'tsconfig.json': '{"compilerOptions":{"module":"nodenext","types":[]},"include":["src"]}',
        'typedoc.json': '{"entryPoints":["src/times.ts"]}',
        'src/index.ts': '/** One. */\nexport const one = 1;\n',
        'src/times.ts':
          '/**\n * Two.\n * @param words - what\n */\nexport function two(text: string): string {\n  return text;\n}\n',
      },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['src/times.ts:3 typedoc'],
    },
    {
      name: 'TypeDoc: an entry point that is not there is no pass',
      check: nodeDocs,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'tsconfig.json': '{"compilerOptions":{"module":"nodenext","types":[]},"include":["src"]}',
        'typedoc.json': '{"entryPoints":["src/nowhere.ts"]}',
        'src/index.ts': '/** One. */\nexport const one = 1;\n',
      },
      outcome: 'failed',
      summary: /./,
      places: ['typedoc.json:1 typedoc', 'null:null typedoc'],
    },
    {
      name: 'a docs script: what it lacks is told in its own words',
      check: nodeDocs,
      asked: withLayer,
      files: { 'package.json': '{"name":"x","scripts":{"docs":"no-such-program --all"}}' },
      outcome: 'failed',
      summary: /^the script docs failed: .*no-such-program.*not found/,
    },
    {
      name: "tsc: the project's own version counts, every error by its line, in the src layout",
      check: nodeTypes,
      asked: withLayer,
      files: {
        'package.json': manifest({}),
        'tsconfig.json': '{"compilerOptions":{"strict":true,"types":[]},"include":["src"]}',
        'src/index.ts': 'export const one: number = "1";\n',
      },
      outcome: 'failed',
      summary: /^1 finding/,
      places: ['src/index.ts:1 TS2322'],
    },
  ],
);

const page =
  '<!doctype html>\n<html lang="en">\n<head><title>x</title></head>\n<body>\n<p style="color: red">x</b></p>\n</body>\n</html>\n';
const whole = page.replace('</b>', '');
test('html-validate: findings by line, and a configuration that names a plug-in which is not there is no pass', async () => {
  for (const base of ['', 'shop/pages/']) {
    // In the second layout one of two sites, of which the other is right.
    const beside = { 'shop/other/index.html': whole };
    const asked = (files: Files) =>
      checks.gate(siteHtml, { ...under(base, files), ...(base === '' ? {} : beside), 'README.md': '' }, '');
    const found = (await asked({ 'index.html': page })).results[0]!;
    assert.deepEqual(
      [found.outcome, found.findings[0]?.file, found.findings[0]?.line],
      ['failed', `${base}index.html`, 5],
    );
    const config = '{"root":true,"plugins":["html-validate-nowhere"],"elements":["html5"]}';
    const { outcome, summary, metrics } = (await asked({ 'index.html': page, '.htmlvalidate.json': config }))
      .results[0]!;
    assert.deepEqual([outcome, metrics.broken], ['failed', 1]);
    assert.match(summary, /^html-validate: .*html-validate-nowhere/);
  }
});
