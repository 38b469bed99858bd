// What a hostile repository, check or token gets of a real Lockstep: nothing of others, nothing past the gate, and no secret
// where none belongs. One home for all of it; the last test looks for every secret that was used on the way.
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { Stage } from './support/stage.ts';

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: identities' };
const secrets = {
  config: 'canary-config-7f3a91c2e5',
  other: 'canary-other-app-b81d04',
  gone: 'canary-removed-1c9e77',
};
const server = `import os
from wsgiref.simple_server import make_server


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"page one"]


if __name__ == "__main__":
    make_server("127.0.0.1", int(os.environ["PORT"]), application).serve_forever()
`;
const base = {
  'server.py': server,
  Procfile: 'web: exec python3 server.py\n',
  'test_it.py':
    'import unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(True)\n',
};

let stage: Stage;
let work: string;
const app = 'target';
const said: string[] = [];

before(async () => {
  stage = await Stage.open({ LOCKSTEP_MAX_PUSH_BYTES: '20000000' });
  work = await stage.makeApp(app, base);
  await stage.deploy(work);
  const other = await stage.makeApp('other', { 'index.html': '<p>other' });
  for (const [name, key] of [
    [app, 'config'],
    ['other', 'other'],
  ] as const) {
    const set = await stage.lockstep(['config', 'set', '-a', name, `API_SECRET=${secrets[key]}`]);
    assert.equal(set.code, 0, set.stderr);
    said.push(set.stdout + set.stderr);
  }
  await stage.deploy(other);
});
after(() => stage[Symbol.asyncDispose]());

const idOf = async (name: string): Promise<string> => (await stage.api(`/apps/${name}`)).body.id;
const repositoryOf = async (name: string): Promise<string> =>
  join(stage.home, 'control', 'repos', `${await idOf(name)}.git`);
const standing = async (): Promise<unknown> => {
  const { main, release, state } = await stage.status(app);
  return [main, release, state, (await stage.get(app)).body];
};

/** A push that is refused, after which everything stands as before. */
async function refuses(change: Record<string, string> | (() => unknown), ...words: RegExp[]): Promise<string> {
  const earlier = await standing();
  if (typeof change === 'function') await change();
  else stage.write(work, change);
  await stage.git(work, 'add', '-A');
  await stage.git(work, 'commit', '-qm', 'hostile', '--allow-empty');
  const pushed = await stage.push(work);
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  await stage.git(work, 'clean', '-qfdx');
  assert.equal(pushed.code, 1, pushed.stderr);
  for (const word of words) assert.match(pushed.stderr, word);
  assert.deepEqual(await standing(), earlier);
  said.push(pushed.stderr);
  return pushed.stderr;
}

test('D3: main is neither forced nor deleted nor shadowed, and what a release needs outlives every clean-up', async () => {
  const first = (await stage.git(work, 'rev-parse', 'HEAD')).stdout.trim();
  await stage.edit(work, 'server.py', 'page one', 'page two');
  await stage.deploy(work);
  const earlier = await standing();
  await stage.git(work, 'checkout', '-q', '--orphan', 'other-history');
  await stage.git(work, 'commit', '-qm', 'another history');
  for (const words of [['-f', 'HEAD:main'], [':main'], ['--delete', 'main'], ['-f', `${first}:main`], ['--mirror']]) {
    const pushed = await stage.git(work, 'push', 'lockstep', ...words);
    assert.notEqual(pushed.code, 0, words.join(' '));
    assert.match(pushed.stderr, /rejected|cannot be|refus/i, words.join(' '));
    assert.deepEqual(await standing(), earlier, words.join(' '));
  }
  await stage.git(work, 'checkout', '-q', '-f', 'main');
  // A tag that is named like the branch, at another commit: what is asked of git by name still means the branch.
  assert.equal((await stage.git(work, 'push', 'lockstep', `${first}:refs/tags/main`)).code, 0);
  await stage.edit(work, 'server.py', 'page two', 'page three');
  const landed = await stage.git(work, 'push', 'lockstep', 'refs/heads/main:refs/heads/main');
  assert.equal(landed.code, 0, landed.stderr);
  assert.equal((await stage.get(app)).body, 'page three');
  await stage.git(work, 'push', 'lockstep', ':refs/tags/main');
  // The harshest clean-up there is, and then back to a release of before it.
  const repository = await repositoryOf(app);
  for (const words of [
    ['repack', '-adq'],
    ['prune', '--expire=now'],
  ])
    assert.equal((await stage.run(['git', `--git-dir=${repository}`, '-c', 'safe.directory=*', ...words])).code, 0);
  const back = await stage.lockstep(['rollback', '-a', app, 'v1']);
  assert.equal(back.code, 0, back.stderr);
  assert.equal((await stage.get(app)).body, 'page one');
  await stage.git(work, 'fetch', '-q', 'lockstep');
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
});

test('D9: hostile names of refs and of files run nothing', async () => {
  const earlier = await standing();
  const canary = join(stage.folder, 'canary');
  const hostile = [
    '--upload-pack=touch',
    `a;touch\${IFS}${canary}`,
    '$(id)',
    '`id`',
    "a'b",
    'a"b',
    'a|b',
    'a&b',
    'x'.repeat(4000),
    '-x',
    'x/--y',
  ];
  for (const ref of hostile) {
    const pushed = await stage.push(work, `HEAD:refs/heads/${ref}`);
    assert.notEqual(pushed.code, 0, ref);
    assert.doesNotMatch(pushed.stderr, /uid=\d/, ref);
  }
  // These are names, and are stored as they stand.
  for (const ref of ['\u202egnp.exe', 'con', 'é', 'a@b']) {
    const pushed = await stage.push(work, `HEAD:refs/heads/${ref}`);
    assert.equal(pushed.code, 0, `${ref}: ${pushed.stderr}`);
    assert.equal((await stage.push(work, `:refs/heads/${ref}`)).code, 0, ref);
  }
  const names = ['a;touch canary', '$(touch canary)', '--help', '-rf', 'con', '\u202etxt.py', "q'uote", 'new\nline'];
  stage.write(work, Object.fromEntries(names.map((name) => [name, '"""Hold a number."""\nx = 1\n'])));
  await stage.commit(work, 'names');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.doesNotMatch(pushed.stderr, /\u202e/);
  assert.equal((await stage.get(app)).body, 'page one');
  // They are on the server under the names that they have.
  const trees = join(stage.home, 'apps', await idOf(app), 'trees');
  assert.ok(readdirSync(trees).some((tree) => names.every((name) => existsSync(join(trees, tree, name)))));
  assert.equal(existsSync(canary), false);
  assert.equal(existsSync(join(work, 'canary')), false);
  assert.notDeepEqual(await standing(), earlier);
});

test('G2: links are refused where they leave the tree or stand for configuration, and nothing of the host is shown', async () => {
  const targets = [
    '/proc/self/environ',
    '/etc/shadow',
    join(stage.home, 'control', 'owner.token'),
    '../../../../../../etc/passwd',
  ];
  for (const target of targets)
    for (const file of ['requirements.txt', 'Procfile', 'lockstep.yml', 'app.json', 'static/page.html']) {
      if (
        file.startsWith('static') !== (target === targets[0]) &&
        file !== 'requirements.txt' &&
        file !== 'lockstep.yml'
      )
        continue;
      const shown = await refuses(() => {
        rmSync(join(work, file), { force: true });
        stage.write(work, { 'static/keep': '' });
        symlinkSync(target, join(work, file));
      }, /it is a link|leaves the tree/);
      assert.doesNotMatch(shown, /root:|lst_[A-Za-z0-9_-]{20}|LOCKSTEP_HOME=/);
    }
  await refuses(() => {
    symlinkSync('a', join(work, 'b'));
    symlinkSync('b', join(work, 'a'));
    rmSync(join(work, 'Procfile'));
    symlinkSync('a', join(work, 'Procfile'));
  }, /Procfile: it is a link/);
  // A loop, and one that leads nowhere, are the app's own affair.
  symlinkSync('loop', join(work, 'loop'));
  symlinkSync('nowhere/at/all', join(work, 'dangling'));
  await stage.commit(work, 'harmless links');
  await stage.deploy(work);
});

test('G5: tests that end the runner, flood or daemonise are never a pass by silence, and leave nothing', async () => {
  const testOf = (...body: string[]): Record<string, string> => ({
    'test_it.py': `import os\nimport subprocess\nimport sys\nimport unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n${body.map((line) => `        ${line}\n`).join('')}        self.assertTrue(os and subprocess and sys)\n`,
  });
  await refuses(testOf('os._exit(0)'), /REJECTED by tests/);
  await refuses(testOf('os._exit(5)'), /REJECTED by tests/);
  await refuses(testOf('os.kill(os.getpid(), 9)'), /no verdict: tests could not run \(killed from outside\)/);
  await refuses(testOf('os.kill(os.getpid(), 11)'), /REJECTED by tests/);
  // One that leaves a daemon behind and floods its output passes by what it asserts, and the daemon is ended with its job.
  const mark = `daemon-of-${process.pid}`;
  stage.write(
    work,
    testOf(
      `words = ["/bin/sh", "-c", "sleep 600; : ${mark}"]`,
      'subprocess.Popen(words, start_new_session=True)',
      'line = "x" * 1023',
      'for _ in range(64 * 1024):',
      '    print(line)',
    ),
  );
  await stage.commit(work, 'a daemon');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 0, pushed.stderr.slice(-2000));
  assert.ok(pushed.stderr.length < 50_000, `${pushed.stderr.length} bytes were shown`);
  assert.deepEqual(
    pidsOf().filter((pid) => argvOf(pid).includes(mark)),
    [],
  );
  await stage.edit(work, 'test_it.py', /[\s\S]*/, base['test_it.py']);
  await stage.deploy(work);
});

const pidsOf = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
const argvOf = (pid: number): string => fileOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
function fileOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

test('G6: a check that looks for secrets finds none, and has the variables that were declared', needsRoot, async () => {
  const own = await idOf(app);
  // Its own jobs' files are its own; the reserve of the disk holds zeros.
  const group = lstatSync(join(stage.home, 'apps', own)).gid;
  const paths = filesBelow(stage.home)
    .filter((path) => !/^(?:toolchains|run|agent\/reserve[^/]*)\//.test(`${path}/`) && !path.startsWith(`apps/${own}/`))
    .map((path) => join(stage.home, path))
    // What goes while it is listed is nobody's secret.
    .filter((path) => (lstatSync(path, { throwIfNoEntry: false })?.gid ?? group) !== group);
  assert.ok(
    paths.some((path) => path.endsWith('owner.token')) && paths.some((path) => /apps\/.*index\.html$/.test(path)),
  );
  const folders = [
    'control',
    'control/repos',
    'router',
    'agent/jobs',
    'agent/instances',
    `apps/${await idOf('other')}`,
  ];
  const probe = `import glob
import json
import os
import socket
import unittest
import urllib.error
import urllib.request


class Probe(unittest.TestCase):
    def test_nothing_of_others_can_be_read(self):
        with open("paths.json") as file:
            known = json.load(file)
        got = []
        for path in known["files"]:
            try:
                with open(path, "rb") as file:
                    file.read(1)
                got.append(path)
            except OSError:
                pass
        for path in known["folders"]:
            try:
                got.append(path + " lists " + str(os.listdir(path)))
            except OSError:
                pass
        self.assertEqual(got, [])

    def test_no_other_process_is_read_or_signalled(self):
        got = []
        for entry in glob.glob("/proc/[0-9]*"):
            try:
                if os.stat(entry).st_uid == os.getuid():
                    continue
                for name in ("environ", "mem", "cwd/.", "root/.", "fd/0"):
                    try:
                        with open(entry + "/" + name, "rb") as file:
                            file.read(1)
                        got.append(entry + "/" + name)
                    except OSError:
                        pass
                os.kill(int(entry[6:]), 0)
                got.append("signal " + entry)
            except OSError:
                pass
        self.assertEqual(got, [])

    def test_no_socket_answers(self):
        got = []
        with open("paths.json") as file:
            known = json.load(file)
        for path in known["sockets"]:
            with socket.socket(socket.AF_UNIX) as one:
                try:
                    one.connect(path)
                    got.append(path)
                except OSError:
                    pass
        self.assertEqual(got, [])
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(known["api"], timeout=10)
        self.assertEqual(refused.exception.code, 401)

    def test_the_environment_is_what_was_declared(self):
        allowed = set(json.loads(os.environ["ALLOWED"]))
        self.assertEqual(sorted(set(os.environ) - allowed), [])
        for value in os.environ.values():
            self.assertNotIn("canary", value)
            self.assertNotIn("lst_", value)
`;
  const allowed = [
    'ALLOWED',
    'PATH',
    'HOME',
    'TMPDIR',
    'LANG',
    'LOCKSTEP_JOB',
    'PWD',
    'PYTHONDONTWRITEBYTECODE',
    'PYTHONPATH',
    'PYTHONHASHSEED',
    'PYTEST_CURRENT_TEST',
    'PYTEST_VERSION',
    'LC_CTYPE',
  ];
  const sockets = ['control', 'agent', 'router'].map((name) => join(stage.home, 'run', `${name}.sock`));
  for (const path of sockets) assert.ok(existsSync(path), path);
  stage.write(work, {
    'test_probe.py': probe,
    'paths.json': JSON.stringify({
      files: paths,
      folders: folders.map((path) => join(stage.home, path)),
      sockets: [...sockets, '/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'],
      api: `${stage.ready.url}/api/v1/apps`,
    }),
    'app.json': JSON.stringify({ environments: { test: { env: { ALLOWED: JSON.stringify(allowed) } } } }),
  });
  await stage.commit(work, 'a probe');
  const shown = await stage.deploy(work);
  said.push(shown);
  assert.match(shown, /tests ok [\d.]+s: 5 tests/);
  await stage.git(work, 'rm', '-q', 'test_probe.py', 'paths.json', 'app.json');
  await stage.commit(work, 'no probe');
  await stage.deploy(work);
});

/** Every file below a folder, as paths within it; links are not followed. */
/** A folder that goes while it is listed makes it begin again. */
function filesBelow(folder: string): string[] {
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || triesLeft === 0) throw error;
    }
  }
}

test('G7: what is set is what the app has, byte for byte', needsRoot, async () => {
  const values: Record<string, string> = {
    ...{ files: 'one\ntwo\n', groups: '"\'`', fifo: '$(id) $HOME $$', code: '%s%n', group: '\\', exit_file: ' ' },
    ...{ UNICODE: '\u{1f600} \u202e é', TAB: '\t\r', EMPTY: '', EQUALS: 'a=b=c', LARGE: 'x'.repeat(100_000) },
    ...{
      LD_DEBUG_OUTPUT: '/nonexistent/x',
      MALLOC_ARENA_MAX: '2',
      BASH_ENV: '/nonexistent',
      NODE_OPTIONS: '--no-such',
    },
  };
  const keys = Object.keys(values);
  const set = await stage.lockstep(['config', 'set', '-a', app, ...keys.map((key) => `${key}=${values[key]}`)]);
  assert.equal(set.code, 0, set.stderr);
  const { pid } = (await stage.inSync(app)).instances.find((one: { state: string }) => one.state === 'healthy');
  const entries = new Map(
    fileOf(`/proc/${pid}/environ`)
      .split('\0')
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  for (const key of keys) assert.equal(entries.get(key), Buffer.from(values[key]!, 'utf8').toString('latin1'), key);
  const shown = (await stage.api(`/apps/${app}/config?reveal=true`)).body.entries;
  for (const key of keys) assert.equal(shown[key], values[key], key);
  for (const value of ['a\u0000b', 'x'.repeat(200_000)]) {
    const { status } = await stage.api(`/apps/${app}/config`, { method: 'PATCH', body: { set: { A: value } } });
    assert.equal(status, 422);
  }
  const half = await fetch(`${stage.ready.url}/api/v1/apps/${app}/config`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
    body: '{"set":{"A":"\\ud800"}}',
  });
  assert.equal(half.status, 422, await half.text());
  for (const pid of [stage.ready.pid, ...Object.values(stage.pids())])
    assert.doesNotMatch(fileOf(`/proc/${pid}/environ`), /nonexistent|no-such/);
  const unset = await stage.lockstep(['config', 'unset', '-a', app, ...keys]);
  assert.equal(unset.code, 0, unset.stderr);
});

test('G8: an app that is made again under the same name inherits nothing', async () => {
  const folder = await stage.makeApp('twice', { 'index.html': '<p>first' });
  await stage.deploy(folder);
  const set = await stage.lockstep(['config', 'set', '-a', 'twice', `SECRET=${secrets.gone}`]);
  assert.equal(set.code, 0, set.stderr);
  const token = (
    await stage.lockstep(['tokens', 'create', 'of-twice', '--rights', 'read,deploy', '--apps', 'twice'])
  ).stdout.trim();
  assert.equal((await stage.api('/apps/twice', { token })).status, 200);
  const id = await idOf('twice');
  const gone = await stage.lockstep(['destroy', '-a', 'twice', '--yes']);
  assert.equal(gone.code, 0, gone.stderr);
  const made = await stage.lockstep(['create', '--no-remote', 'twice']);
  assert.equal(made.code, 0, made.stderr);
  assert.notEqual(await idOf('twice'), id);
  assert.deepEqual((await stage.api('/apps/twice/config?reveal=true')).body.entries, {});
  assert.deepEqual((await stage.api('/apps/twice/releases')).body.items, []);
  assert.deepEqual((await stage.api('/apps/twice/changes')).body.items, []);
  assert.equal((await stage.api('/apps/twice', { token })).status, 404);
  assert.ok((await stage.get('twice')).status >= 400);
  const refs = await stage.git(
    stage.folder,
    '-c',
    `http.extraHeader=Authorization: Bearer ${stage.token}`,
    'ls-remote',
    `${stage.ready.url}/twice.git`,
  );
  assert.equal(refs.stdout, '');
});

test('D10: a token has the same scope as Basic and as Bearer, and none once it is expired or revoked', async () => {
  const made = async (...words: string[]): Promise<string> => {
    const token = await stage.lockstep(['tokens', 'create', ...words]);
    assert.equal(token.code, 0, token.stderr);
    return token.stdout.trim();
  };
  const ask = async (path: string, header: string): Promise<number> =>
    (await fetch(`${stage.ready.url}${path}`, { headers: { authorization: header } })).status;
  const basic = (token: string) => `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`;
  const fetching = `/${app}.git/info/refs?service=git-upload-pack`;
  const pushing = `/${app}.git/info/refs?service=git-receive-pack`;
  const both = async (token: string, path: string): Promise<number> => {
    const [one, other] = [await ask(path, `Bearer ${token}`), await ask(path, basic(token))];
    assert.equal(one, other, path);
    return one;
  };
  const reader = await made('d10-reader', '--rights', 'read');
  const deployer = await made('d10-deployer', '--rights', 'read,deploy');
  const elsewhere = await made('d10-elsewhere', '--rights', 'read,deploy', '--apps', 'other');
  const table: [string, string, number, number][] = [
    ['reader', reader, 200, 403],
    ['deployer', deployer, 200, 200],
    ['of another app', elsewhere, 404, 404],
    ['unknown', 'lst_nobody', 401, 401],
  ];
  for (const [what, token, fetches, pushes] of table)
    assert.deepEqual([await both(token, fetching), await both(token, pushing)], [fetches, pushes], what);
  assert.equal((await stage.lockstep(['tokens', 'revoke', 'd10-deployer'])).code, 0);
  assert.deepEqual([await both(deployer, fetching), await both(deployer, pushing)], [401, 401]);
});

test('D8: twenty clones and five pushes at once are all served, and the site and the API go on', {
  timeout: 120_000,
}, async () => {
  const before = await standing();
  const env = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Bearer ${stage.token}`,
  };
  const url = `${stage.ready.url}/${app}.git`;
  const clones = Array.from({ length: 20 }, (_, at) =>
    stage.run(['git', 'clone', '-q', url, join(stage.folder, `clone-${at}`)], { env }),
  );
  const pushes = Array.from({ length: 5 }, (_, at) =>
    stage.run(['git', 'push', '-q', url, `HEAD:refs/heads/many-${at}`], { cwd: work, env }),
  );
  let isOver = false;
  const meanwhile = (async () => {
    let asked = 0;
    for (; !isOver; asked += 1) {
      assert.equal((await stage.get(app)).status, 200);
      assert.equal((await stage.api('/apps')).status, 200);
    }
    return asked;
  })();
  for (const one of await Promise.all([...clones, ...pushes])) assert.equal(one.code, 0, one.stderr);
  isOver = true;
  assert.ok((await meanwhile) > 3);
  for (let at = 0; at < 5; at += 1) await stage.push(work, `:refs/heads/many-${at}`);
  assert.deepEqual(await standing(), before);
});

test('L2: every secret that was used is where it belongs, and nowhere else', needsRoot, async () => {
  const owner = stage.token;
  // Doors that fail: their answers are looked through, too.
  const answers: string[] = [...said];
  for (const [path, token] of [
    [`/apps/${app}`, owner],
    [`/apps/${app}/config`, owner],
    [`/apps/${app}/status`, owner],
    [`/apps/${app}/releases`, owner],
    [`/apps/${app}/changes`, owner],
    [`/apps/${app}/events`, owner],
    ['/tokens', owner],
    [`/apps/${app}/nothing`, owner],
    [`/apps/${app}`, 'lst_wrong'],
  ] as const)
    answers.push(JSON.stringify((await stage.api(path, { token })).body));
  for (const page of [await stage.get(app), await stage.get('nobody'), await stage.get(app, '/%')])
    answers.push(page.body, JSON.stringify(page.headers));
  for (const words of [
    ['status', '-a', app],
    ['logs', '-a', app, '-n', '500'],
    ['events', '-a', app],
    ['releases', '-a', app],
    ['config', '-a', app],
    ['doctor'],
  ])
    answers.push(JSON.stringify(await stage.lockstep(words)));
  answers.push(stage.upStderr);
  for (const [name, secret] of Object.entries({ ...secrets, owner }))
    assert.deepEqual(
      answers.filter((text) => text.includes(secret)).map((text) => text.slice(0, 300)),
      [],
      `${name} in an answer`,
    );

  // Config values are in the database (each version, kept whole), in the agent's desired state and in the environment of the app's
  // own processes; the owner's token in one file of control's. A token is kept as a hash.
  const place: Record<string, RegExp> = {
    config: /^(?:control\/lockstep\.db(?:-wal|-shm|-journal|\.copy.*|.*)?|agent\/desired(?:\.json)?(?:\.previous)?.*)$/,
    other: /^(?:control\/lockstep\.db.*|agent\/desired.*)$/,
    gone: /^(?:control\/lockstep\.db.*|control\/copies\/.*|agent\/desired.*)$/,
    owner: /^control\/owner\.token$/,
  };
  for (const [name, secret] of Object.entries({ ...secrets, owner })) {
    const found = filesBelow(stage.home)
      .filter((path) => !path.startsWith('toolchains/'))
      .filter((path) => fileOf(join(stage.home, path)).includes(secret));
    assert.deepEqual(
      found.filter((path) => !place[name]!.test(path)),
      [],
      `${name} in a file`,
    );
    for (const path of found)
      assert.equal(lstatSync(join(stage.home, path)).mode & 0o077, 0, `${path} can be read by others`);
  }
  const uids = new Set<number>();
  for (const pid of pidsOf()) {
    const argv = argvOf(pid);
    const environ = fileOf(`/proc/${pid}/environ`);
    const isInApp =
      environ.includes('LOCKSTEP_INSTANCE=') && /^LOCKSTEP_APP=(?:target|other)$/m.test(environ.replaceAll('\0', '\n'));
    const uid = lstatSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? -1;
    if (isInApp) uids.add(uid);
    for (const [name, secret] of Object.entries({ ...secrets, owner })) {
      assert.ok(!argv.includes(secret), `${name} in the argv of ${argv}`);
      if (!isInApp) assert.ok(!environ.includes(secret), `${name} in the environment of ${argv}`);
    }
    if (isInApp) assert.ok(!environ.includes(owner), `the token in the environment of ${argv}`);
  }
  assert.ok(uids.size >= 2, 'no app was looked at');
  // The look can fail: what is searched for is there where it belongs.
  assert.ok(readFileSync(join(stage.home, 'control', 'owner.token'), 'utf8').includes(owner));
  assert.ok(pidsOf().some((pid) => fileOf(`/proc/${pid}/environ`).includes(secrets.config)));
});
