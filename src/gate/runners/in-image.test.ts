import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const script = join(import.meta.dirname, 'in_image.sh');

function place(image: Record<string, string>, commit: Record<string, string>) {
  const top = mkdtempSync(join(tmpdir(), 'lockstep-begin-'));
  for (const [folder, files] of Object.entries({ app: image, tree: commit }))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(top, folder, path)), { recursive: true });
      writeFileSync(join(top, folder, path), text);
    }
  const begin = (how: string, programs: string, prepare: string, ...words: string[]) => {
    const given = [how, join(top, 'app'), join(top, 'reports'), join(top, 'tree'), join(top, 'reports/began.txt')];
    const ended = spawnSync('/bin/sh', [script, ...given, 'Cobol', programs, prepare, ...words], { encoding: 'utf8' });
    const hasBegun = existsSync(join(top, 'reports/began.txt'));
    return { code: ended.status, said: ended.stdout.trim(), wrong: ended.stderr.trim(), hasBegun };
  };
  return {
    ...{ top, begin },
    text: (path: string) => readFileSync(join(top, 'app', path), 'utf8'),
    [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }),
  };
}

test('what the image lacks of the commit is put there, and what it has stays as it is', () => {
  using one = place(
    { 'app.py': 'of the image', 'gen/made.py': 'made', 'sub/deep/a.py': 'a' },
    {
      ...{ 'app.py': 'of the commit', '.hidden': 'h', 'tests/x/test_a.py': 't', 'sub/deep/b c.py': 'b' },
      ...{ 'sub/new/d.py': 'd', 'dangling/e.py': 'e' },
    },
  );
  // What leads nowhere in the image is there as well.
  symlinkSync('/nowhere/at/all', join(one.top, 'app', 'dangling'));
  assert.deepEqual(one.begin('command', '', '', 'echo', 'a b'), {
    ...{ code: 0, said: 'a b', wrong: '', hasBegun: true },
  });
  const texts = [
    'app.py',
    'gen/made.py',
    '.hidden',
    'tests/x/test_a.py',
    'sub/deep/a.py',
    'sub/deep/b c.py',
    'sub/new/d.py',
  ];
  assert.deepEqual(texts.map(one.text), ['of the image', 'made', 'h', 't', 'a', 'b', 'd']);
  assert.equal(existsSync('/nowhere/at/all'), false);
});

test("the commit's tests are put over those of the image, and run by the first program that there is", () => {
  using one = place({ 'tests/a': 'older' }, { 'tests/a': 'newer' });
  assert.equal(one.begin('tests', 'no-such-one sh', '', '-c', 'pwd').said, join(one.top, 'app'));
  assert.equal(one.text('tests/a'), 'newer');
});

test('an image that cannot hold a check is told from a check that ends so', () => {
  using one = place({ x: '' }, {});
  const without = one.begin('tests', 'no-such-one', '', '-c', 'true');
  assert.deepEqual(without, { code: 127, said: '', wrong: 'the image has no Cobol', hasBegun: false });
  assert.deepEqual(
    [one.begin('tests', 'sh', '', '-c', 'exit 127')].map(({ code, hasBegun }) => [code, hasBegun]),
    [[127, true]],
  );
  execFileSync('rm', ['-r', join(one.top, 'app'), join(one.top, 'reports')]);
  const nowhere = one.begin('tests', 'sh', '', '-c', 'true');
  assert.deepEqual([nowhere.code, nowhere.hasBegun], [126, false]);
});
