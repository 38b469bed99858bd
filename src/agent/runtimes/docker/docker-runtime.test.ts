// The container runtime on a real engine, beyond the contract that every runtime keeps: limits, the end of a container in each way, and its log
// across restarts.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { baseImage, engineTest } from '../../../../test/support/engine.ts';
import { type ImageId, type InstanceId, makeId, parseImageId } from '../../../domain/ids.ts';
import { defaultLimits, type Limits } from '../../../domain/plan.ts';
import { engineAt } from '../../engine/engine.ts';
import type { Running, StartSpec } from '../runtime.ts';
import type { ContainerStart } from './container-spec.ts';
import { type DockerRuntime, dockerRuntime } from './docker-runtime.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-docker-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const [app, node] = [makeId('app', Date.now(), randomBytes(16)), makeId('nod', Date.now(), randomBytes(16))];

type Started = {
  spec: StartSpec;
  running: Running;
  lines: string[];
  sink: { line(text: string): void; dropped(): void };
};

/** A runtime whose containers are gone with the test. */
async function world(socket: string, context: TestContext) {
  const engine = engineAt(socket);
  const open = (): DockerRuntime => {
    const runtime = dockerRuntime({ engine, node, folder: join(folder, 'positions'), onAgain: () => {} });
    opened.push(runtime);
    return runtime;
  };
  const opened: DockerRuntime[] = [];
  const started: InstanceId[] = [];
  const runtime = open();
  context.after(async () => {
    await Promise.all(started.map((id) => runtime.clean(id)));
    await runtime.removeApp(app);
    for (const one of opened) one[Symbol.dispose]();
  });
  const tag = await baseImage('debian');
  const { body } = await engine.ask('GET', `/images/${tag}/json`);
  const image = parseImageId((body as { Id: string }).Id)!;
  const start = async (
    shell: string | readonly string[],
    limits: Partial<Limits> = {},
    container: Partial<ContainerStart> = {},
  ): Promise<Started> => {
    const id = makeId('ins', Date.now(), randomBytes(16));
    const spec: StartSpec = {
      ...{ id, env: { LOCKSTEP_INSTANCE: id, GREETING: 'hello' }, cwd: '', identity: null },
      argv: typeof shell === 'string' ? ['/bin/sh', '-c', shell] : shell,
      limits: { ...defaultLimits, ...limits },
      container: { app, image, user: null, groups: [], isConfined: false, isOwnInit: false, mounts: [], ...container },
    };
    const lines: string[] = [];
    const sink = { line: (text: string) => void lines.push(text), dropped: () => {} };
    started.push(id);
    return { spec, running: await runtime.start(spec, sink), lines, sink };
  };
  return { engine, runtime, open, start, image };
}

async function until(isSo: () => boolean, what: () => unknown = () => ''): Promise<void> {
  for (const endMs = performance.now() + 20_000; !isSo(); await pause(5))
    assert.ok(performance.now() < endMs, JSON.stringify(what()));
}

const ended = async ({ running, lines }: Started) => {
  const exit = await running.exited;
  await running.outputEnded;
  return { ...exit, lines };
};

engineTest('what it may not have more of, it does not get', { own: true }, async (socket, context) => {
  const { start } = await world(socket, context);
  const memory = await ended(await start('exec tail /dev/zero', { memoryBytes: 32 << 20 }));
  assert.equal(memory.isOutOfMemory, true);
  const child = await start('tail /dev/zero; echo on; exec sleep 600', { memoryBytes: 32 << 20 });
  await until(() => child.lines.includes('on'));
  assert.equal(child.running.oomKills(), 1);
  assert.ok(child.running.usage().memoryBytes < 32 << 20);
  const many = await start('( for i in 1 2 3 4 5 6 7 8 9; do sleep 600 & done ); exec sleep 600', { pids: 6 });
  const told: string[] = [];
  await until(
    () => told.push(...many.running.look()) > 0,
    () => many.lines,
  );
  assert.deepEqual([...new Set(told)], ['processes']);
});

engineTest(
  'our own images can write nothing but their folders, and nobody gains a privilege',
  { own: true },
  async (socket, context) => {
    const { start } = await world(socket, context);
    const words =
      'echo $GREETING; id -u; touch /x || echo read-only; touch /data/x && echo mine; grep -E "CapEff|NoNewPrivs" /proc/self/status';
    const data = mkdtempSync(join(folder, 'data-'));
    const mounts = [{ from: data, to: '/data' }];
    const ours = await ended(await start(words, {}, { isConfined: true, user: '0:0', mounts }));
    assert.deepEqual(
      ours.lines.filter((line) => !/^touch/.test(line)),
      [...['hello', '0', 'read-only', 'mine', 'CapEff:\t0000000000000000', 'NoNewPrivs:\t1']],
    );
    const theirs = await ended(await start(words, {}, { mounts }));
    assert.ok(theirs.lines.includes('CapEff:\t00000000000004eb'), theirs.lines.join('\n'));
    assert.ok(!theirs.lines.includes('read-only'));
  },
);

engineTest(
  'a log is read on where the last reader stopped, whatever is said meanwhile',
  { own: true },
  async (socket, context) => {
    const { start, open } = await world(socket, context);
    const shell =
      'n=0; while [ $n -lt 400 ]; do echo line $n; echo err $n >&2; n=$((n+1)); sleep 0.005; done; exec sleep 600';
    const one = await start(shell);
    const said: string[] = one.lines;
    let running = one.running;
    for (const count of [100, 300]) {
      await until(() => said.length >= count);
      running.leave();
      await running.outputEnded;
      await pause(100); // what it says while nobody reads
      const next = await open().adopt(one.spec.id, running, one.spec.limits, one.sink);
      assert.ok(next);
      running = next;
    }
    await until(
      () => said.includes('line 399') && said.includes('err 399'),
      () => said.length,
    );
    const numbers = (word: string) =>
      said.filter((line) => line.startsWith(word)).map((line) => Number(line.split(' ')[1]));
    for (const word of ['line', 'err'])
      assert.deepEqual(
        numbers(word),
        Array.from({ length: 400 }, (_, index) => index),
      );
    await running.stop(0);
  },
);

engineTest(
  'lines of any length, and the last words of one that ended while nobody was there',
  { own: true },
  async (socket, context) => {
    const { start, open } = await world(socket, context);
    const long = await ended(await start('head -c 50000 /dev/zero | tr "\\0" x; echo; printf unfinished'));
    assert.deepEqual(
      long.lines.map((line) => line.length),
      [50_000, 10],
    );
    const gone = await start('echo first; sleep 0.5; echo last; exit 4');
    await until(() => gone.lines.length > 0);
    gone.running.leave();
    await gone.running.outputEnded;
    await until(() => gone.running.pids().length === 0);
    assert.equal(await open().adopt(gone.spec.id, gone.running, gone.spec.limits, gone.sink), null);
    assert.deepEqual(gone.lines, ['first', 'last']);
  },
);

engineTest(
  'J2: a container that is killed or removed behind our back has ended, and its instance starts again with no second one',
  { own: true },
  async (socket, context) => {
    const { start, runtime, engine } = await world(socket, context);
    const one = await start(['/bin/sleep', '600']);
    const ofOne = async () => {
      const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.instance=${one.spec.id}`] }));
      return (await engine.ask('GET', `/containers/json?all=1&filters=${filters}`)).body as {
        Id: string;
        State: string;
      }[];
    };
    const [before] = await ofOne();
    await engine.ask('DELETE', `/containers/${before!.Id}?force=1`);
    assert.equal((await one.running.exited).isOutOfMemory, false);
    await one.running.outputEnded;
    const again = await runtime.start(one.spec, one.sink);
    const twice = await runtime.start(one.spec, one.sink);
    assert.equal((await again.exited).signal, 'SIGKILL');
    assert.deepEqual(
      (await ofOne()).map(({ State }) => State),
      ['running'],
    );
    await twice.stop(0);
  },
);

engineTest(
  'J2: a network that was removed is made again; what is not there is named',
  { own: true },
  async (socket, context) => {
    const { start, engine, runtime } = await world(socket, context);
    const one = await start(['/bin/sleep', '600']);
    assert.match(one.running.place!.host, /^\d+\.\d+\.\d+\.\d+$/);
    await one.running.stop(0);
    await runtime.clean(one.spec.id);
    const { body } = await engine.ask(
      'GET',
      `/networks?filters=${encodeURIComponent(JSON.stringify({ label: [`io.lockstep.app=${app}`] }))}`,
    );
    for (const { Id } of body as { Id: string }[]) await engine.ask('DELETE', `/networks/${Id}`);
    const two = await start(['/bin/sleep', '600']);
    assert.ok(two.running.place);
    await two.running.stop(0);
    const absent = `sha256:${'0'.repeat(64)}` as ImageId;
    await assert.rejects(start(['/bin/true'], {}, { image: absent }), {
      code: 'bad-config',
      details: { lacks: ['image'] },
    });
    // Only without the engine's own first process, which says it itself and ends with 127.
    await assert.rejects(start(['/no/such'], {}, { isOwnInit: true }), {
      code: 'bad-config',
      message: /not found in the image: \/no\/such/,
    });
    await assert.rejects(runtime.factsOf(absent), { details: { lacks: ['image'] } });
    assert.deepEqual((await runtime.found())?.networks, [app]);
  },
);
