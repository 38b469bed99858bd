// `lockstep backup` and `restore` as they are typed: passphrases by file, by pipe, or typed; exit codes; what is said.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestHome } from '../../backup/test-home.ts';
import { makePlace } from '../fake-place.ts';

test('a backup is made, tried and restored, with a passphrase that no argument holds', async () => {
  await using one = await TestHome.make();
  using place = makePlace(null);
  const env = { ...place.env, LOCKSTEP_HOME: one.home };
  const run = (words: string[], stdin = '', isTty = false) => place.run(words, { env, stdin, isTty });
  const clear = await run(['backup', 'clear']);
  assert.deepEqual([clear.code, clear.err], [0, '']);
  assert.match(
    clear.out,
    /^clear: 1 app, 0 files in volumes, \d\.\d MB in .*; it is not encrypted, and holds every secret/,
  );
  const sealed = await run(['backup', 'sealed', '--passphrase-file', '-'], 'correct horse battery\n');
  assert.match(sealed.out, /^sealed: .*, encrypted\n$/);
  assert.ok(!readFileSync(join(place.work, 'sealed')).includes('lst_secret'));
  writeFileSync(join(place.work, 'secret'), 'correct horse battery\r\nand more\n');
  const tried = await run(['backup', '--verify', 'sealed', '--passphrase-file', 'secret']);
  assert.equal(tried.code, 0, tried.err);
  assert.match(
    tried.out,
    /^blog {2}v1 is main and was live, 1 release\nit can be restored: 4 files, .* made .* restored in /,
  );
  const typed = await run(['restore', 'sealed', '--home', 'typed'], 'correct horse battery\n', true);
  assert.equal(typed.code, 0, typed.err);
  assert.match(typed.err, /^Passphrase of the backup: .*now: lockstep up --home .*typed\n$/s);
  assert.ok(existsSync(join(place.work, 'typed', 'control', 'lockstep.db')));
  const wrong = await run(['restore', 'sealed', '--home', 'wrong', '--passphrase-file', '-'], 'something else\n');
  assert.deepEqual([wrong.code, existsSync(join(place.work, 'wrong'))], [65, false]);
  assert.match(wrong.err, /the passphrase is wrong/);
});

test('what cannot be is refused before anything is written', async () => {
  await using one = await TestHome.make();
  using place = makePlace(null);
  const env = { ...place.env, LOCKSTEP_HOME: one.home };
  for (const [words, stdin, code, said] of [
    [['backup'], '', 64, /name one file/],
    [['backup', 'x', '--verify', 'y'], '', 64, /name one file/],
    [['backup', 'x', '--encrypt'], '', 64, /no terminal to ask/],
    [['backup', 'x', '--passphrase-file', '-'], 'short\n', 64, /shorter than 8/],
    [['backup', 'x', '--home', place.work], '', 66, /no home of Lockstep/],
    [['backup', 'no/such/folder/x'], '', 64, /cannot be written \(ENOENT\)/],
    [['backup', '--verify', 'absent'], '', 66, /cannot be read/],
    [['restore', 'absent'], '', 66, /cannot be read/],
    [['restore', '.'], '', 66, /is no file/],
  ] as const) {
    const ran = await place.run(words, { env, stdin });
    assert.equal(ran.code, code, `${words.join(' ')}: ${ran.err}`);
    assert.match(ran.err, said);
  }
  one.database.close();
  writeFileSync(join(one.home, 'control', 'lockstep.db'), 'not a database at all, '.repeat(1000));
  const damaged = await place.run(['backup', 'x'], { env });
  assert.deepEqual([damaged.code, existsSync(join(place.work, 'x'))], [74, false]);
  assert.match(damaged.err, /the database of .* cannot be copied/);
});
