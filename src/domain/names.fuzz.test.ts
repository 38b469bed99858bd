// Whatever is typed as a name: either it is taken as it stands and is safe where it goes (DNS, git, the environment, a terminal),
// or it is refused with a code of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { anyText, fc, holds, parsedOrRefused } from '../../test/support/fuzz.ts';
import { normaliseHost } from '../router/match.ts';
import { parseAppName, parseBranch, parseEnvKey, parseEnvValue, parseHostname, printable } from './names.ts';

const words = [
  'a',
  'z9',
  '-',
  '--',
  'xn--',
  '_',
  'A',
  'é',
  'а',
  '.',
  '..',
  '/',
  'con',
  'api',
  'main',
  '=',
  ';',
  '$(id)',
];
const text = anyText(words, 8);

test('an app name is a label of DNS and of a path as it stands, or bad-name', () => {
  holds(fc.oneof(text, fc.stringMatching(/^[a-z][a-z0-9-]{0,45}$/)), 3000, (input) => {
    const parsed = parsedOrRefused(() => parseAppName(input), 'bad-name');
    if (parsed === null) return;
    assert.equal(parsed.value, input);
    assert.match(input, /^[a-z][a-z0-9-]{0,39}$/);
    assert.doesNotMatch(input, /--|-$|^xn-/);
    assert.equal(parseHostname(`${input}.localhost`), `${input}.localhost`);
  });
});

test('G8: names are taken by rule, at every border', () => {
  for (const name of ['a', 'z9', 'con', 'nul', 'aux', 'a-b', 'x'.repeat(40), 'constructor', 'tostring'])
    assert.equal(parseAppName(name), name);
  const refused = [
    ...[
      '',
      '-a',
      'a-',
      'a--b',
      '_',
      'a_b',
      'A',
      'Blog',
      '9a',
      'xn--blog',
      'xn-a',
      'x'.repeat(41),
      'x'.repeat(63),
      '__proto__',
    ],
    ...['api', 'admin', 'www', 'docs', 'git', 'lockstep', 'localhost', 'static', 'status', 'mail'],
    // Homoglyphs, invisible characters, another direction.
    ...[
      'аpi',
      'blоg',
      'blog\u200b',
      '\u202eblog',
      'ｂlog',
      'blog\n',
      ' blog',
      'blog ',
      'bl.og',
      'bl/og',
      '..',
      '.',
      'a;id',
      '$(id)',
    ],
  ];
  for (const name of refused) assert.throws(() => parseAppName(name), { code: 'bad-name' }, JSON.stringify(name));
});

test('a host name has one normal form, the same for the router', () => {
  const labels = fc.array(fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/), { minLength: 1, maxLength: 5 });
  holds(
    fc.oneof(
      text,
      labels.map((parts) => parts.join('.')),
      fc.domain(),
    ),
    3000,
    (input) => {
      const parsed = parsedOrRefused(() => parseHostname(input), 'bad-host');
      if (parsed === null) return;
      assert.equal(parseHostname(parsed.value), parsed.value);
      assert.equal(normaliseHost(parsed.value), parsed.value);
      assert.equal(normaliseHost(`${input.toUpperCase()}:80`), parsed.value);
      assert.ok(parsed.value.length <= 253);
    },
  );
});

test('a branch that is taken is one for git too, and never an option', () => {
  const accepted = new Set<string>();
  holds(
    anyText(
      ['a', 'x', '/', '.', '-', '@', '{', '..', '.lock', ' ', '~1', '^', ':', '[', '\\', 'é', '--upload-pack=x'],
      6,
    ),
    3000,
    (input) => {
      const parsed = parsedOrRefused(() => parseBranch(input), 'bad-ref');
      if (parsed === null) return;
      assert.equal(parsed.value, input);
      assert.ok(!input.startsWith('-') && !input.includes('\0') && input.isWellFormed());
      if (accepted.size < 60) accepted.add(input);
    },
  );
  assert.ok(accepted.size > 30);
  for (const branch of accepted) {
    const { status } = spawnSync('git', ['check-ref-format', `refs/heads/${branch}`], {
      env: { PATH: process.env.PATH },
    });
    assert.equal(status, 0, JSON.stringify(branch));
  }
});

test('a variable is one that every environment holds byte for byte, or bad-env', () => {
  const key = parseEnvKey('VALUE');
  holds(
    fc.tuple(anyText(['A', '_', '1', '=', 'LD_PRELOAD', 'PORT', 'LOCKSTEP_', ' '], 5), text),
    3000,
    ([name, value]) => {
      const parsed = parsedOrRefused(() => parseEnvKey(name), 'bad-env');
      if (parsed !== null) assert.match(name, /^[A-Za-z_][A-Za-z0-9_]{0,254}$/);
      const kept = parsedOrRefused(() => parseEnvValue(key, value), 'bad-env');
      if (kept === null) return;
      assert.equal(kept.value, value);
      assert.equal(Buffer.from(value, 'utf8').toString('utf8'), value, 'its bytes are not its text');
      assert.ok(!value.includes('\0'));
    },
  );
});

test('what is printed of a stranger is short and steers no terminal', () => {
  holds(text, 2000, (input) => {
    const shown = printable(input);
    assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.ok(shown.length <= 80);
  });
});
