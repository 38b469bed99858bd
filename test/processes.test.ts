// Any of the three processes may die at any moment: what each death costs, and that everything comes back as it was. Then the
// ways in which `up` starts, refuses to start, and ends.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { leftOver } from './support/left-over.ts';
import { PageWatch } from './support/page-watch.ts';
import { type Json, root, Stage, until } from './support/stage.ts';

const app = 'echo';
const bin = join(root, 'bin', 'lockstep');
const page = (number: number) => `from http.server import BaseHTTPRequestHandler, HTTPServer
import os
from socketserver import ThreadingMixIn


class Echo(BaseHTTPRequestHandler):
    """Says its page and prints what it was asked."""

    def do_GET(self):
        """Answer every path alike."""
        print("asked for", self.path, flush=True)
        body = b"page ${number}"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing else."""


class Server(ThreadingMixIn, HTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
`;

let stage: Stage;
let work: string;
let pages = 1;

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, { Procfile: 'web: python3 server.py\n', 'server.py': page(1) });
  await stage.deploy(work);
  await stage.inSync(app);
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

async function deployNext(): Promise<void> {
  pages += 1;
  stage.write(work, { 'server.py': page(pages) });
  await stage.commit(work, `page ${pages}`);
  await stage.deploy(work);
  assert.equal((await stage.get(app)).body, `page ${pages}`);
  await stage.inSync(app);
}

/** The one instance that serves, when the one that was before it is gone. */
async function theInstance(): Promise<Json> {
  let instances: Json[] = [];
  await until(
    async () => {
      instances = (await stage.inSync(app)).instances;
      return instances.length === 1;
    },
    20_000,
    () => `these run: ${JSON.stringify(instances)}`,
  );
  return instances[0];
}

async function log(): Promise<string> {
  return (await stage.lockstep(['logs', '-a', app, '-n', '500'])).stdout;
}

async function serves(): Promise<void> {
  await until(
    async () => (await stage.get(app).catch(() => null))?.body === `page ${pages}`,
    15_000,
    () => `the page is not back\n${stage.logs()}`,
  );
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('each of the three has one heap of malloc for its threads, the agent gives large buffers back, and no app is told of it', async () => {
  const told = (pid: number) =>
    readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .filter((one) => one.startsWith('MALLOC_'));
  const { agent, control, router } = stage.pids();
  const one = 'MALLOC_ARENA_MAX=1';
  assert.deepEqual(told(agent).sort(), [one, 'MALLOC_MMAP_THRESHOLD_=65536']);
  assert.deepEqual([control, router].map(told), [[one], [one]]);
  assert.deepEqual(told((await theInstance()).pid), []);
});

test('control killed: the page and the events go on, it is back by itself, and a deploy works', async () => {
  const before = stage.pids();
  const { pid } = await theInstance();
  const seqs = async () =>
    (await stage.api(`/apps/${app}/events?after=0&limit=200`)).body.items.map(({ seq }: { seq: number }) => seq);
  const seqsBefore = await seqs();
  const watch = new PageWatch(stage, app, /page (\d+)/);
  process.kill(before.control, 'SIGKILL');
  await until(
    () => stage.pids().control !== before.control,
    15_000,
    () => `control is not back\n${stage.logs()}`,
  );
  await stage.inSync(app);
  await watch[Symbol.asyncDispose]();
  assert.deepEqual(watch.problems(), []);
  assert.equal((await theInstance()).pid, pid);
  assert.deepEqual({ ...stage.pids(), control: 0 }, { ...before, control: 0 });
  await deployNext();
  const seqsNow = await seqs();
  assert.deepEqual(seqsNow.slice(0, seqsBefore.length), seqsBefore);
  assert.ok(seqsNow.length > seqsBefore.length);
});

test('router killed: it is back with its routes, and no other process has changed', async () => {
  const before = stage.pids();
  const { pid } = await theInstance();
  process.kill(before.router, 'SIGKILL');
  await until(
    () => stage.pids().router !== before.router,
    15_000,
    () => 'the router is not back',
  );
  await serves();
  assert.equal((await theInstance()).pid, pid);
  assert.deepEqual({ ...stage.pids(), router: 0 }, { ...before, router: 0 });
  await deployNext();
});

test('agent killed: sites go on, and the next agent takes up instances, logs, control and router', async () => {
  const before = stage.pids();
  const { pid } = await theInstance();
  const watch = new PageWatch(stage, app, /page (\d+)/);
  await stage.killAgent();
  assert.equal((await stage.get(app, '/while-the-agent-was-away')).body, `page ${pages}`);
  assert.match((await stage.api(`/apps/${app}/status`)).body.why, /agent does not answer/);
  await stage.up();
  await stage.inSync(app);
  await watch[Symbol.asyncDispose]();
  assert.deepEqual(watch.problems(), []);
  assert.equal((await theInstance()).pid, pid);
  assert.deepEqual({ ...stage.pids(), agent: 0 }, { ...before, agent: 0 });
  assert.match(await log(), /asked for \/while-the-agent-was-away/);
  await deployNext();
});

test('A3: agent killed while it starts control again: the next one knows that control, and there is one', async () => {
  const controls = () =>
    leftOver(stage.home).flatMap((line) => (/\/main\/control\.ts /.test(line) ? Number(line.split(' ')[0]) : []));
  for (const pauseMs of [0, 100, 250]) {
    const before = stage.pids().control;
    process.kill(before, 'SIGKILL');
    await until(
      () => controls().some((pid) => pid !== before),
      15_000,
      () => 'control is not started again',
    );
    await sleep(pauseMs);
    await stage.killAgent();
    await stage.up();
    await stage.inSync(app);
    // One that the agent did not come to write down finds the home taken, and ends by itself.
    await until(
      () => controls().join() === `${stage.pids().control}`,
      15_000,
      () => `controls ${controls()}, known is ${stage.pids().control}`,
    );
    assert.equal((await stage.api('/apps')).status, 200);
  }
  await deployNext();
});

test('an instance that dies while the agent is away is started again by the next one', async () => {
  const { pid } = await theInstance();
  await stage.killAgent();
  process.kill(pid, 'SIGKILL');
  await until(
    () => !isAlive(pid),
    30_000,
    () => 'it lives',
  );
  await stage.up();
  await until(
    async () => {
      const [now] = (await stage.status(app)).instances;
      return now?.state === 'healthy' && now.pid !== pid;
    },
    20_000,
    () => 'it was not started again',
  );
  await serves();
});

test('with control and agent dead, a router that is killed too serves again from its snapshot; then all come back', async () => {
  const before = stage.pids();
  const { pid } = await theInstance();
  await stage.killAgent();
  process.kill(before.control, 'SIGKILL');
  process.kill(before.router, 'SIGKILL');
  await until(
    () => !isAlive(before.control) && !isAlive(before.router),
    30_000,
    () => 'they live',
  );
  await assert.rejects(stage.get(app));
  const alone = stage.spawn([process.execPath, join(root, 'src', 'main', 'router.ts'), '--port', String(stage.port)], {
    env: { LOCKSTEP_HOME: stage.home },
  });
  await serves();
  alone.child.kill('SIGKILL');
  await alone.ended;
  await stage.up();
  await serves();
  assert.equal((await theInstance()).pid, pid);
  const now = stage.pids();
  assert.ok(now.agent !== before.agent && now.control !== before.control && now.router !== before.router);
  await deployNext();
});

test('a second up on the same home is refused, and harms nothing', async () => {
  const before = stage.pids();
  const { pid } = await theInstance();
  const modes = () => ['run', 'logs', 'control', 'router'].map((name) => statSync(join(stage.home, name)).mode);
  const modesBefore = modes();
  for (const port of [String(stage.port), '0']) {
    const second = await stage.run([bin, 'up', '--json', '--home', stage.home, '--port', port]);
    assert.equal(second.code, 73, second.stderr);
    assert.match(second.stderr, /serves this home|uses this home/);
  }
  assert.deepEqual(modes(), modesBefore);
  assert.deepEqual(stage.pids(), before);
  assert.equal((await theInstance()).pid, pid);
  process.kill(before.control, 'SIGKILL');
  await until(
    () => stage.pids().control !== before.control,
    15_000,
    () => `control is not back\n${stage.logs()}\n${stage.upStderr}`,
  );
  await deployNext();
});

test('Ctrl-C ends everything that was started, and the next up serves the same release', async () => {
  const { release } = await stage.inSync(app);
  const { pid } = await theInstance();
  const pids = [...Object.values(stage.pids()), pid];
  assert.equal(await stage.down(), 0);
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual(leftOver(stage.home), []);
  assert.equal(existsSync(join(stage.home, 'run', 'up.json')), false);
  await stage.up();
  await serves();
  assert.deepEqual((await stage.inSync(app)).release, release);
});

test('a port that is taken: exit 73 with advice, and what was started is ended again', async () => {
  await stage.down();
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  try {
    const refused = await stage.run([bin, 'up', '--home', stage.home, '--port', String(port)]);
    assert.equal(refused.code, 73, refused.stderr);
    assert.match(refused.stderr, new RegExp(`port ${port}[^]*(--port|another port)`, 'i'));
    assert.deepEqual(leftOver(stage.home), []);
    const detached = await stage.run([bin, 'up', '--detach', '--home', stage.home, '--port', String(port)]);
    assert.equal(detached.code, 73, detached.stderr);
    assert.match(detached.stderr, new RegExp(`port ${port}`, 'i'));
    assert.deepEqual(leftOver(stage.home), []);
  } finally {
    other.close();
  }
});

test('Ctrl-C in the middle of a start leaves nothing behind', async () => {
  const sockets = ['agent.sock', 'router.sock', 'control.sock'];
  for (const name of sockets) {
    for (const one of sockets) rmSync(join(stage.home, 'run', one), { force: true });
    const { child, ended } = stage.spawn([bin, 'up', '--json', '--home', stage.home, '--port', String(stage.port)]);
    await until(
      () => existsSync(join(stage.home, 'run', name)) || child.exitCode !== null,
      20_000,
      () => `${name} does not come`,
    );
    child.kill('SIGINT');
    const { code } = await ended;
    assert.equal(code, 0);
    assert.deepEqual(leftOver(stage.home), []);
  }
});

test('--detach answers when it serves, and ends by SIGTERM to the pid that it tells', async () => {
  const started = await stage.run([
    bin,
    'up',
    '--detach',
    '--json',
    '--home',
    stage.home,
    '--port',
    String(stage.port),
  ]);
  assert.equal(started.code, 0, started.stderr);
  assert.equal(JSON.parse(started.stdout).url, stage.ready.url);
  await serves();
  const { pid } = JSON.parse(readFileSync(join(stage.home, 'run', 'up.json'), 'utf8'));
  process.kill(pid, 'SIGTERM');
  await until(
    () => leftOver(stage.home).length === 0,
    20_000,
    () => leftOver(stage.home).join('\n'),
  );
  await stage.up();
  await serves();
});

test('a home that no app could reach is refused with the remedy', { skip: process.getuid?.() !== 0 }, async () => {
  const closed = join(stage.folder, 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0o700);
  const refused = await stage.run([bin, 'up', '--home', join(closed, 'home'), '--port', '0']);
  assert.equal(refused.code, 78, refused.stderr);
  assert.match(refused.stderr, /is closed to other users/);
  assert.match(refused.stderr, /Choose a home elsewhere|chmod o\+x/);
});
