// The router as a process: what it says first, what it boots from, how it gives up root, and how it ends.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from '../domain/route.ts';
import { createRouterClient } from './client.ts';
import { routerNodeFlags } from './node-flags.ts';
import { SnapshotFile } from './snapshot-file.ts';
import { ask, rawClient, routeOf, snapshotOf } from './test-router.ts';

const program = join(import.meta.dirname, '..', 'main', 'router.ts');
const isRoot = process.getuid?.() === 0;

type Ready = { event: string; port: number; generation: number; pid: number; ms: number };

async function place() {
  const home = await mkdtemp(join(tmpdir(), 'lockstep-router-'));
  await chmod(home, 0o711);
  const children: ChildProcess[] = [];
  const servers: Server[] = [];
  const env: Record<string, string> = { LOCKSTEP_HOME: home };
  const start = (...argv: string[]) => {
    const child = spawn(process.execPath, [...routerNodeFlags, program, ...argv], {
      env,
      stdio: 'pipe',
    });
    children.push(child);
    let error = '';
    child.stderr.on('data', (chunk) => (error += chunk));
    return { child, exited: once(child, 'close').then(([code]) => ({ code: code as number, error })) };
  };
  return {
    home,
    env,
    snapshotFile: join(home, 'router', 'snapshot.json'),
    client: createRouterClient(join(home, 'run', 'router.sock')),
    start,
    /** Starts it on a free port and reads its first line. */
    async serve(...argv: string[]) {
      const { child, exited } = start('--port', '0', ...argv);
      const lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value ?? '{}') as Record<string, unknown>;
      return { child, exited, ready: (await next()) as Ready, next };
    },
    async upstream(listener: RequestListener) {
      const server = createServer(listener);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return { instanceId: 'a', host: '127.0.0.1', port: (server.address() as AddressInfo).port } as Upstream;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      for (const child of children) {
        const isOver = child.exitCode !== null || child.signalCode !== null;
        if (!isOver && child.kill('SIGKILL')) await once(child, 'close');
      }
      await rm(home, { recursive: true, force: true });
    },
  };
}

test('E5: its first line says that it is ready and where; it serves from its snapshot alone, also after a kill', async (context) => {
  await using here = await place();
  const at = await here.upstream((_request, response) => response.end('app'));
  await mkdir(dirname(here.snapshotFile), { recursive: true });
  await new SnapshotFile(here.snapshotFile).save(snapshotOf(7, [routeOf({ upstreams: [at] })]));
  for (const round of ['first', 'after SIGKILL']) {
    const startedAt = performance.now();
    const router = await here.serve();
    context.diagnostic(
      `${round}: ready after ${Math.round(performance.now() - startedAt)} ms of which ${router.ready.ms}`,
    );
    assert.deepEqual([router.ready.event, router.ready.generation, router.ready.pid], ['ready', 7, router.child.pid]);
    assert.equal((await ask(router.ready.port, '/')).body, 'app');
    assert.equal((await here.client.hello()).generation, 7);
    assert.equal(statSync(join(here.home, 'run', 'router.sock')).mode & 0o777, 0o600);
    router.child.kill('SIGKILL');
    await router.exited;
  }
});

test('E5: killed before or after a table is on disk, it comes back with the one before or the new one, whole', async () => {
  for (const [point, expected] of [
    ['router.before-persist', 1],
    ['router.before-swap', 2],
  ] as const) {
    await using here = await place();
    await mkdir(dirname(here.snapshotFile), { recursive: true });
    await new SnapshotFile(here.snapshotFile).save(snapshotOf(1, [routeOf({ state: 'stopped' })]));
    here.env.LOCKSTEP_FAILPOINTS = `${point}=kill`;
    const router = await here.serve();
    await assert.rejects(here.client.putSnapshot(snapshotOf(2, [])), { code: 'router-away' });
    await router.exited;
    here.env.LOCKSTEP_FAILPOINTS = '';
    assert.equal((await here.serve()).ready.generation, expected);
  }
});

test('E6: with a damaged snapshot it serves the one before, and raises an alarm after its first line', async () => {
  await using here = await place();
  await mkdir(dirname(here.snapshotFile), { recursive: true });
  await new SnapshotFile(here.snapshotFile).save(snapshotOf(1, [routeOf({ state: 'stopped' })]));
  await new SnapshotFile(here.snapshotFile).save(snapshotOf(2, []));
  await writeFile(here.snapshotFile, 'damaged');
  const router = await here.serve();
  assert.equal(router.ready.generation, 1);
  assert.match(String((await router.next()).message), /damaged, the previous ones serve/);
  assert.match(String((await here.client.hello()).alarm), /damaged, the previous ones serve/);
  assert.equal((await ask(router.ready.port, '/')).headers['x-lockstep-code'], 'L06');
  await here.client.putSnapshot(snapshotOf(2, []));
  assert.equal((await here.client.hello()).generation, 2);
});

test('SIGTERM lets what is in flight end, takes nothing new, closes idle connections and exits with 0', async () => {
  await using here = await place();
  const held = Promise.withResolvers<() => void>();
  const at = await here.upstream((_request, response) => held.resolve(() => response.end('whole')));
  const router = await here.serve();
  await here.client.putSnapshot(snapshotOf(1, [routeOf({ upstreams: [at] })]));
  const idle = rawClient(router.ready.port);
  idle.socket.write('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n');
  await idle.until(/L03/);
  const busy = rawClient(router.ready.port);
  busy.socket.write('GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n');
  const end = await held.promise;
  router.child.kill('SIGTERM');
  await idle.closed();
  await assert.rejects(ask(router.ready.port, '/'), /ECONNREFUSED|ECONNRESET/);
  end();
  assert.match(await busy.closed(), /connection: close[\s\S]*whole/i);
  assert.equal((await router.exited).code, 0);
});

test('it goes on when whoever read its log has gone', async () => {
  await using here = await place();
  const router = await here.serve();
  router.child.stdout!.destroy();
  for (let round = 0; round < 3; round += 1)
    assert.equal((await ask(router.ready.port, '/')).headers['x-lockstep-code'], 'L01');
  router.child.kill('SIGTERM');
  assert.equal((await router.exited).code, 0);
});

test('a port that is taken is a clear message and exit 73, and the router that serves there is not touched', async () => {
  await using here = await place();
  const other = createNetServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const refused = await here.start('--port', String(port)).exited;
  assert.equal(refused.code, 73);
  assert.match(refused.error, new RegExp(`Port ${port} of 127.0.0.1 is taken.*--port`));
  other.close();
  const router = await here.serve();
  const second = await here.start('--port', '0').exited;
  assert.equal(second.code, 73);
  assert.match(second.error, /Another router serves/);
  assert.equal((await here.client.hello()).pid, router.child.pid);
});

test('a table is answered and in force before the disk has it, and a router that is killed there comes back with it', async () => {
  await using here = await place();
  const points = join(here.home, 'points');
  await mkdir(points);
  const upstream = await here.upstream((_request, response) => response.end('new'));
  here.env.LOCKSTEP_FAILPOINTS = `@${points}`;
  const armed = await here.serve();
  for (const generation of [1, 2, 3])
    await here.client.putSnapshot(snapshotOf(generation, [routeOf({ state: 'stopped' })]));
  // The first is written whole; the others are synced behind their answers.
  const syncs = () => readFileSync(join(points, 'passed.router'), 'utf8').match(/^listFile\.sync:.*:before$/gm) ?? [];
  for (const end = performance.now() + 20_000; syncs().length < 2 && performance.now() < end; ) await sleep(5);
  const [sync] = syncs();
  await writeFile(join(points, 'plan.router'), `plan of a test\nkill 1 ${sync}\n`);
  const fourth = snapshotOf(4, [routeOf({ upstreams: [upstream] })]);
  assert.deepEqual(await here.client.putSnapshot(fourth), { generation: 4 });
  await Promise.race([armed.exited, sleep(20_000, undefined, { ref: false })]);
  assert.equal(armed.child.signalCode, 'SIGKILL', `at ${sync}`);
  const next = await here.serve();
  assert.equal(next.ready.generation, 4);
  assert.equal((await ask(next.ready.port, '/')).body, 'new');
});

test('settings that are none are told, with exit 64', async () => {
  await using here = await place();
  for (const argv of [['--port', 'x'], ['--uid', 'root'], ['--nonsense']]) {
    const { code, error } = await here.start(...argv).exited;
    assert.equal(code, 64, argv.join(' '));
    assert.match(error, /^lockstep router: .+\n$/);
  }
});

test('it gives up root after the bind, and can still keep its routes', { skip: !isRoot && 'needs root' }, async () => {
  await using here = await place();
  const router = await here.serve('--uid', '65534', '--gid', '65534');
  const status = readFileSync(`/proc/${router.child.pid}/status`, 'utf8');
  assert.match(status, /^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
  assert.match(status, /^Gid:\s+65534\s+65534\s+65534\s+65534$/m);
  assert.match(status, /^Groups:\s+65534\s*$/m);
  assert.match(status, /^CapEff:\s+0+$/m);
  for (const generation of [1, 2]) await here.client.putSnapshot(snapshotOf(generation, []));
  assert.equal(statSync(here.snapshotFile).uid, 65534);
  router.child.kill('SIGTERM');
  assert.equal((await router.exited).code, 0);
  assert.equal((await here.serve('--uid', '65534', '--gid', '65534')).ready.generation, 2);
});

test('a home that the new user cannot reach is named before anything is served', {
  skip: !isRoot && 'needs root',
}, async () => {
  await using here = await place();
  await chmod(here.home, 0o700);
  const { code, error } = await here.start('--port', '0', '--uid', '65534', '--gid', '65534').exited;
  assert.equal(code, 78);
  assert.match(error, /User 65534 cannot reach .*chmod o\+x/);
});

test('it loads nothing but Node and a few files of ours', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const walk = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (?!type )[^;]*?from '([^']+)';/gms,
    )) {
      if (from!.startsWith('.')) walk(join(dirname(file), from!));
      else if (!from!.startsWith('node:')) packages.add(from!);
    }
  };
  walk(program);
  const rooms = new Set([...seen].map((file) => relative(join(import.meta.dirname, '..'), file).split('/')[0]));
  assert.ok(existsSync(program) && seen.size > 10);
  assert.deepEqual([...packages], []);
  assert.deepEqual([...rooms].sort(), ['config', 'domain', 'lib', 'main', 'router']);
});
