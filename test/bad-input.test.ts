// What bad input gets: a clear error that says what to do, the live release untouched, nothing left behind.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Ended, Stage, until } from './support/stage.ts';

let stage: Stage;
let work: string;
const app = 'shop';

const server = `import os
import signal
import sys
from wsgiref.simple_server import make_server

STATUS = "200 OK"


def application(environ, start_response):
    start_response(STATUS, [("Content-Type", "text/plain")])
    shown = os.environ.get(environ["QUERY_STRING"], "")
    return [("the shop " + shown).encode()]


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    make_server("127.0.0.1", port, application).serve_forever()
`;
const tests = `import os
import unittest


class Shop(unittest.TestCase):
    def test_nothing_of_the_config_is_here(self):
        self.assertFalse({"LD_PRELOAD", "NODE_OPTIONS"} & set(os.environ))
        self.assertNotIn("/opt/mine", os.environ["PATH"])
`;
const base = {
  'server.py': server.replace('import signal\nimport sys\n', ''),
  'test_shop.py': tests,
  Procfile: 'web: exec python3 server.py\n',
};

before(async () => {
  stage = await Stage.open({ LOCKSTEP_MAX_PUSH_BYTES: '1000000' });
  work = await stage.makeApp(app, base);
  const said = await stage.deploy(work);
  assert.match(said, /remote: Procfile: Procfile line 1 says web/);
});
after(() => stage[Symbol.asyncDispose]());

async function standing() {
  const page = await stage.get(app);
  const status = await stage.status(app);
  return {
    page: [page.status, page.body, page.headers['x-lockstep-release']],
    main: status.main,
    release: status.release,
    state: status.state,
  };
}

/** Nothing of a refused candidate is left: no instance, no ref, no copy. */
async function nothingIsLeft(name: string, instances = 1): Promise<void> {
  await until(
    async () => (await stage.status(name)).instances.length === instances,
    20_000,
    () => 'an instance of a refused candidate is left',
  );
  const { id } = (await stage.api(`/apps/${name}`)).body;
  const repository = join(stage.home, 'control', 'repos', `${id}.git`);
  const refs = await stage.run(['git', `--git-dir=${repository}`, '-c', 'safe.directory=*', 'for-each-ref']);
  assert.equal(
    refs.stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '' && !line.endsWith('\trefs/notes/lockstep')).length,
    instances,
    refs.stdout,
  );
  const copies = join(stage.home, 'apps', id, 'gate', 'copies');
  if (!existsSync(copies)) return;
  await until(
    () => readdirSync(copies).length === 0,
    10_000,
    () => 'a gate copy is left',
  );
}

/** A change that must be refused with these words, and leaves everything as it was. */
async function refuses(
  change: Record<string, string> | (() => Promise<unknown> | unknown),
  ...words: RegExp[]
): Promise<string> {
  const earlier = await standing();
  if (typeof change === 'function') await change();
  else stage.write(work, change);
  await stage.git(work, 'add', '-A');
  await stage.git(work, 'commit', '-qm', 'bad', '--allow-empty');
  const pushed = await stage.push(work);
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  assert.equal(pushed.code, 1, pushed.stderr);
  for (const word of [/! \[remote rejected\] main -> main \(gate: /, /REJECTED by/, ...words])
    assert.match(pushed.stderr, word);
  assert.deepEqual(await standing(), earlier);
  await nothingIsLeft(app);
  return pushed.stderr;
}

test('G2: a configuration file that is a link is refused; so is a link that leaves the tree; one inside is fine', async () => {
  for (const file of ['Procfile', 'lockstep.yml']) {
    await refuses(
      () => {
        rmSync(join(work, file), { force: true });
        symlinkSync('server.py', join(work, file));
      },
      new RegExp(`${file}: it is a link`),
      /plain file/,
    );
  }
  await refuses(() => symlinkSync('../../../../etc/passwd', join(work, 'out')), /symlink "?out"? -> .*leaves the tree/);
  await refuses(() => symlinkSync('/etc/passwd', join(work, 'out')), /leaves the tree/, /relative to itself/);
  symlinkSync('server.py', join(work, 'inside.py'));
  await stage.commit(work, 'a link inside');
  await stage.deploy(work);
});

test('configuration that does not parse is refused with its line, and an unknown key with its neighbour', async () => {
  await refuses({ Procfile: 'web python3 server.py\n' }, /Procfile: line 1: .* is not of the form "name: command"/);
  await refuses({ Procfile: 'web:\n' }, /Procfile: line 1: "web" has no command/);
  await refuses({ 'lockstep.yml': 'helth: /x\n' }, /lockstep\.yml: helth .* did you mean "health"\?/);
  await refuses({ 'lockstep.yml': 'volumes: { a: ../x }\n' }, /volumes\.a: .* must be a path within the app/);
  await refuses({ 'lockstep.yml': 'a: [\n' }, /lockstep\.yml: /, /Mend lockstep\.yml/);
});

test('requirements that do not resolve and a Python that is not there are named', async () => {
  await refuses({ 'requirements.txt': 'flask==99.99.99\n' }, /flask==99\.99\.99/, /Mend the requirements/);
  await refuses({ 'requirements.txt': '!flask\n' }, /requirements\.txt line 1: "!flask" is not a requirement/);
  await refuses({ 'requirements.txt': '-r ../../etc/passwd\n' }, /outside the repository/);
  await refuses({ '.python-version': '3.99\n' }, /asks for Python 3\.99, which is not there; there is: 3\.\d+/);
  await refuses({ '.python-version': 'snake\n' }, /\.python-version: "snake" is not a version/);
  stage.write(work, { 'requirements.txt': '' });
  await stage.commit(work, 'requirements of 0 bytes');
  await stage.deploy(work);
});

test('B2: an app that never listens, exits at once or breaks is refused with its last lines and the likely cause', async () => {
  await refuses(
    { Procfile: 'web: sleep 600\n', 'lockstep.yml': 'health: { timeout: 1 }\n' },
    /boot FAILED [\d.]+s: not healthy after/,
    /It never listened: serve HTTP on \$PORT/,
  );
  await refuses(
    { Procfile: 'web: python3 -c "print(\'my last words\', flush=True); import not_there"\n' },
    /boot FAILED [\d.]+s: exited with code 1/,
    /my last words/,
    /The module "not_there" is not installed/,
  );
  await refuses(
    { Procfile: 'web: no-such-server --port $PORT\n' },
    /exited with code 127/,
    /The command was not found/,
  );
  await refuses({ Procfile: 'web: true\n' }, /must stay in the foreground/);
  await refuses(
    {
      'server.py': base['server.py'].replace('200 OK', '500 Broken'),
      'lockstep.yml': 'health: { timeout: 4 }\n',
    },
    /boot FAILED [\d.]+s: not healthy after .*last answer 500/,
    /a health path can be set in lockstep\.yml/,
  );
});

test('a syntax error is known from the source, with file and line', async () => {
  const said = await refuses({ 'server.py': `${base['server.py']}def oops(:\n` }, /server\.py:\d+ (?:E9|SyntaxError)/);
  assert.match(said, /REJECTED by style/);
});

test('once main has run tests, removing them is a rejection', async () => {
  await refuses(() => rmSync(join(work, 'test_shop.py')), /no tests found, but main has tests/);
});

test('an empty tree and a submodule are refused', async () => {
  await refuses(() => stage.git(work, 'rm', '-rq', '.'), /Nothing here says how to run this tree/, /Procfile line/);
  await refuses(
    async () => {
      const lib = join(work, 'lib');
      await stage.git(work, 'init', '-q', lib);
      await stage.git(lib, 'commit', '-q', '--allow-empty', '-m', 'another repository');
    },
    /"lib" is a submodule/,
    /add the files themselves/,
  );
  rmSync(join(work, 'lib'), { recursive: true });
});

test('hostile refs are refused, and run nothing', async () => {
  const earlier = await standing();
  for (const ref of ['--upload-pack=x', 'a;$(id)', 'a`id`', "a'b", '-x', 'x/--y']) {
    const pushed = await stage.push(work, `HEAD:refs/heads/${ref}`);
    assert.notEqual(pushed.code, 0, ref);
    assert.match(pushed.stderr, /cannot be pushed: use letters|invalid refspec|not a valid ref/i, ref);
    assert.doesNotMatch(pushed.stderr, /uid=/);
  }
  for (const ref of ['refs/lockstep/x', 'refs/notes/x', 'HEAD']) {
    const pushed = await stage.push(work, `HEAD:${ref}`);
    assert.notEqual(pushed.code, 0, ref);
  }
  assert.deepEqual(await standing(), earlier);
  await nothingIsLeft(app);
});

test('a pack over the limit and a pack that is cut short land nothing', async () => {
  const earlier = await standing();
  writeFileSync(join(work, 'big.bin'), randomBytes(3_000_000));
  await stage.commit(work, 'too much');
  const pushed = await stage.push(work);
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  assert.equal(pushed.code, 1);
  assert.match(pushed.stderr, /remote: a push may send at most 1\.0 MiB: keep large files out/);
  assert.deepEqual(await standing(), earlier);
  const [main, commit] = await Promise.all([
    stage.git(work, 'rev-parse', 'HEAD'),
    stage.git(work, 'commit-tree', '-m', 'cut', '-p', 'HEAD', 'HEAD^{tree}'),
  ]);
  const [from, to] = [main.stdout.trim(), commit.stdout.trim()];
  const line = `${from} ${to} refs/heads/main\0 report-status`;
  const command = `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`;
  // A header that announces three objects, and then nothing.
  const pack = Buffer.from([...Buffer.from('PACK'), 0, 0, 0, 2, 0, 0, 0, 3, 0x95, 0x0a]);
  const answer = await fetch(`${stage.ready.url}/${app}.git/git-receive-pack`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/x-git-receive-pack-request' },
    body: Buffer.concat([Buffer.from(command), pack]),
  });
  assert.match(await answer.text(), /unpack (?:index-pack|unpack-objects|eof)[^\n]*/);
  assert.deepEqual(await standing(), earlier);
  await nothingIsLeft(app);
});

test('a token that is missing, wrong, revoked or without the right is told so', async () => {
  const url = `${stage.ready.url}/${app}.git`;
  const made = async (...words: string[]): Promise<string> => {
    const token = await stage.lockstep(['tokens', 'create', ...words]);
    assert.equal(token.code, 0, token.stderr);
    return token.stdout.trim();
  };
  const pushWith = (token: string | null, to = url): Promise<Ended> =>
    stage.run(['git', '-c', 'credential.helper=', 'push', to, 'HEAD:refs/heads/other'], {
      cwd: stage.folder === work ? work : join(stage.folder, 'bare'),
      env:
        token === null
          ? {}
          : {
              GIT_CONFIG_COUNT: '1',
              GIT_CONFIG_KEY_0: 'http.extraHeader',
              GIT_CONFIG_VALUE_0: `Authorization: Bearer ${token}`,
            },
    });
  await stage.git(stage.folder, 'clone', '-q', work, join(stage.folder, 'bare'));
  const missing = await pushWith(null);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /A token is needed as the password|could not read Username/);
  assert.notEqual((await pushWith('lst_wrong')).code, 0);
  const reader = await made('reader', '--rights', 'read');
  const refused = await pushWith(reader);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /This token does not have the right to deploy/);
  assert.match(refused.stderr, /lockstep tokens create/);
  assert.equal((await stage.api(`/apps/${app}`, { token: reader })).status, 200);
  const forbidden = await stage.api(`/apps/${app}/config`, {
    token: reader,
    method: 'PATCH',
    body: { set: { A: '1' } },
  });
  assert.equal(forbidden.status, 403);
  const deployer = await made('deployer', '--rights', 'read,deploy');
  assert.equal((await pushWith(deployer)).code, 0);
  await stage.push(work, ':refs/heads/other');
  const revoked = await stage.lockstep(['tokens', 'revoke', 'deployer']);
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.notEqual((await pushWith(deployer)).code, 0);
  assert.equal((await stage.api('/apps', { token: deployer })).status, 401);
  assert.equal((await stage.api('/apps', { token: 'x' })).status, 401);
  const nowhere = await pushWith(stage.token, `${stage.ready.url}/nowhere.git`);
  assert.notEqual(nowhere.code, 0);
  assert.match(nowhere.stderr, /There is no app nowhere here\. Make it first: lockstep create nowhere/);
});

test('names of apps that cannot be are refused before anything is made', async () => {
  const count = (await stage.api('/apps')).body.items.length;
  for (const name of ['Bad_Name', 'a--b', 'lockstep', '../x', '9a', 'x'.repeat(41), 'a;id', 'xn-a', '']) {
    const made = await stage.lockstep(['create', '--no-remote', '--', name]);
    assert.notEqual(made.code, 0, name);
    assert.match(made.stderr, /cannot be an app's name|reserved for the platform|name/i, name);
  }
  const taken = await stage.lockstep(['create', '--no-remote', app]);
  assert.notEqual(taken.code, 0);
  assert.match(taken.stderr, /the name shop is taken/);
  assert.equal((await stage.api('/apps')).body.items.length, count);
});

test('variables that cannot be are refused, and change nothing', async () => {
  const earlier = await standing();
  for (const [entry, word] of [
    ['1A=x', /cannot be the name of a variable/],
    ['A-B=x', /cannot be the name of a variable/],
    ['PORT=1', /PORT is set by Lockstep itself/],
    ['LOCKSTEP_X=1', /set by Lockstep itself/],
    ['A', /K=V|=/],
  ] as const) {
    const set = await stage.lockstep(['config', 'set', '-a', app, entry]);
    assert.notEqual(set.code, 0, entry);
    assert.match(set.stderr, word);
  }
  for (const [value, word] of [
    ['a\0b', /NUL/],
    ['x'.repeat(130_000), /larger than/],
  ] as const) {
    const { status, body } = await stage.api(`/apps/${app}/config`, { method: 'PATCH', body: { set: { A: value } } });
    assert.equal(status, 422, JSON.stringify(body));
    assert.match(JSON.stringify(body), word);
  }
  assert.deepEqual((await stage.api(`/apps/${app}/config`)).body.entries, {});
  assert.deepEqual(await standing(), earlier);
});

test('LD_PRELOAD, PATH and NODE_OPTIONS of an app reach the app only', async () => {
  const values = [
    'LD_PRELOAD=/nonexistent/mine.so',
    'PATH=/opt/mine:/usr/bin:/bin',
    'NODE_OPTIONS=--require=/nonexistent/mine.js',
  ];
  const set = await stage.lockstep(['config', 'set', '-a', app, ...values]);
  assert.equal(set.code, 0, set.stderr);
  for (const value of values) {
    const [key, text] = [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)];
    assert.equal((await stage.get(app, `/?${key}`)).body, `the shop ${text}`);
  }
  for (const pid of [stage.ready.pid, ...Object.values(stage.pids())]) {
    const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.doesNotMatch(environ, /nonexistent|\/opt\/mine/);
  }
  // The gate's own test asserts that it has none of them.
  await stage.edit(work, 'server.py', /$/, '# checked without them\n');
  assert.match(await stage.deploy(work), /remote: tests ok [\d.]+s: 1 test/);
  const unset = await stage.lockstep(['config', 'unset', '-a', app, 'LD_PRELOAD', 'PATH', 'NODE_OPTIONS']);
  assert.equal(unset.code, 0, unset.stderr);
});

test('an app in a language without a detector is refused, and its source is never served', async () => {
  for (const [name, files] of Object.entries({
    'ruby-app': { Gemfile: 'source "x" # secret-source\n', 'config.ru': '# secret-source\n' },
    'rust-app': {
      'Cargo.toml': '[package]\nname = "x"\n',
      'main.rs': 'fn main() {} // secret-source\n',
      'index.html': '<p>secret-source',
    },
    'php-app': { 'index.php': '<?php // secret-source', 'index.html': 'secret-source' },
  })) {
    const folder = await stage.makeApp(name, files);
    const pushed = await stage.push(folder);
    assert.equal(pushed.code, 1, pushed.stderr);
    assert.match(pushed.stderr, /belongs to a language that has no detector yet/);
    assert.match(pushed.stderr, /nothing is live yet/);
    for (const path of ['/', ...Object.keys(files).map((file) => `/${file}`)]) {
      const page = await stage.get(name, path);
      assert.ok(page.status >= 400, `${path}: ${page.status}`);
      assert.doesNotMatch(page.body, /secret-source/);
    }
    await nothingIsLeft(name, 0);
    assert.equal((await stage.status(name)).state, 'EMPTY');
  }
});

test('a first push that answers 500 lands with a loud warning; after a good answer a 5xx is a rejection', async () => {
  const broken = base['server.py'].replace('200 OK', '500 Broken');
  const folder = await stage.makeApp('fresh', {
    'server.py': broken,
    Procfile: base.Procfile,
    'lockstep.yml': 'health: { timeout: 4 }\n',
  });
  const first = await stage.deploy(folder);
  assert.match(first, /the app answers 500: it is live because nothing was before it/);
  assert.match(first, /no tests were found/);
  assert.equal((await stage.get('fresh')).status, 500);
  await stage.edit(folder, 'server.py', '500 Broken', '200 Fine');
  const second = await stage.deploy(folder);
  assert.match(second, /no tests were found/);
  assert.equal((await stage.get('fresh')).status, 200);
  await stage.edit(folder, 'server.py', '200 Fine', '503 Gone');
  const third = await stage.push(folder);
  assert.equal(third.code, 1);
  assert.match(third.stderr, /last answer 503/);
  assert.equal((await stage.get('fresh')).status, 200);
  await nothingIsLeft('fresh');
});

test('an app that ignores SIGTERM is replaced at once all the same', async () => {
  const deaf = server
    .replace('import sys\n', '')
    .replace('    port =', '    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    port =');
  stage.write(work, { 'server.py': deaf });
  await stage.commit(work, 'deaf');
  await stage.deploy(work);
  const [old] = (await stage.inSync(app)).instances.filter((one: { state: string }) => one.state === 'healthy');
  await stage.edit(work, 'server.py', 'the shop ', 'the new shop ');
  await stage.deploy(work);
  assert.match((await stage.get(app)).body, /^the new shop/);
  const status = await stage.inSync(app);
  const now = status.instances.find((one: { state: string }) => one.state === 'healthy');
  assert.notEqual(now.pid, old.pid);
  const left = status.instances.find((one: { pid: number }) => one.pid === old.pid);
  if (left) assert.match(left.state, /^(?:draining|stopping|stopped)$/);
});
