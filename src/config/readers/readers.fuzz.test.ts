// The files that an app's authors write, read by us before anything of theirs runs: each text is read or refused as bad-config,
// with a message of a size that shows nothing dangerous; no text of the largest size takes long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  anyJson,
  anyText,
  fc,
  holds,
  holdsAsync,
  parsedOrRefused,
  parsedOrRefusedAsync,
} from '../../../test/support/fuzz.ts';
import type { GateSettings } from '../../domain/gate-settings.ts';
import { readAppJson } from './app-json.ts';
import { readLockstepYml } from './lockstep-yml.ts';
import { configMaxBytes } from './problems.ts';
import { readProcfile } from './procfile.ts';
import { readPyproject } from './pyproject.ts';
import { pythonSatisfies, wantedPython } from './python-version.ts';
import { parseRequirement, readRequirements } from './requirements.ts';

const procfileWords = 'web|worker|release|:| |\n|\r\n|#|gunicorn app:app|$PORT|-|\uFEFF'.split('|');

function checkProcfile(text: string): void {
  const parsed = parsedOrRefused(() => readProcfile(text), 'bad-config');
  if (parsed === null) return;
  const names = parsed.value.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, command, line } of parsed.value) {
    assert.match(name, /^[A-Za-z0-9][A-Za-z0-9_-]*$/);
    assert.ok(command !== '' && !/[\r\n\0]/.test(command) && line > 0);
  }
  // What is written again from what was read says the same.
  const again = readProcfile(parsed.value.map(({ name, command }) => `${name}: ${command}`).join('\n'));
  assert.deepEqual(
    again.map(({ name, command }) => [name, command]),
    parsed.value.map(({ name, command }) => [name, command]),
  );
}

test('Procfile: one process a line, or bad-config', () => {
  const line = fc
    .tuple(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,5}$/), fc.string({ maxLength: 12 }))
    .map(([name, command]) => `${name}:${command}`);
  holds(
    fc.oneof(
      anyText(procfileWords, 12),
      fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n')),
    ),
    3000,
    checkProcfile,
  );
});

const ymlKeys =
  'volumes|health|path|timeout|release|web|limits|memory|cpu|pids|disk|data|gate|checks|tests|run|needs|report|junit|batch|min|coverage|patch'.split(
    '|',
  );
const ymlWords = [
  ...ymlKeys.map((key) => `${key}: `),
  ...[
    '\n',
    '  ',
    '- ',
    '{ ',
    ' }',
    '[',
    ']',
    ',',
    '"',
    "'",
    '&a ',
    '*a',
    '!!js/function ',
    '!!binary ',
    '<<: ',
    '|\n',
    '>\n',
    '? ',
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '#',
  ],
  ...[
    '512M',
    '0.5',
    '.inf',
    '.nan',
    '-1',
    '0x10',
    '1e999',
    'true',
    'null',
    '~',
    '/x',
    '../x',
    'a/b',
    '1970-01-01',
    '60s',
  ],
];

function checkGate({ rules, batch, timeoutMs, builtIn, custom }: GateSettings): void {
  const shares = [rules.coverage.patch, rules.coverage.min ?? 0, rules.docstrings.new];
  for (const share of shares) assert.ok(share >= 0 && share <= 1, `${share}`);
  assert.ok(batch.min >= 1 && batch.min <= batch.max && batch.max <= 16);
  assert.ok(timeoutMs >= 10_000 && timeoutMs <= 7_200_000, `${timeoutMs} ms`);
  for (const one of [...Object.values(builtIn), ...Object.values(custom)]) {
    if (one === 'off') continue;
    assert.ok(one.run !== '' && !/[\r\n\0]/.test(one.run) && one.timeoutMs > 0);
    for (const path of Object.values(one.reports)) assert.ok(!path.startsWith('/') && !path.split('/').includes('..'));
  }
}

function checkYml(text: string): void {
  const parsed = parsedOrRefused(() => readLockstepYml(text), 'bad-config');
  if (parsed === null) return;
  const { volumes, health, limits, release, web, gate } = parsed.value;
  checkGate(gate);
  for (const [name, path] of Object.entries(volumes)) {
    assert.match(name, /^[a-z][a-z0-9-]*$/);
    assert.ok(!path.startsWith('/') && !path.split('/').some((part) => part === '..' || part === '' || part === '.'));
  }
  if (health.timeoutMs !== null)
    assert.ok(health.timeoutMs > 0 && health.timeoutMs <= 600_000, `${health.timeoutMs} ms`);
  if (health.path !== null) assert.match(health.path, /^\/[\x21-\x7e]*$/);
  for (const figure of Object.values(limits)) assert.ok(Number.isFinite(figure) && (figure as number) > 0);
  for (const command of [release, web]) assert.ok(command === null || (command !== '' && !/[\r\n\0]/.test(command)));
}

test('lockstep.yml: what it says, within its limits, or bad-config', () => {
  holds(anyText(ymlWords, 14), 4000, checkYml, [
    'health: { timeout: 0.0001 }',
    'limits: { cpu: .nan }',
    'gate: { checks: { __proto__: x, constructor: y } }',
    'gate: { coverage: { patch: 1e999%, slack: NaNpp }, batch: { min: .inf } }',
    '__proto__: { web: x }',
  ]);
  holds(anyJson(ymlKeys), 3000, (document) => checkYml(JSON.stringify(document)));
});

const appJsonKeys =
  'env|environments|test|scripts|value|required|generator|healthchecks|web|path|timeout|formation|quantity|A'.split(
    '|',
  );

function checkAppJson(text: string): void {
  const parsed = parsedOrRefused(() => readAppJson(text), 'bad-config');
  if (parsed === null) return;
  const { env, test: inTest, health, quantities } = parsed.value;
  for (const { name, value } of [...env, ...Object.entries(inTest.env).map(([name, value]) => ({ name, value }))]) {
    assert.match(name, /^[A-Za-z_][A-Za-z0-9_]*$/);
    assert.ok(value === null || (!value.includes('\0') && value.isWellFormed()), 'no environment holds it');
  }
  if (health.timeoutMs !== null) assert.ok(health.timeoutMs > 0 && Number.isFinite(health.timeoutMs));
  for (const count of Object.values(quantities)) assert.ok(Number.isSafeInteger(count) && count >= 0 && count <= 100);
}

test('app.json: variables that an environment can hold, or bad-config', () => {
  holds(anyJson(appJsonKeys), 4000, (document) => checkAppJson(JSON.stringify(document)));
  const values = fc.dictionary(
    fc.constantFrom('A', 'B_1', '1A', 'A=B', '', '__proto__', 'LD_PRELOAD'),
    fc.oneof(
      fc.constantFrom('x', '\ud800', '\u0000', 'a\nb', 1, true, null),
      fc.record({ value: fc.constantFrom('y', 7, '\udfff') }),
    ),
  );
  holds(values, 1000, (env) => checkAppJson(JSON.stringify({ env, environments: { test: { env } } })));
  // A key that JavaScript treats as something else is not dropped in silence.
  for (const where of ['{"env":{"__proto__":"x"}}', '{"environments":{"test":{"env":{"__proto__":"x"}}}}'])
    assert.throws(() => readAppJson(where), { code: 'bad-config' }, where);
  holds(anyText(['{', '}', '"env"', ':', '"A"', ',', '[', ']', '1e999'], 10), 1500, checkAppJson);
});

const requirementWords =
  'flask|==1.0|[|]|;| |@ |git+https://x|-r |-c |-e |./lib|../x|/etc/passwd|\n|\\\n|#|--hash=sha256:a|>=|,|(|)|$HOME'.split(
    '|',
  );

test('requirements: files of the tree only, or bad-config', async () => {
  const texts = fc.array(anyText(requirementWords, 10), { minLength: 1, maxLength: 3 });
  await holdsAsync(texts, 2500, async ([first = '', ...rest]) => {
    const files = new Map([
      ['requirements.txt', first],
      ...rest.map((text, at): [string, string] => [`r${at}.txt`, text]),
    ]);
    const asked: string[] = [];
    const parsed = await parsedOrRefusedAsync(
      () =>
        readRequirements('requirements.txt', async (path) => {
          asked.push(path);
          return files.get(path) ?? (path.endsWith('lib') ? '-r r0.txt' : null);
        }),
      'bad-config',
    );
    for (const path of [...asked, ...(parsed?.value.local ?? [])])
      assert.ok(!path.startsWith('/') && !path.split('/').includes('..'), `${path} is outside`);
    for (const { name } of parsed?.value.requirements ?? []) assert.match(name, /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);
  });
  holds(anyText(requirementWords, 6), 2000, (text) => {
    const one = parseRequirement(text);
    if (one !== null) assert.match(one.name, /^[a-z0-9]/);
  });
});

const tomlWords =
  '[project]\n|[tool.poetry]\n|[tool.poetry.dependencies]\n|dependencies = |["flask"]|name = |"x"|requires-python = |">=3.9"|\n|=|[|]|{|}|"|\'\'\'|a.b.c|__proto__.x = 1\n|constructor = 1\n|inf|nan|1979-05-27|#|python = "^3.9"\n|flask = "^1"\n'.split(
    '|',
  );

test('pyproject.toml: requirements that are some, or bad-config', () => {
  holds(anyText(tomlWords, 12), 3000, (text) => {
    const parsed = parsedOrRefused(() => readPyproject(text), 'bad-config');
    for (const one of parsed?.value.dependencies ?? []) assert.ok(parseRequirement(one) !== null, one);
  });
  assert.equal(({} as { x?: unknown }).x, undefined, 'a document reached the prototype of every object');
});

test('the wanted Python is a range that versions can be held against', () => {
  const words = [
    '3',
    '3.11',
    '.12',
    'python-',
    '>=',
    '<',
    ',',
    '~=',
    '==',
    '*',
    '.x',
    'rc1',
    ' ',
    '\n',
    '#',
    'pypy',
    '||',
  ];
  holds(
    fc.tuple(anyText(words, 5), fc.constantFrom('pythonVersion', 'runtimeTxt', 'requiresPython')),
    3000,
    ([text, where]) => {
      const parsed = parsedOrRefused(() => wantedPython({ [where]: text }), 'bad-config');
      if (parsed?.value) assert.equal(typeof pythonSatisfies('3.11.2', parsed.value.spec), 'boolean');
    },
  );
});

test('files of the largest size that are made to be slow are read in no time', { timeout: 60_000 }, async () => {
  const fill = (unit: string, bytes = configMaxBytes - 200) => unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
  const units = [
    ...[
      '[',
      '{',
      '- ',
      '? ',
      '&a ',
      '*a ',
      '"',
      "'",
      'a: ',
      'a.',
      'a:\n ',
      '\n',
      ' ',
      '#',
      '!',
      '|',
      '>',
      '\\\n',
      ',',
      '=',
      '[a',
      '{a:',
      '- - ',
    ],
    ...['[x]\n', 'a=1\n', '-', '.', ';', '(', '"\\u0041', '&a [*a]\n', '<<: ', '[[a.', '{a={', "'''", '"""', '-r a\n'],
  ];
  for (const unit of units)
    for (const head of ['', 'web: x\n']) {
      const text = head + fill(unit);
      parsedOrRefused(() => readProcfile(text), 'bad-config');
      parsedOrRefused(() => readLockstepYml(text.slice(0, 16_000)), 'bad-config');
      parsedOrRefused(() => readAppJson(text), 'bad-config');
      parsedOrRefused(() => readPyproject(text), 'bad-config');
      parseRequirement(text);
      await parsedOrRefusedAsync(
        () => readRequirements('r.txt', async (path) => (path === 'r.txt' ? text : null)),
        'bad-config',
      );
    }
});
