import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '../domain/errors.ts';
import { commandTable } from './command-table.ts';
import { nearest } from './nearest.ts';
import { commandFirst, findCommand, parseArgv } from './parse-argv.ts';

function parse(line: string) {
  const { command, rest } = findCommand(commandFirst(line.split(' ')), commandTable);
  const { words, flags, texts } = parseArgv(command, rest);
  return { command: command.name, words, flags: [...flags], texts: Object.fromEntries(texts) };
}

const cases: [string, string, string[], string[], Record<string, string>][] = [
  ['status', 'status', [], [], {}],
  ['status -a blog --json', 'status', [], ['json'], { app: 'blog' }],
  ['status -ablog', 'status', [], [], { app: 'blog' }],
  ['status --app=blog', 'status', [], [], { app: 'blog' }],
  ['--json status -a blog', 'status', [], ['json'], { app: 'blog' }],
  ['-a blog --home /h status', 'status', [], [], { app: 'blog', home: '/h' }],
  ['--home=/h apps', 'apps', [], [], { home: '/h' }],
  ['create blog --main trunk --no-remote', 'create', ['blog'], ['no-remote'], { main: 'trunk' }],
  ['create --no-remote blog', 'create', ['blog'], ['no-remote'], {}],
  ['rollback v10 --config', 'rollback', ['v10'], ['config'], {}],
  ['rollback --config v10', 'rollback', ['v10'], ['config'], {}],
  ['config', 'config', [], [], {}],
  ['config set A=1 B=-2 C=', 'config set', ['A=1', 'B=-2', 'C='], [], {}],
  ['config unset A B', 'config unset', ['A', 'B'], [], {}],
  ['config get A', 'config get', ['A'], [], {}],
  ['config set --file - A=1', 'config set', ['A=1'], [], { file: '-' }],
  ['logs -f -n 20', 'logs', [], ['follow'], { n: '20' }],
  ['logs -fn20', 'logs', [], ['follow'], { n: '20' }],
  ['run -a blog ls -la --json', 'run', ['ls', '-la', '--json'], [], { app: 'blog' }],
  ['run --json -- --odd -x', 'run', ['--odd', '-x'], ['json'], {}],
  ['-a blog run echo -a x', 'run', ['echo', '-a', 'x'], [], { app: 'blog' }],
  ['run sh -c x -- y', 'run', ['sh', '-c', 'x', '--', 'y'], [], {}],
  [
    'tokens create ci --rights read,deploy --expires 30d',
    'tokens create',
    ['ci'],
    [],
    { rights: 'read,deploy', expires: '30d' },
  ],
  ['up --port 0 --json --home /h --detach', 'up', [], ['json', 'detach'], { port: '0', home: '/h' }],
  ['create --help', 'create', [], ['help'], {}],
  ['config -h', 'config', [], ['help'], {}],
];

for (const [line, command, words, flags, texts] of cases) {
  test(`lockstep ${line}`, () => assert.deepEqual(parse(line), { command, words, flags, texts }));
}

const refusals: [string, RegExp, RegExp][] = [
  ['stauts', /there is no command "stauts"/, /Did you mean: lockstep status/],
  ['config:set A=1', /no command "config:set"/, /Did you mean: lockstep config set/],
  ['frobnicate', /no command "frobnicate"/, /lockstep help/],
  ['status --jsn', /no option --jsn \(did you mean --json\?\)/, /Usage: lockstep status/],
  ['status -x', /no option -x/, /Usage/],
  ['status --__proto__', /no option --__proto__/, /Usage/],
  ['status -a', /-a needs a value: NAME/, /Usage/],
  ['status -a --json', /-a needs a value/, /Usage/],
  ['status -a x -a y', /-a is given twice/, /Usage/],
  ['status --json=yes', /--json takes no value/, /Usage/],
  ['status blog', /"lockstep status" does not take "blog"/, /\[-a NAME\]/],
  ['create', /"lockstep create" needs NAME/, /Usage: lockstep create .*NAME/],
  ['create --nope', /no option --nope; "lockstep create" needs NAME/, /Usage/],
  ['config sets A=1', /no command "config sets"/, /Did you mean: lockstep config set/],
  ['config frob A=1', /does not take "frob" "A=1"/, /Usage/],
  ['run', /needs CMD/, /Usage/],
  ['apps -a blog', /no option -a/, /Usage: lockstep apps/],
];

for (const [line, message, advice] of refusals) {
  test(`lockstep ${line} is refused`, () => {
    assert.throws(
      () => parse(line),
      (error) => isFailure(error, 'bad-request') && message.test(error.message) && advice.test(error.advice ?? ''),
    );
  });
}

test('what was typed is shown without its control characters', () => {
  assert.throws(
    () => findCommand(['st\u001b[31m'], commandTable),
    (error) => isFailure(error) && error.message === 'there is no command "st?[31m"',
  );
});

test('a slip finds its word, another word does not', () => {
  const words = ['status', 'releases', 'rollback'];
  assert.equal(nearest('stat', words), null);
  assert.equal(nearest('statsu', words), 'status');
  assert.equal(nearest('Rolback', words), 'rollback');
  assert.equal(nearest('x', words), null);
  assert.equal(nearest('r'.repeat(100_000), words), null);
});

test('every command has an example, which parses', () => {
  for (const command of commandTable) {
    assert.ok(command.examples.length > 0, command.name);
    for (const example of command.examples) {
      const words = example
        .replace(/ [<>] .*$/, '')
        .replaceAll(/["']([^"']*)["']/g, (_, quoted: string) => quoted.replaceAll(' ', '_'))
        .split(' ');
      assert.equal(words[0], 'lockstep', example);
      const found = findCommand(words.slice(1), commandTable);
      assert.equal(found.command.name, command.name, example);
      parseArgv(found.command, found.rest);
    }
  }
});

test('every command has a verb, and names are unique', async () => {
  for (const command of commandTable) assert.equal(typeof (await command.load()), 'function', command.name);
  assert.equal(new Set(commandTable.map(({ name }) => name)).size, commandTable.length);
});
