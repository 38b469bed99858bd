import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePlace } from '../fake-place.ts';
import { pasteWord, shellWord } from '../shell-word.ts';
import { gitOptions, gitSettings, helperCommand } from './credential-helper.ts';
import { openWorkTree } from './work-tree.ts';

const origin = 'http://127.0.0.1:8080';
const gitUrl = `${origin}/blog.git`;

/** What git would send to `url`; null when it stops without asking anyone. */
function fill(
  cwd: string,
  env: Record<string, string>,
  url: string,
  options: string[] = [],
): Record<string, string> | null {
  const { protocol, host } = new URL(url);
  const input = `protocol=${protocol.slice(0, -1)}\nhost=${host}\npath=blog.git\n\n`;
  const result = spawnSync('git', [...options, 'credential', 'fill'], { cwd, env, input, encoding: 'utf8' });
  if (result.status !== 0) return null;
  return Object.fromEntries(
    result.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
}

function setUp() {
  const place = makePlace(null, 'lst_a$b`c"d');
  execFileSync('git', ['init', '-q'], { cwd: place.work, env: place.env });
  return { place, tree: openWorkTree(place.work, place.env), tokenFile: join(place.home, 'control', 'owner.token') };
}

test('git gets the token of a home whose path holds a space and a quote, and asks no other helper', async () => {
  const { place, tree, tokenFile } = setUp();
  using _place = place;
  const spy = join(place.folder, 'spy');
  writeFileSync(spy, `#!/bin/sh\necho "$1" >> '${place.folder}/spied'\n`);
  chmodSync(spy, 0o755);
  execFileSync('git', ['config', '--global', 'credential.helper', spy], { env: place.env });
  await tree.connect(gitUrl, tokenFile);
  await tree.connect(gitUrl, tokenFile);
  const got = fill(place.work, place.env, gitUrl);
  assert.deepEqual([got?.username, got?.password], ['lockstep', 'lst_a$b`c"d']);
  for (const verb of ['approve', 'reject']) {
    const input = `protocol=http\nhost=127.0.0.1:8080\nusername=lockstep\npassword=x\n\n`;
    assert.equal(spawnSync('git', ['credential', verb], { cwd: place.work, env: place.env, input }).status, 0);
  }
  assert.equal(spawnSync('cat', [join(place.folder, 'spied')]).status, 1, 'the other helper was never started');
});

test('another server gets no token of ours', async () => {
  const { place, tree, tokenFile } = setUp();
  using _place = place;
  await tree.connect(gitUrl, tokenFile);
  assert.equal(fill(place.work, place.env, 'http://127.0.0.1:8081/blog.git'), null);
  assert.equal(fill(place.work, place.env, 'https://127.0.0.1:8080/blog.git'), null);
});

test('no secret stands in the configuration, and disconnecting takes everything back', async () => {
  const { place, tree, tokenFile } = setUp();
  using _place = place;
  const config = () =>
    execFileSync('git', ['config', '--local', '--list'], { cwd: place.work, env: place.env, encoding: 'utf8' });
  const before = config();
  await tree.connect(gitUrl, tokenFile);
  assert.equal(await tree.remoteUrl(), gitUrl);
  assert.doesNotMatch(config(), /lst_/);
  assert.match(config(), /http\.http:\/\/127\.0\.0\.1:8080\.proxy=\n/);
  await tree.disconnect(gitUrl);
  assert.equal(config(), before);
  assert.equal(await tree.remoteUrl(), null);
});

test('the token of the environment is used without any file, and by options alone', () => {
  const { place } = setUp();
  using _place = place;
  const options = gitOptions(origin, '@env');
  const got = fill(place.work, { ...place.env, LOCKSTEP_TOKEN: 'lst_env' }, gitUrl, options);
  assert.equal(got?.password, 'lst_env');
  assert.equal(fill(place.work, place.env, gitUrl, options), null);
});

test('without a token git stops and says what to do instead of asking', () => {
  const { place } = setUp();
  using _place = place;
  const { status, stderr } = spawnSync(
    'git',
    [...gitOptions(origin, join(place.folder, 'gone')), 'credential', 'fill'],
    {
      cwd: place.work,
      env: place.env,
      input: 'protocol=http\nhost=127.0.0.1:8080\n\n',
      encoding: 'utf8',
    },
  );
  assert.notEqual(status, 0);
  assert.match(stderr, /no token in .*gone; log in with: lockstep login/);
});

test('whatever is in a path stays one word for sh', () => {
  for (const word of ["it's", '$(id)', 'a b', '`x`', '\\', '"', "'''", '*;&|']) {
    assert.equal(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' }), word);
  }
  assert.deepEqual([pasteWord('/var/lib/lockstep'), pasteWord('/a b')], ['/var/lib/lockstep', "'/a b'"]);
  assert.match(helperCommand("/a b/c'd"), /^!sh '\/.*\/bin\/git-credential-lockstep' '\/a b\/c'\\''d'$/);
});

test('only loopback is kept away from proxies', () => {
  assert.deepEqual(
    gitSettings('https://h.example', '/t').map(({ key }) => key),
    ['credential.https://h.example.helper'],
  );
});
