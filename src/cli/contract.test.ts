// The commands against the routes that the server really has: documents, queries, cursors, streams and errors fit together.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from '@hono/node-server';
import { createApi } from '../api/api.ts';
import { createFakePlatform } from '../api/fake.ts';
import { rights } from '../domain/app.ts';
import { makePlace } from './fake-place.ts';

async function open() {
  const platform = createFakePlatform();
  const logged: unknown[] = [];
  const api = createApi({ platform, version: '0', log: { error: (fields) => logged.push(fields) } });
  const { promise, resolve } = Promise.withResolvers<AddressInfo>();
  const server = serve({ fetch: api.fetch, port: 0, hostname: '127.0.0.1' }, resolve);
  const place = makePlace(`http://127.0.0.1:${(await promise).port}`, platform.token('ours', rights));
  return {
    platform,
    place,
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((done) => server.close(done));
      place[Symbol.dispose]();
      assert.deepEqual(logged, [], 'no request of the commands fails in a way that nobody foresaw');
    },
  };
}

const checks: [string, number, RegExp][] = [
  ['apps', 0, /^blog {2}http:\/\/blog\.localhost:8080 {2}main {2}.* ago\nshop /],
  ['apps --json', 0, /^\[\{"id":"app_/],
  ['status -a blog', 1, /^blog {2}EMPTY {2}nothing was pushed yet\n/],
  ['status -a blog --json', 1, /^\{"app":"blog","state":"EMPTY"/],
  ['doctor', 0, /^no problem {2}\(looked at 2 apps in 0\.01 s\)\n {2}note {2}the cpu limit/],
  ['doctor -a blog', 1, /^one problem .*\n {2}blog {2}main-moved {2}main is 1111111.*\n {4}lockstep doctor --fix/],
  ['doctor --fix -a blog', 1, /^mended {2}blog {2}main-moved {2}main was moved\none problem/],
  ['doctor --json', 0, /^\{"problems":\[\],"checked":\[/],
  ['doctor --json --fix -a blog', 1, /^\{"fixed":\[\{"code":"main-moved"/],
  ['ps -a blog', 0, /^$/],
  ['releases -a blog', 0, /^- {2}starting {2}deploy {2}aaaaaaaa {2}config 1 {2}owner {2}.*Deploy aaaaaaa\n$/],
  ['receipt v1 -a blog', 0, /^a receipt\n$/],
  ['receipt v2 -a blog', 66, /^$/],
  ['receipt key', 0, /^-----BEGIN PUBLIC KEY-----\n$/],
  ['changes -a blog -n 2', 0, /^#3 .*\n#2 .*\n$/],
  ['changes -a blog --state running -n 1', 0, /^#3 .*\n$/],
  ['changes -a blog --state landed', 0, /^$/],
  ['changes -a blog --state lost', 64, /^$/],
  ['change 2 -a blog', 0, /^#2 received {2}push by owner, .*\n {2}commit aaaaaaaa on main \(the first push\)\n$/],
  ['change -a blog --json', 0, /^\{"id":"chg_.*"number":3,.*"excerpts":\[\{"file":"a.py"/],
  ['change 99 -a blog', 66, /^$/],
  ['change latest -a blog', 64, /^$/],
  ['change --follow -a blog', 1, /^#3 received/],
  ['quality -a blog', 0, /^nothing has landed yet/],
  ['config -a blog', 0, /^SECRET_KEY {2}\(hidden\)\n$/],
  ['config --build -a blog', 0, /^NPM_TOKEN {2}\(hidden\) {2}by owner .*\n$/],
  ['config get SECRET_KEY -a blog', 0, /^hunter2\n$/],
  ['logs -a blog -n 2', 0, /line 2\n.*web\[v1\] line 3\n$/],
  ['events -a blog', 0, /^\d+ 1970-.* change\.received owner\n/],
  ['events --all-apps -n 1 --json', 0, /^\{"seq":\d+.*\}\n$/],
  ['open -a blog --print', 0, /^http:\/\/blog\.localhost:8080\n$/],
  ['whoami', 0, /^read\+deploy\+config\+admin at .*: read, deploy, config, admin on every app\n$/],
  ['tokens', 0, /read,deploy,config,admin/],
  ['create new --no-remote --main trunk', 0, /^Created new\n/],
  ['create blog --no-remote --json', 73, /"code":"name-taken"/],
  ['rollback v1 -a blog --config', 0, /^v2 is live \(rolled back to v1\) in /],
  ['merge feature -a blog --wait', 0, /^v2 is live \(merged feature\) in /],
  ['merge feature -a blog', 0, /^it waits for its gate \(chg_.*\): lockstep changes/],
  ['merge feature -a blog --priority hotfix --json', 0, /^\{"kind":"change","id":"chg_/],
  ['merge feature -a blog --priority now', 64, /^$/],
  ['merge feature -a blog --dry-run', 1, /^mergeable: no, conflicts in app\.py\n$/],
  ['merge feature -a blog --cancel', 66, /^$/],
  ['land feature -a blog --override lifeboat', 0, /^v2 is live \(landed feature, overridden\) in /],
  ['land feature -a blog', 64, /^$/],
  ['restart -a blog --json', 0, /^\{"ok":true,"state":"landed".*"kind":"release","id":"rel_/],
  ['config set A=1 -a blog', 0, /^v2 is live \(config: A set\) in /],
  ['config set A=1 -a blog --json', 0, /^\{"configVersion":\d+,"ok":true/],
  ['config set --build npm.token=a=b -a blog', 0, /^build secrets: npm\.token set; /],
  ['config set --build lockstep-x=1 -a blog', 64, /^$/],
  ['config unset --build NPM_TOKEN -a blog --json', 0, /^\[\{"name":"npm\.token"/],
  ['config unset A -a blog', 0, /^config \d+: nothing to restart/],
  ['create img --image team/img --json', 0, /"image":"docker\.io\/team\/img:latest".*"remote":null/],
  ['create other --image team/img:2', 0, /^Created other\n.*\n {2}image +docker\.io\/team\/img:2\n$/],
  ['create bad --image Team', 64, /^$/],
  ['deploy img', 0, /^v2 is live \(docker\.io\/team\/img:latest\) in /],
  ['deploy -a img --image ghcr.io/team/img:3 --json', 0, /^\{"image":"ghcr\.io\/team\/img:3","ok":true/],
  ['deploy shop', 66, /^$/],
  ['deploy img --image x@y', 64, /^$/],
  ['hooks -a blog', 0, /^ci {2}hok_\w{26} {2}never heard {2}made .* ago\n$/],
  [
    'hooks create hub -a blog',
    0,
    /^address {2}http:\S+\/hooks\/blog\/hok_.*\nsecret .*lsh_secret\nwith it .*\/lsh_secret /,
  ],
  ['hooks create hub -a blog --json', 73, /"code":"name-taken"/],
  ['hooks create Hub -a blog', 64, /^$/],
  ['hooks after -a blog', 0, /^nothing runs after a deploy\n$/],
  ['hooks after -a blog -- sh -c true', 0, /^sh -c true\n$/],
  ['hooks after -a blog --json', 0, /^\{"argv":\["sh","-c","true"\]\}\n$/],
  ['hooks after -a blog --none', 0, /^nothing runs after a deploy\n$/],
  ['hooks rotate ci -a blog --json', 0, /"secret":"lsh_other",.*"secretUrl":"http:\S+\/hooks\/blog\/lsh_other"/],
  ['hooks delete hub -a blog', 0, /^hub is heard no more\n$/],
  ['hooks delete hub -a blog', 66, /^$/],
  ['registry', 0, /^ghcr\.io {2}ann {2}by owner .*\n$/],
  ['registry login GHCR.io --username bob --password-file password', 0, /^Images of ghcr\.io are pulled as bob\n$/],
  ['registry login https://ghcr.io --username bob --password-file password', 64, /^$/],
  ['registry logout ghcr.io', 0, /^ghcr\.io is asked without a name\n$/],
  ['registry logout ghcr.io', 66, /^$/],
  ['registry images -a blog', 0, /^blog {2}private {2}3\.0 MB {2}1 tag\n3\.0 MB of 10\.0 GB\n$/],
  ['registry public blog', 0, /^Anybody may pull blog\n$/],
  ['registry public blog/api --json', 0, /^\{"repository":"blog\/api","isPublic":true\}\n$/],
  ['registry private blog', 0, /^Who may read the app pulls blog\n$/],
  ['registry public Blog', 64, /^$/],
  ['registry public foreign', 66, /^$/],
  ['registry quota 500MB -a blog', 0, /^The images of blog may hold 500\.0 MB\n$/],
  ['registry quota usual -a blog', 0, /^The images of blog may hold the usual\n$/],
  ['registry quota lots -a blog', 64, /^$/],
  ['registry tidy', 0, /^2 images that nothing needs and 0 repositories of destroyed apps are gone: 5\.0 MB freed\n$/],
  ['status -a foreign', 66, /^$/],
  ['destroy -a shop --yes', 0, /^shop is gone; its volumes are still/],
];

test('every command understands what the server answers', async () => {
  await using parts = await open();
  writeFileSync(join(parts.place.work, 'password'), 'hunter3\n');
  for (const [line, code, expected] of checks) {
    const ran = await parts.place.run(line.split(' '));
    assert.equal(ran.code, code, `${line}: ${ran.err}`);
    assert.match(ran.out, expected, line);
  }
  assert.ok(parts.platform.calls.includes('startRollback {"version":1,"withConfig":true}'));
});

test('a run gives its output and its exit code', async () => {
  await using parts = await open();
  const result = {
    exitCode: 3,
    signal: null,
    endedBy: 'exit',
    outputTail: [],
    outputBytes: 6,
    reports: {},
    startedAtMs: 1,
    durationMs: 1,
  };
  parts.platform.script.job = [{ line: 'hello' }, { result: { id: 'job_x' as never, ...result, endedBy: 'exit' } }];
  const ran = await parts.place.run(['run', '-a', 'blog', 'echo', 'hello']);
  assert.deepEqual([ran.code, ran.out], [3, 'hello\n']);
});

test('a token of one command is the login of another, until it is revoked', async () => {
  await using parts = await open();
  const { place } = parts;
  const made = await place.run(['tokens', 'create', 'ci', '--rights', 'read', '--apps', 'blog', '--expires', '1d']);
  assert.equal(made.code, 0, made.err);
  const env = { ...place.env, LOCKSTEP_TOKEN: made.out.trim() };
  assert.match((await place.run(['apps'], { env })).out, /^blog .*\n$/);
  const refused = await place.run(['restart', '-a', 'blog', '--json'], { env });
  assert.deepEqual([refused.code, JSON.parse(refused.out).error.code], [77, 'forbidden']);
  assert.equal((await place.run(['tokens', 'revoke', 'ci'])).code, 0);
  assert.equal((await place.run(['apps'], { env })).code, 77);
});

test('followed logs and events come as they are written', async () => {
  await using parts = await open();
  parts.platform.script.isEndless = true;
  for (const [line, last] of [
    ['logs -f -a blog', 'line 3'],
    ['events -f -a blog', 'change.received'],
  ] as const) {
    let stop = (): void => {};
    const ran = await parts.place.run(line.split(' '), {
      interrupt: (handler) => {
        stop = handler;
      },
      onOut: (text) => {
        if (text.includes(last)) stop();
      },
    });
    assert.deepEqual([ran.code, ran.err], [0, ''], line);
  }
});
