// An app's environment, down to the bytes that the kernel keeps of it: what was declared is there, byte for byte, whatever the
// launcher's shell, the loader and setpriv make of such names for themselves.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fc, holdsAsync } from '../../../test/support/fuzz.ts';
import { launch } from './launcher.ts';
import { listProcesses } from './proc.ts';
import { scrubbedEnv } from './scrubbed-env.ts';

const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: 59_950, gid: 59_950 } : null;
const scratch = mkdtempSync(join(tmpdir(), 'lockstep-env-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
chmodSync(scratch, 0o755);
if (identity) chownSync(scratch, identity.uid, identity.gid);
let count = 0;
const next = (): number => {
  count += 1;
  return count;
};

/** What a process that was launched with these variables has, from /proc. */
async function environOf(declared: Record<string, string>, exitFile: boolean): Promise<Map<string, string>> {
  const run = next();
  const out = join(scratch, `environ-${run}`);
  const launched = await launch({
    argv: ['/bin/cp', '/proc/self/environ', out],
    cwd: '/',
    env: scrubbedEnv(declared, { path: ['/usr/bin', '/bin'], home: '/nonexistent', tmp: '/tmp' }),
    fifo: null,
    exitFile: exitFile ? join(scratch, `exit-${run}`) : null,
    cgroups: [],
    openFiles: 1024,
    fileBytes: null,
    limitArgv: [],
    identity,
  });
  await launched.exited;
  const entries = readFileSync(out, 'latin1')
    .split('\0')
    .filter((entry) => entry !== '');
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
/** Names that somebody on the way has a use for. */
const steering = [
  ...[
    'fifo',
    'exit_file',
    'files',
    'groups',
    'group',
    'code',
    'PATH',
    'IFS',
    'ENV',
    'BASH_ENV',
    'SHELLOPTS',
    'PS1',
    'PS2',
    'PS4',
    'OPTIND',
  ],
  ...[
    'OPTARG',
    'PWD',
    'OLDPWD',
    'PPID',
    'LINENO',
    'MAIL',
    'MAILPATH',
    'MAILCHECK',
    'CDPATH',
    'HISTSIZE',
    'TERM',
    'SHELL',
    'USER',
    'LOGNAME',
    '_',
  ],
  ...[
    'LANG',
    'LC_ALL',
    'LOCPATH',
    'TZ',
    'NODE_OPTIONS',
    'PYTHONPATH',
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'LD_AUDIT',
    'MALLOC_CHECK_',
    'A',
    'a_b',
  ],
  ...[
    'POSIXLY_CORRECT',
    'FUNCNAME',
    'GLIBC_TUNABLES',
    'TMOUT',
    'PROMPT_COMMAND',
    'HOME1',
    'constructor',
    'SECONDS',
    'UID',
    'EUID',
    'COLUMNS',
  ],
];
const value = fc.oneof(
  fc.constantFrom(
    '',
    'x',
    '-1',
    '/nonexistent',
    'a\nb',
    '"',
    "'",
    '$(id)',
    '`id`',
    '%s%n',
    '\\',
    '\u{1f600}é',
    ' ',
    'a=b',
    '\x7f\x01',
    '..',
    '/tmp',
    '0',
    '99999999999',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', '').toWellFormed()),
);
const name = fc.oneof(fc.constantFrom(...steering), fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,7}$/));

test('G7: what was declared is what the process has, byte for byte', async () => {
  const given = fc.tuple(fc.dictionary(name, value, { maxKeys: 8 }), fc.boolean());
  await holdsAsync(given, 60, async ([declared, isJob]) => {
    const seen = await environOf(declared, isJob);
    for (const [key, text] of Object.entries(declared))
      if (key !== 'HOME' && key !== 'TMPDIR') assert.equal(seen.get(key), latin1(text), key);
    const strangers = [...seen.keys()].filter((key) => !Object.hasOwn(declared, key));
    assert.deepEqual(
      strangers.filter((key) => !['LANG', 'PATH', 'HOME', 'TMPDIR', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(key)),
      [],
    );
  });
});

test('G7: no value is in an argv that lasts', async () => {
  const canary = 'canary-of-a-value';
  const launched = await launch({
    argv: ['/bin/sleep', '600'],
    cwd: '/',
    env: Object.fromEntries(steering.map((key) => [key, canary])),
    ...{
      fifo: null,
      exitFile: join(scratch, `exit-${next()}`),
      cgroups: [],
      openFiles: null,
      fileBytes: null,
      limitArgv: [],
      identity,
    },
  });
  const argvOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  const group = () => listProcesses().filter(({ pgid }) => pgid === launched.pid);
  try {
    // The launcher and, below it, the command.
    for (let look = 0; !group().some(({ pid }) => argvOf(pid).startsWith('/bin/sleep')); look += 1) {
      assert.ok(look < 4000, 'the command does not start');
      await pause(5);
    }
    for (const { pid } of group()) assert.ok(!argvOf(pid).includes(canary), argvOf(pid));
  } finally {
    process.kill(-launched.pid, 'SIGKILL');
    await launched.exited;
  }
});

test('G7: each name that somebody on the way has a use for, and values of the largest size', async () => {
  for (const text of ['x', '', '/nonexistent/mine', 'a\n"\'$(id)%é'])
    for (const isJob of [false, true]) {
      const declared = Object.fromEntries(steering.map((key) => [key, text]));
      const seen = await environOf(declared, isJob);
      const wrong = steering.filter((key) => seen.get(key) !== latin1(text)).map((key) => [key, seen.get(key)]);
      assert.deepEqual(wrong, [], JSON.stringify(text));
    }
  const large = { A: 'x'.repeat(120 * 1024), LD_LARGE: 'y'.repeat(120 * 1024) };
  const seen = await environOf(large, true);
  assert.deepEqual([seen.get('A')?.length, seen.get('LD_LARGE')?.length], [120 * 1024, 120 * 1024]);
});
