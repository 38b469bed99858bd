import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git, makePlace, withServer } from './fake-place.ts';
import { startFakeServer } from './fake-server.ts';

test('when nothing answers, the error says how to start it', async () => {
  const server = await startFakeServer();
  const place = makePlace(server.url);
  using _place = place;
  await server.close();
  const ran = await place.run(['apps', '--json']);
  assert.deepEqual([ran.code, JSON.parse(ran.out).error.code], [75, 'router-away']);
  assert.match(ran.err, /nothing answers at http:\/\/127\.0\.0\.1:\d+\n.*lockstep up/);
});

test(
  'an address that is no Lockstep is named as such',
  withServer(
    { 'GET /api/v1/apps': (_, response) => void response.writeHead(200).end('<html>hello</html>') },
    async ({ place }) => {
      const ran = await place.run(['apps']);
      assert.deepEqual([ran.code, /did not answer in JSON/.test(ran.err)], [70, true]);
    },
  ),
);

test(
  'a remote of another server is not taken for an app of this one',
  withServer({}, async ({ place, server }) => {
    git(place, 'init', '-q');
    git(place, 'remote', 'add', 'lockstep', 'http://127.0.0.1:1/blog.git');
    const ran = await place.run(['status']);
    assert.deepEqual([ran.code, server.asked.length], [64, 0]);
    assert.match(ran.err, /points at http:\/\/127\.0\.0\.1:1, but this command speaks to/);
  }),
);

test('the program itself runs from anywhere, through a link, and exits with the command’s code', () => {
  const place = makePlace(null);
  using _place = place;
  const link = join(place.folder, 'lockstep');
  symlinkSync(join(import.meta.dirname, '..', '..', 'bin', 'lockstep'), link);
  const start = (...argv: string[]) => spawnSync(link, argv, { cwd: place.work, env: place.env, encoding: 'utf8' });
  assert.match(start('--version').stdout, /^\d+\.\d+\.\d+\n$/);
  const wrong = start('stauts', '--json');
  assert.deepEqual([wrong.status, JSON.parse(wrong.stdout).error.code], [64, 'bad-request']);
  assert.equal(wrong.stderr, ' !     there is no command "stauts"\n       Did you mean: lockstep status\n');
  assert.match(start('apps').stderr, /no Lockstep is running on .*\n.*lockstep up --home '.*ho me'\\''s'\n$/);
});

test('help, versions and --help need no server and no home', async () => {
  const place = makePlace(null);
  using _place = place;
  for (const argv of [
    [],
    ['help'],
    ['--help'],
    ['help', 'config', 'set'],
    ['rollback', '--help'],
    ['--json', 'status', '-h'],
  ]) {
    const ran = await place.run(argv);
    assert.deepEqual([ran.code, ran.err], [0, ''], argv.join(' '));
    assert.match(ran.out, /Usage: lockstep/);
  }
  assert.match((await place.run(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
  assert.match((await place.run(['rollback', '--help'])).out, /Examples:\n {2}lockstep rollback\n/);
});
