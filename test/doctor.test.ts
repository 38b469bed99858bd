// The doctor, and `status`: somebody edits a served file, puts another process in the place of ours, moves main past its guard,
// takes a route away, leaves things lying about. Each time `status` or the doctor says what is wrong; `doctor --fix` mends what
// has one right answer, and leaves the rest to people with the way to go.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { leftOver } from './support/left-over.ts';
import { type Json, root, Stage, until } from './support/stage.ts';

/** A shell stays in front of the server: the server can be killed without the end of what was started. */
const server = `from http.server import BaseHTTPRequestHandler, HTTPServer
import os


class Page(BaseHTTPRequestHandler):
    """Says who answers."""

    def do_GET(self):
        """Answer every path alike."""
        body = b"ours"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing."""


HTTPServer.allow_reuse_address = True
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
`;

let stage: Stage;
let pool: string;
let guestbook: string;

before(async () => {
  stage = await Stage.open();
  pool = await stage.makeApp('pool', join(root, 'examples', 'static-site'));
  await stage.deploy(pool);
  const swap = await stage.makeApp('swap', {
    Procfile: "web: sh -c 'python3 server.py & while :; do sleep 1; done'\n",
    'server.py': server,
  });
  await stage.deploy(swap);
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

async function doctor(...words: string[]): Promise<Json> {
  const ran = await stage.lockstep(['doctor', '--json', ...words]);
  assert.ok(ran.stdout.startsWith('{'), ran.stderr + ran.stdout);
  const report = JSON.parse(ran.stdout);
  assert.equal(ran.code, report.problems.length === 0 ? 0 : 1);
  return report;
}

const codes = (report: Json): string[] => report.problems.map(({ code }: { code: string }) => code);

async function isWell(): Promise<void> {
  const report = await doctor();
  assert.deepEqual(report.problems, [], stage.logs());
}

async function idOf(app: string): Promise<string> {
  return (await stage.api(`/apps/${app}`)).body.id;
}

async function fix(...expected: string[]): Promise<Json> {
  const report = await doctor('--fix');
  assert.deepEqual(
    report.fixed.map(({ code }: { code: string }) => code).sort(),
    expected.sort(),
    JSON.stringify(report),
  );
  return report;
}

async function drifts(app: string, why: RegExp): Promise<Json> {
  let last: Json = null;
  await until(
    async () => {
      last = await stage.status(app);
      return last.state === 'DRIFTED' && why.test(last.why);
    },
    15_000,
    () => `${app} does not drift: ${JSON.stringify(last)}`,
  );
  return last;
}

test('all is well: no problem, exit 0, and what was looked at is said', async () => {
  await stage.inSync('pool');
  await stage.inSync('swap');
  const report = await doctor();
  assert.deepEqual(report.problems, [], stage.logs());
  const looked = new Map(report.checked.map(({ what, count }: { what: string; count: number }) => [what, count]));
  assert.equal(looked.get('apps'), 2);
  assert.equal(looked.get('processes'), 2);
  assert.ok((looked.get('served files') as number) > 2);
  assert.equal(looked.get('repositories'), 2);
  assert.ok(report.machine.git && report.machine.disk.freeBytes > 0);
  const { served, release } = await stage.inSync('pool');
  assert.equal(served.tree, release.tree);
});

test('a served file is edited: DRIFTED with its name, and the fix brings main’s own bytes back', async () => {
  const { release } = await stage.inSync('pool');
  const file = join(stage.home, 'apps', await idOf('pool'), 'trees', release.tree, 'index.html');
  const before = readFileSync(file, 'utf8');
  appendFileSync(file, 'and more\n');
  await drifts('pool', /files of v1 are not main's tree .*index\.html was changed/);
  assert.match((await stage.get('pool')).body, /and more/);
  const said = await stage.lockstep(['doctor']);
  assert.equal(said.code, 1);
  assert.match(said.stdout, /pool {2}served-files-changed .*index\.html was changed\n {4}lockstep doctor --fix/);
  await fix('served-files-changed');
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal((await stage.get('pool')).body, before);
  await stage.inSync('pool');
});

test('an added and a missing file are told, too, and a file that others may write', async () => {
  const { release } = await stage.inSync('pool');
  const folder = join(stage.home, 'apps', await idOf('pool'), 'trees', release.tree);
  writeFileSync(join(folder, 'shell.php'), '<?php');
  const { why } = await drifts('pool', /shell\.php was added/);
  assert.doesNotMatch(why, /index/);
  rmSync(join(folder, 'shell.php'));
  await stage.inSync('pool');
  rmSync(join(folder, 'index.html'));
  await drifts('pool', /index\.html is missing/);
  await fix('served-files-changed');
  chmodSync(join(folder, 'index.html'), 0o666);
  assert.deepEqual(codes(await doctor()), ['served-files-open']);
  await fix('served-files-open');
  await isWell();
});

test('another process answers on the port of ours: DRIFTED with who it is, and the fix serves ours again', async () => {
  const { instances } = await stage.inSync('swap');
  const [{ pid, port }] = instances;
  const child = (await stage.run(['pgrep', '-g', String(pid), '-f', 'server.py$'])).stdout.trim().split('\n').at(-1);
  process.kill(Number(child), 'SIGKILL');
  const strange = server.replace('b"ours"', 'b"theirs"');
  const stranger = stage.spawn(['python3', '-c', strange], { env: { PORT: String(port) } });
  await until(
    async () => (await stage.get('swap').catch(() => null))?.body === 'theirs',
    15_000,
    () => 'the stranger does not answer',
  );
  const { why } = await drifts('swap', /on port \d+ answers pid \d+ .*none of the app's processes/);
  assert.match(why, new RegExp(`pid ${stranger.child.pid} `));
  await fix('process-swapped');
  assert.equal((await stage.get('swap')).body, 'ours');
  await stage.inSync('swap');
  stranger.child.kill('SIGKILL');
  await stranger.ended;
});

test('main is moved past its guard: DRIFTED, and the fix puts it back to what is live', async () => {
  const { main, release } = await stage.inSync('pool');
  const repository = join(stage.home, 'control', 'repos', `${await idOf('pool')}.git`);
  const git = (...words: string[]) => stage.run(['git', `--git-dir=${repository}`, '-c', 'safe.directory=*', ...words]);
  const made = await git('commit-tree', '-p', main.commit, '-m', 'not judged', main.tree);
  const stray = made.stdout.trim();
  assert.match(stray, /^[0-9a-f]{40}$/, made.stderr);
  const refused = await git('update-ref', 'refs/heads/main', stray);
  assert.notEqual(refused.code, 0);
  await git('-c', 'core.hooksPath=/dev/null', 'update-ref', 'refs/heads/main', stray);
  await drifts(
    'pool',
    new RegExp(`main is ${stray.slice(0, 7)}, live is ${release.commit.slice(0, 7)}.*past the gate`),
  );
  await fix('main-moved');
  assert.equal((await stage.inSync('pool')).main.commit, release.commit);
  // A loose ref, written by hand.
  writeFileSync(join(repository, 'refs', 'heads', 'main'), `${stray}\n`);
  await drifts('pool', /past the gate/);
  await fix('main-moved');
  // And one that is gone.
  rmSync(join(repository, 'refs', 'heads', 'main'));
  rmSync(join(repository, 'packed-refs'), { force: true });
  await drifts('pool', /v\d+ is live .*main is gone/);
  await fix('main-gone');
  assert.equal((await stage.inSync('pool')).main.commit, release.commit);
  await stage.edit(pool, 'index.html', /<h1>.*<\/h1>/, '<h1>After</h1>');
  assert.match(await stage.deploy(pool), /live: http/);
});

test('a route is taken away: DRIFTED while it is, and the agent or the fix brings it back', async () => {
  await stage.inSync('pool');
  const socket = join(stage.home, 'run', 'router.sock');
  const { generation, routes } = JSON.parse((await ask(socket, 'GET', '/v1/routes')).text);
  const list: Json[] = [...new Map(Object.values(routes).map((one) => [JSON.stringify(one), one])).values()];
  const left = list.filter((one) => one !== 'platform' && one.name !== 'pool');
  const platformHosts = Object.entries(routes).flatMap(([host, one]) => (one === 'platform' ? [host] : []));
  let next = generation;
  let last: Json = null;
  // The agent notices within half a second that the router holds another document; until then it is taken away again.
  await until(
    async () => {
      const now = JSON.parse((await ask(socket, 'GET', '/v1/hello')).text).generation;
      next = Math.max(next, now) + 1;
      await ask(socket, 'PUT', '/v1/snapshot', { protocol: 1, generation: next, platformHosts, routes: left });
      last = await stage.status('pool');
      return last.state === 'DRIFTED';
    },
    15_000,
    () => JSON.stringify(last),
  );
  assert.match(last.why, /the router \(routes \d+\) has no route for pool\.localhost/);
  await stage.inSync('pool');
  await isWell();
  assert.equal((await stage.get('pool')).status, 200);
});

test('guard, folders and left-overs: each is named and put right', async () => {
  const id = await idOf('pool');
  const repository = join(stage.home, 'control', 'repos', `${id}.git`);
  writeFileSync(join(repository, 'hooks', 'reference-transaction'), '#!/bin/sh\nexit 0\n');
  appendFileSync(join(repository, 'config'), '[gc]\n\tauto = 1\n');
  chmodSync(join(stage.home, 'apps', id), 0o777);
  const instance = 'ins_01AAAAAAAAAAAAAAAAAAAAAAAA';
  writeFileSync(join(stage.home, 'agent', 'pipes', instance), '');
  mkdirSync(join(stage.home, 'apps', id, 'gate', 'copies', 'job_old'), { recursive: true });
  mkdirSync(join(stage.home, 'apps', id, 'instances', 'AAAAAAAAAAAA'), { recursive: true });
  const nobody = join(stage.home, 'apps', 'app_01AAAAAAAAAAAAAAAAAAAAAAAA');
  mkdirSync(join(nobody, 'trees', 'x'), { recursive: true });
  const report = await doctor();
  assert.deepEqual(codes(report).sort(), [
    'folder-open',
    'left-over',
    'left-over',
    'left-over',
    'left-over',
    'repository-unguarded',
    'repository-unguarded',
  ]);
  await fix(...codes(report));
  assert.equal(existsSync(nobody), false);
  await isWell();
});

test('what has no one right answer is left to people, with what to do', async () => {
  const repository = join(stage.home, 'control', 'repos', 'app_01BBBBBBBBBBBBBBBBBBBBBBBB.git');
  const volume = join(stage.home, 'apps', 'app_01BBBBBBBBBBBBBBBBBBBBBBBB', 'volumes', 'data');
  mkdirSync(repository, { recursive: true });
  mkdirSync(volume, { recursive: true });
  const report = await doctor('--fix');
  assert.deepEqual(codes(report), ['unknown-repository', 'unknown-volumes']);
  assert.deepEqual(report.fixed, []);
  for (const { isFixable, advice } of report.problems) assert.ok(!isFixable && /remove/.test(advice));
  for (const path of [repository, join(stage.home, 'apps', 'app_01BBBBBBBBBBBBBBBBBBBBBBBB')]) {
    assert.ok(existsSync(path));
    rmSync(path, { recursive: true });
  }
  await isWell();
});

test('a dependency is changed: the doctor reads every byte, and the fix installs anew', async () => {
  guestbook = await stage.makeApp('guestbook', join(root, 'examples', 'flask-guestbook'));
  await stage.deploy(guestbook);
  const layers = join(stage.home, 'apps', await idOf('guestbook'), 'layers');
  // What serves stands on one, what is checked on the other.
  const files = globSync('*/lib/python*/site-packages/flask/__init__.py', { cwd: layers }).map((one) =>
    join(layers, one),
  );
  assert.equal(files.length, 2);
  const [before] = files.map((one) => readFileSync(one, 'utf8'));
  await isWell();
  for (const one of files) appendFileSync(one, '# more\n');
  assert.deepEqual(codes(await doctor('-a', 'guestbook')), ['layer-changed', 'gate-layer-changed']);
  await fix('layer-changed', 'gate-layer-changed');
  assert.equal(files.filter((one) => readFileSync(one, 'utf8') === before).length, 1);
  assert.equal((await stage.get('guestbook')).status, 200);
  await isWell();
});

test('I6: the checks of a change that died with control are ended, and their copy goes', async () => {
  stage.write(guestbook, {
    'tests/test_slow.py': 'import time\n\n\ndef test_slow():\n    """Take long."""\n    time.sleep(300)\n',
  });
  await stage.commit(guestbook, 'a slow test');
  const pushing = stage.push(guestbook);
  const copies = join(stage.home, 'apps', await idOf('guestbook'), 'gate', 'copies');
  const checks = () => leftOver(copies).filter((line) => /pytest/.test(line));
  await until(
    () => checks().length > 0,
    30_000,
    () => `no test runs\n${stage.logs()}`,
  );
  process.kill(stage.pids().control, 'SIGKILL');
  assert.notEqual((await pushing).code, 0);
  await until(
    () => checks().length === 0 && readdirSync(copies).length === 0,
    15_000,
    () => `these are left: ${checks()} ${readdirSync(copies)}\n${stage.logs()}`,
  );
  await stage.inSync('guestbook');
  await isWell();
});

test('a destroyed app leaves no problem behind, with its volumes or without', async () => {
  assert.equal((await stage.lockstep(['destroy', '-a', 'swap', '--yes'])).code, 0);
  await until(
    async () => (await doctor()).problems.length === 0,
    30_000,
    () => stage.logs(),
  );
});

function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
