import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { app } from '../fake-documents.ts';
import { git, makePlace } from '../fake-place.ts';
import { startFakeServer } from '../fake-server.ts';

test('push gives git’s own exit code, and pushes by address where there is no remote', async () => {
  const server = await startFakeServer();
  const place = makePlace(server.url);
  using _place = place;
  const bare = join(place.folder, 'origin.git');
  execFileSync('git', ['init', '-q', '--bare', bare]);
  server.routes['GET /api/v1/apps/blog'] = () => app(server.url, { mainBranch: 'trunk' });
  git(place, 'init', '-q', '-b', 'topic');
  git(place, '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'one');
  // git is told to take the folder for the server's address: transport by file, the rest as in life.
  git(place, 'config', `url.${bare}.insteadOf`, `${server.url}/blog.git`);
  const ran = await place.run(['push', '-a', 'blog']);
  assert.equal(ran.code, 0, ran.err);
  const head = (folder: string, ref: string) =>
    execFileSync('git', ['-C', folder, 'rev-parse', ref], { encoding: 'utf8' });
  assert.equal(head(bare, 'refs/heads/trunk'), head(place.work, 'HEAD'));
  assert.equal((await place.run(['push', 'nosuchref', '-a', 'blog'])).code, 1);
  for (const bad of ['+HEAD', 'a:b', 'a..b', 'HEAD^'])
    assert.equal((await place.run(['push', bad, '-a', 'blog'])).code, 64, bad);
  rmSync(join(place.work, '.git'), { recursive: true });
  assert.equal((await place.run(['push', '-a', 'blog'])).code, 64);
  await server.close();
});
