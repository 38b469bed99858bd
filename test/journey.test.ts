// The journey on real parts: a Flask application from its first push to its end.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root, Stage, until } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'guestbook';
const configFile = 'guestbook/config.py';

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, join(root, 'examples', 'flask-guestbook'));
});
after(() => stage[Symbol.asyncDispose]());

async function setHeadline(text: string): Promise<string> {
  return stage.edit(work, configFile, /^HEADLINE = .*$/m, `HEADLINE = "${text}"`);
}

/** What must not change when a change is refused. */
async function standing() {
  const page = await stage.get(app);
  const main = (await stage.git(work, 'ls-remote', 'lockstep', 'refs/heads/main')).stdout;
  const status = await stage.status(app);
  return { body: page.body, release: page.headers['x-lockstep-release'], main, live: status.release };
}

async function undo(): Promise<void> {
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
}

/** Nothing of a refused candidate is left: no ref, no instance, no route, no process, no copy. */
async function nothingIsLeft(): Promise<void> {
  await until(
    async () => (await stage.status(app)).instances.length === 1,
    20_000,
    () => 'an instance of a refused candidate is left',
  );
  const { body } = await stage.api(`/apps/${app}`);
  const repository = join(stage.home, 'control', 'repos', `${body.id}.git`);
  const refs = (await stage.run(['git', `--git-dir=${repository}`, '-c', 'safe.directory=*', 'for-each-ref'])).stdout;
  assert.match(refs, /^\w+ commit\trefs\/heads\/main\n(?:\w+ commit\trefs\/notes\/lockstep\n)?$/);
  await until(
    () => readdirSync(join(stage.home, 'apps', body.id, 'gate', 'copies')).length === 0,
    10_000,
    () => 'a gate copy is left',
  );
}

test('the first push goes live, with its checks shown and its page served', async () => {
  const said = await stage.deploy(work);
  assert.match(said, /remote: style ok/);
  assert.match(said, /remote: tests ok/);
  assert.match(said, /remote: live: http:\/\/guestbook\.localhost:\d+ \(v1\)/);
  const page = await stage.get(app);
  assert.equal(page.status, 200);
  assert.match(page.body, /<h1>Guestbook/);
  assert.equal(page.headers['x-lockstep-release'], 'v1');
  const status = await stage.lockstep(['status', '-a', app, '--json']);
  assert.equal(status.code, 0);
  const { state, main, release, router } = JSON.parse(status.stdout);
  assert.deepEqual([state, release.version, router.release], ['IN SYNC', 1, 'v1']);
  assert.equal(main.commit, (await stage.git(work, 'rev-parse', 'HEAD')).stdout.trim());
});

test('a change of one line goes live', async () => {
  const commit = await setHeadline('Second');
  await stage.deploy(work);
  assert.match((await stage.get(app)).body, /<h1>Second/);
  const { release } = await stage.inSync(app);
  assert.deepEqual([release.version, release.commit], [2, commit]);
});

test('a style finding on a changed line is refused with its place, and nothing moves', async () => {
  const before = await standing();
  await stage.edit(work, configFile, /$/, '\nimport os,sys\n');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /remote: style FAILED [\d.]+s: guestbook\/config\.py:\d+ E/);
  assert.match(pushed.stderr, /! \[remote rejected\] main -> main \(gate: style/);
  assert.deepEqual(await standing(), before);
  await nothingIsLeft();
  const again = await stage.push(work);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /this tree was checked before/);
  const change = await stage.lastChange(app);
  assert.deepEqual([change.state, change.isMemoised], ['rejected', true]);
  await undo();
});

test('a change that fails a test is refused with the test, and nothing moves', async () => {
  const before = await standing();
  await stage.edit(work, 'guestbook/entries.py', /return /, 'return None and ');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /remote: tests FAILED [\d.]+s: tests\/test_\w+\.py/);
  assert.deepEqual(await standing(), before);
  await nothingIsLeft();
  await undo();
});

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

test('config makes a release of the same artifact; config that breaks the start changes nothing', async () => {
  const before = await stage.status(app);
  const set = await stage.lockstep(['config', 'set', 'MOOD=sunshine', '-a', app, '--json']);
  assert.equal(set.code, 0, set.stderr);
  const now = await stage.inSync(app);
  assert.equal(now.release.version, before.release.version + 1);
  assert.equal(now.release.artifact, before.release.artifact);
  assert.deepEqual(now.main, before.main);
  const shown = await stage.lockstep([
    'run',
    '-a',
    app,
    '--',
    'python',
    '-c',
    'import os; print(os.environ["MOOD"], os.getuid())',
  ]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, process.getuid?.() === 0 ? /^sunshine 4\d{4}$/m : /^sunshine/m);
  const listed = (await stage.api(`/apps/${app}/config`)).body;
  assert.deepEqual(listed.entries, { MOOD: null });

  const broken = await stage.lockstep(['config', 'set', 'PYTHONHOME=/nonexistent', '-a', app]);
  assert.equal(broken.code === 0, false);
  const after = await stage.inSync(app);
  assert.equal(after.release.version, now.release.version);
  assert.deepEqual((await stage.api(`/apps/${app}/config?reveal=true`)).body.entries, { MOOD: 'sunshine' });
  const run = await stage.lockstep(['run', '-a', app, '--', 'sh', '-c', 'exit 7']);
  assert.equal(run.code, 7);
});

test('rollback lands a revert commit: main and live stay equal, and the next stale push says git pull', async () => {
  const earlier = (await stage.api(`/apps/${app}/releases`)).body.items.find(
    (one: { version: number }) => one.version === 2,
  );
  const rolled = await stage.lockstep(['rollback', 'v2', '-a', app, '--json']);
  assert.equal(rolled.code, 0, rolled.stderr);
  const status = await stage.inSync(app);
  assert.equal(status.main.tree, earlier.tree);
  assert.notEqual(status.main.commit, earlier.commit);
  assert.match((await stage.get(app)).body, /<h1>Second/);
  const change = await stage.lastChange(app);
  assert.deepEqual([change.how, change.state, change.isMemoised], ['rollback', 'landed', true]);
  await setHeadline('Stale');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /git pull/);
  const forced = await stage.push(work, '--force', 'main');
  assert.equal(forced.code, 1);
  assert.match(forced.stderr, /main is never forced/);
  const deleted = await stage.push(work, ':main');
  assert.match(deleted.stderr, /cannot be deleted/);
  await stage.git(work, 'fetch', '-q', 'lockstep');
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  const same = await stage.lockstep(['rollback', 'v2', '-a', app]);
  assert.notEqual(same.code, 0);
});

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

test('an instance that crashes later is started again, and the ledger says so', async () => {
  const [instance] = (await stage.inSync(app)).instances;
  process.kill(instance.pid, 'SIGKILL');
  await until(
    async () => {
      const [now] = (await stage.status(app)).instances;
      return now?.state === 'healthy' && now.pid !== instance.pid;
    },
    30_000,
    () => 'it was not started again',
  );
  assert.equal((await stage.get(app)).status, 200);
  const { body } = await stage.api(`/apps/${app}/events?after=0&limit=200`);
  assert.ok(body.items.some((event: { type: string }) => event.type === 'instance.crashed'));
});

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

test('destroy asks for the name, and then nothing of the app is left but its volumes', async () => {
  const { body } = await stage.api(`/apps/${app}`);
  const [instance] = (await stage.status(app)).instances;
  assert.notEqual((await stage.lockstep(['destroy', '-a', app])).code, 0);
  const destroyed = await stage.lockstep(['destroy', '-a', app, '--yes']);
  assert.equal(destroyed.code, 0, destroyed.stderr);
  assert.equal((await stage.get(app)).status, 404);
  assert.equal((await stage.api(`/apps/${app}`)).status, 404);
  const folder = join(stage.home, 'apps', body.id);
  await until(
    () => readdirSync(folder).join() === 'volumes',
    60_000,
    () => `left: ${readdirSync(folder).join()}`,
  );
  assert.throws(() => process.kill(instance.pid, 0));
});
