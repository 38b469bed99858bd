// The journey on real parts: a Flask application from its first push to its end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Guestbook, type JourneyName, journeys } from './support/journeys.ts';
import { type Stage, until } from './support/stage.ts';

let there: Guestbook;
let stage: Stage;
let work: string;
const app = 'guestbook';
const configFile = 'guestbook/config.py';

before(async () => {
  const files = { 'index.html': '<!doctype html>\n<title>Neighbour</title>\n' };
  there = await Guestbook.open({ engine: null, files: {}, neighbour: { files, shell: ['sh', '-c'] } });
  ({ stage, work } = there);
});
after(() => there[Symbol.asyncDispose]());

/** Those that hold in every runtime are in one list; those between them are told once, here. */
const journey = (name: JourneyName) => test(name, () => journeys[name](there));
const standing = () => there.standing();
const undo = () => there.undo();
const setHeadline = (text: string) => there.setHeadline(text);

journey('the first push goes live, with its checks shown and its page served');

journey('a change of one line goes live');

journey('a style finding on a changed line is refused with its place, and nothing moves');

journey('a change that fails a test is refused with the test, and nothing moves');

test('a client that is killed during the gate never lands, and its next push finds the verdict', async () => {
  const before = await standing();
  const commit = await setHeadline('Killed');
  const { child, ended } = stage.spawn(['git', 'push', 'lockstep', 'main'], { cwd: work });
  await stage.untilChange(app, 'gating', 10_000);
  process.kill(-child.pid!, 'SIGKILL');
  await ended;
  await stage.untilChange(app, 'cancelled', 30_000);
  assert.deepEqual(await standing(), before);
  await stage.deploy(work);
  const change = await stage.lastChange(app);
  assert.deepEqual([change.state, change.isMemoised, change.head], ['landed', true, commit]);
  assert.match((await stage.get(app)).body, /<h1>Killed/);
});

test('of two pushes at once one lands, and the other is told why not', async () => {
  const other = join(stage.folder, 'other');
  await stage.git(stage.folder, 'clone', '-q', work, other);
  const url = (await stage.git(work, 'remote', 'get-url', 'lockstep')).stdout.trim();
  await stage.git(other, 'remote', 'add', 'lockstep', url);
  const helper = (await stage.git(work, 'config', '--get-regexp', '^credential')).stdout;
  for (const line of helper.split('\n').filter((one) => one !== '')) {
    const at = line.indexOf(' ');
    await stage.git(other, 'config', '--add', line.slice(0, at), line.slice(at + 1));
  }
  await setHeadline('One');
  await stage.edit(other, configFile, /^HEADLINE = .*$/m, 'HEADLINE = "Two"');
  const ends = await Promise.all([stage.push(work), stage.push(other)]);
  assert.deepEqual(ends.map((end) => end.code).sort(), [0, 1], ends.map((end) => end.stderr).join('\n'));
  const loser = ends.find((end) => end.code === 1)!;
  assert.match(
    loser.stderr,
    /main moved to \w+[^\n]*; git pull --rebase, then push again|fetch first|failed to update ref|reference already exists/,
  );
  const winner = ends[0]!.code === 0 ? 'One' : 'Two';
  assert.match((await stage.get(app)).body, new RegExp(`<h1>${winner}`));
  await stage.inSync(app);
  await stage.git(work, 'fetch', '-q', 'lockstep');
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
});

journey('config makes a release of the same artifact; config that breaks the start changes nothing');

journey('rollback lands a revert commit: main and live stay equal, and the next stale push says git pull');

test('B10: a release command runs once before the new code; its failure refuses the change', async () => {
  const before = await standing();
  stage.write(work, {
    Procfile:
      'release: echo "mood $MOOD"; python -c "raise SystemExit(3)"\nweb: gunicorn wsgi:app --bind 127.0.0.1:$PORT\n',
  });
  await stage.commit(work, 'a failing release command');
  const failed = await stage.push(work);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /release FAILED [\d.]+s: the release command ended with exit 3/);
  assert.match(failed.stderr, /mood \[redacted\]/);
  assert.equal(failed.stderr.includes('sunshine'), false);
  assert.deepEqual(await standing(), before);
  await undo();
  stage.write(work, {
    Procfile:
      'release: echo ran >> "$LOCKSTEP_VOLUME_DATA/ran"; echo migrating\nweb: gunicorn wsgi:app --bind 127.0.0.1:$PORT\n',
  });
  await stage.commit(work, 'a release command');
  const said = await stage.deploy(work);
  assert.match(said, /remote: {3}migrating/);
  const ran = await stage.lockstep(['run', '-a', app, '--', 'sh', '-c', 'cat "$LOCKSTEP_VOLUME_DATA/ran"']);
  assert.equal(ran.stdout.match(/ran/g)?.length, 1);
});

test('another branch is stored and not deployed; hostile refs are refused', async () => {
  const before = await standing();
  await stage.git(work, 'checkout', '-q', '-b', 'feature/one');
  await setHeadline('Branch');
  const pushed = await stage.push(work, 'feature/one');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /feature\/one is stored, and not deployed/);
  await until(
    async () => {
      const { body } = await stage.api(`/apps/${app}/events?after=0&limit=200`);
      return body.items.some((event: { type: string }) => event.type === 'branch.stored');
    },
    10_000,
    () => 'the ledger does not hold the branch',
  );
  const atomic = await stage.push(work, '--atomic', 'HEAD:main', 'HEAD:feature/two');
  assert.match(atomic.stderr, /main is not pushed with --atomic/);
  assert.deepEqual(await standing(), before);
  await stage.push(work, ':feature/one');
  await stage.git(work, 'checkout', '-q', 'main');
  for (const ref of ['refs/heads/a;$(id)', 'refs/lockstep/x', 'refs/heads/--upload-pack=x']) {
    const refused = await stage.push(work, `HEAD:${ref}`);
    assert.notEqual(refused.code, 0, ref);
  }
  assert.deepEqual(await standing(), before);
});

journey('an instance that crashes later is started again, and the ledger says so');

test('logs are kept across releases and restarts', async () => {
  await stage.get(app, '/not-there');
  await until(
    async () => (await stage.lockstep(['logs', '-a', app, '-n', '500'])).stdout.includes('gunicorn'),
    10_000,
    () => 'no log',
  );
  const pid = (await stage.status(app)).instances[0].pid;
  const restarted = await stage.lockstep(['restart', '-a', app]);
  assert.equal(restarted.code, 0, restarted.stderr);
  assert.notEqual((await stage.inSync(app)).instances.at(-1).pid, pid);
  assert.ok((await stage.lockstep(['logs', '-a', app, '-n', '500'])).stdout.split('\n').length > 5);
});

test('no secret is in the URL, the argv or the logs', async () => {
  const { token } = stage;
  const url = (await stage.git(work, 'remote', 'get-url', 'lockstep')).stdout;
  assert.equal(url.includes(token), false);
  assert.equal(readFileSync(join(work, '.git', 'config'), 'utf8').includes(token), false);
  assert.equal(stage.logs().includes(token), false);
});

journey('a neighbour reads nothing of its volume, and ends nothing of it');

journey('destroy asks for the name, and then nothing of the app is left but its volumes');
