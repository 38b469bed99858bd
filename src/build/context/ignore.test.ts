import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fc, holds } from '../../../test/support/fuzz.ts';
import { isFailure } from '../../domain/errors.ts';
import { readIgnore } from './ignore.ts';

const check = (text: string, ignored: readonly string[], kept: readonly string[]) => {
  const ignores = readIgnore(text);
  for (const path of ignored) assert.ok(ignores(path), `${JSON.stringify(text)} keeps ${path}`);
  for (const path of kept) assert.ok(!ignores(path), `${JSON.stringify(text)} ignores ${path}`);
};

test('patterns mean what Docker says that they mean', () => {
  check('', [], ['a', '.git/x']);
  check('# a\n\n  \r\nb\r\n', ['b', 'b/c'], ['a', '# a', 'c/b']);
  check('/a/', ['a', 'a/b'], ['c/a']);
  check('a/../b//c/.', ['b/c'], ['a', 'b']);
  check('*.py', ['a.py'], ['a/b.py', 'a.pyc']);
  check('**/*.py', ['a.py', 'a/b/c.py', 'a.py/x'], ['a.pyc']);
  check('**/node_modules', ['node_modules/x', 'a/b/node_modules/c'], ['a/node_modules2']);
  check('a/**', ['a/b', 'a/b/c'], ['a', 'b/a/c']);
  check('a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['az', 'a/b']);
  check('temp?', ['temp1', 'tempé'], ['temp', 'temp12', 'temp/']);
  check('[a-c^]x\n[^a-z]y', ['ax', '^x', '1y'], ['dx', 'ay']);
  check('\\*\n\\[', ['*', '['], ['a']);
  check('*\n!README*.md\nREADME-secret.md', ['a', 'a/b', 'README-secret.md'], ['README.md']);
  check('a\n!a/b', ['a/c'], ['a/b', 'a/b/c']);
  check('../x', [], ['x']);
});

test('what is no pattern is refused with its line', () => {
  for (const [text, line] of [
    ['a\n[a', 2],
    ['!', 1],
    ['a\\', 1],
    ['[z-a]', 1],
    ['x'.repeat(1001), 1],
  ] as const)
    assert.throws(
      () => readIgnore(text),
      (error) => isFailure(error, 'bad-config') && error.message.includes(`line ${line}:`),
      text,
    );
});

test('patterns made to be slow are compared in steps that are counted', () => {
  const slow = readIgnore(`${'*a'.repeat(400)}b`);
  assert.ok(!slow('a'.repeat(1000)));
  const many = readIgnore(`${'**/*a*a*a*a*b\n'.repeat(900)}`);
  const startedAt = process.cpuUsage().user;
  assert.throws(
    () => {
      for (let count = 0; ; count += 1) many(`${'a'.repeat(200)}${count}/${'a'.repeat(700)}`);
    },
    (error) => isFailure(error, 'too-large'),
  );
  assert.ok(process.cpuUsage().user - startedAt < 60_000_000);
});

/** The kept library by which we hold ours; its own patterns are regular expressions. */
const theirs = createRequire(import.meta.url)('@balena/dockerignore') as () => {
  add(text: string): { ignores(path: string): boolean };
};

test('it says what the library says that others use', () => {
  const part = fc.constantFrom('a', 'b', 'ab', '*', '**', '?', 'a*', '*b', '[ab]', '[^a]', 'a?b');
  const pattern = fc
    .tuple(fc.constantFrom('', '!', '/'), fc.array(part, { minLength: 1, maxLength: 4 }))
    .map(([before, parts]) => before + parts.join('/'));
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'aab', 'c'), { minLength: 1, maxLength: 4 });
  holds(fc.tuple(fc.array(pattern, { minLength: 1, maxLength: 4 }), path), 4000, ([patterns, parts]) => {
    const text = patterns.join('\n');
    const name = parts.join('/');
    assert.equal(readIgnore(text)(name), theirs().add(text).ignores(name), `${JSON.stringify(text)} ${name}`);
  });
});
