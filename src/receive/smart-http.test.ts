import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { clientEnv, main, stageGitHttp as stage } from '../../test/stages/git-http.ts';
import { run, spawnStreaming } from '../exec/exec.ts';
import { maintain } from '../git/repository.ts';
import { parseGitRoute } from './routes.ts';

test('a push of main is judged, shown line by line, landed and cloned again', async () => {
  await using s = await stage();
  const id = await s.commit('one');
  const pushed = await s.git('push', '-o', 'why=test', 'origin', 'main');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /remote: checking *\nremote: live/);
  assert.equal(await s.mainline.tip(), id);
  assert.deepEqual(s.state.pushes[0]!.options, ['why=test']);
  assert.equal((await run(['git', 'clone', '-q', s.url, join(s.folder, 'clone')], { env: clientEnv })).code, 0);
});

test('a refused push says why, and main stays; delete and force reach the judge', async () => {
  await using s = await stage();
  const id = await s.commit('one');
  await s.git('push', 'origin', 'main');
  s.state.judge = async ({ commands, say }) => {
    say('style: bad');
    return new Map(commands.map(({ ref }) => [ref, { isAccepted: false, reason: 'gate failed: style' }]));
  };
  await s.git('commit', '--amend', '-qm', 'other');
  const forced = await s.git('push', '-f', 'origin', 'main');
  assert.equal(forced.code, 1);
  assert.match(forced.stderr, /remote: style: bad[\s\S]*\[remote rejected\] main -> main \(gate failed: style\)/);
  const deleted = await s.git('push', 'origin', ':main');
  assert.match(deleted.stderr, /gate failed: style/);
  assert.equal(s.state.pushes.at(-1)!.commands[0]!.to, null);
  assert.equal(await s.mainline.tip(), id);
});

test('another branch reaches the judge too; hostile refs are refused before', async () => {
  await using s = await stage();
  await s.commit('one');
  assert.equal((await s.git('push', 'origin', 'main:feature')).code, 0);
  for (const bad of ['refs/heads/--upload-pack=x', 'refs/heads/a;$(id)', 'refs/notes/x', 'refs/lockstep/x']) {
    assert.notEqual((await s.git('push', 'origin', `main:${bad}`)).code, 0, bad);
  }
  assert.deepEqual([...(await s.repository.git.listRefs('refs/heads/')).keys()], ['refs/heads/feature']);
  assert.equal(s.state.pushes.length, 1);
});

test('a client that is killed during the gate raises the signal', { timeout: 20_000 }, async () => {
  await using s = await stage();
  await s.commit('one');
  let started = (): void => {};
  const judging = new Promise<void>((resolve) => {
    started = resolve;
  });
  const gone = new Promise<void>((resolve) => {
    s.state.judge = async ({ signal }) => {
      started();
      await new Promise<void>((done) => signal.addEventListener('abort', () => done()));
      resolve();
      return new Map();
    };
  });
  const client = spawnStreaming(['git', '-C', s.work, 'push', 'origin', 'main'], { env: clientEnv });
  client.stderr.resume();
  await judging;
  client.kill();
  await gone;
  assert.equal(await s.mainline.tip(), null);
});

test('a pack over the limit is refused clearly and leaves nothing', async () => {
  await using s = await stage(100_000);
  await s.commit(randomBytes(3_000_000));
  const pushed = await s.git('push', 'origin', 'main');
  assert.notEqual(pushed.code, 0);
  assert.match(pushed.stderr, /pack exceeds maximum allowed size/);
  assert.deepEqual((await readdir(join(s.repository.path, 'objects'))).sort(), ['info', 'pack']);
});

test('main moves only with the permit, also after packing and pruning', async () => {
  await using s = await stage();
  const id = await s.commit('one');
  await s.git('push', 'origin', 'main');
  await assert.rejects(s.repository.git.deleteRef(main, id as never), { code: 'git-failed' });
  await assert.rejects(s.repository.git.maintain('now'), { code: 'git-failed' });
  await maintain(s.repository, 'now');
  const next = await s.commit('two');
  assert.equal((await s.git('push', 'origin', 'main')).code, 0);
  await maintain(s.repository, 'now');
  assert.equal(await s.mainline.tip(), next);
  assert.deepEqual(await s.mainline.movedSince(id as never), [next]);
});

test('only two routes of two services are known', () => {
  assert.equal(parseGitRoute('GET', '/app.git/info/refs?service=git-upload-pack')?.step, 'advertise');
  assert.equal(parseGitRoute('POST', '/app.git/git-receive-pack')?.service, 'git-receive-pack');
  for (const bad of [
    '/app.git/info/refs',
    '/app.git/info/refs?service=x',
    '/app.git/HEAD',
    '/../app.git/info/refs?service=git-upload-pack',
  ]) {
    assert.equal(parseGitRoute('GET', bad), null, bad);
  }
});
