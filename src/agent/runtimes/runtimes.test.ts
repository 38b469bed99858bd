import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { baseImage, engineSocket, isOwnEngine } from '../../../test/support/engine.ts';
import { type InstanceId, makeId, parseImageId } from '../../domain/ids.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { engineAt } from '../engine/engine.ts';
import { detectCgroups } from '../process/cgroup.ts';
import { makeFifo } from '../process/launcher.ts';
import type { ContainerStart } from './docker/container-spec.ts';
import { type DockerRuntime, dockerRuntime } from './docker/docker-runtime.ts';
import { type FakeWorld, fakeRuntime, fakeWorld } from './fake.ts';
import { processRuntime } from './process/process-runtime.ts';
import type { Runtime, StartSpec } from './runtime.ts';

/** What the contract asks of every runtime: programs by what they do, and a second runtime as a second agent has it. */
type Subject = {
  name: string;
  open(): Promise<{ first: Runtime; second: Runtime }>;
  argv: Record<'stays' | 'says and ends' | 'ignores', readonly string[]>;
  /** As many processes as one program is. */
  processes: number;
  /** null: none, and the test is skipped by name. */
  container?: () => Promise<ContainerStart>;
};

const folder = await mkdtemp(join(tmpdir(), 'lockstep-runtimes-'));
await chmod(folder, 0o711);
after(() => rm(folder, { recursive: true, force: true }));

const [app, node] = [makeId('app', Date.now(), randomBytes(16)), makeId('nod', Date.now(), randomBytes(16))];
const opened: DockerRuntime[] = [];

const programs: FakeWorld['programs'] = {
  stays: () => ({ heedsTerm: true }),
  says: ({ print, exit }) => {
    print('one');
    print('two');
    exit(3);
    return { heedsTerm: true };
  },
  ignores: ({ print }) => {
    print('deaf');
    return { heedsTerm: false };
  },
};

const subjects: Subject[] = [
  {
    name: 'fake',
    async open() {
      const world = fakeWorld(programs);
      return { first: fakeRuntime(world), second: fakeRuntime(world) };
    },
    argv: { stays: ['stays'], 'says and ends': ['says'], ignores: ['ignores'] },
    processes: 1,
  },
  {
    name: 'process',
    async open() {
      const parts = { pipeFolder: join(folder, 'pipes'), makePipe: makeFifo, cgroups: detectCgroups() };
      return { first: processRuntime(parts), second: processRuntime(parts) };
    },
    argv: {
      stays: ['/bin/sleep', '600'],
      'says and ends': ['/bin/sh', '-c', 'echo one; echo two; exit 3'],
      ignores: ['/bin/sh', '-c', "trap '' TERM; echo deaf; while :; do sleep 0.05; done"],
    },
    processes: 1,
  },
  {
    name: 'docker',
    async open() {
      const parts = { engine: engineAt(engineSocket!), node, folder: join(folder, 'containers'), onAgain: () => {} };
      const [first, second] = [dockerRuntime(parts), dockerRuntime(parts)];
      opened.push(first, second);
      return { first, second };
    },
    argv: {
      stays: ['/bin/sleep', '600'],
      'says and ends': ['/bin/sh', '-c', 'echo one; echo two; exit 3'],
      ignores: ['/bin/sh', '-c', "trap '' TERM; echo deaf; while :; do sleep 0.05; done"],
    },
    // The engine's own first one, and the program.
    processes: 2,
    async container() {
      const tag = await baseImage('debian');
      const { body } = await engineAt(engineSocket!).ask('GET', `/images/${tag}/json`);
      const image = parseImageId((body as { Id: string }).Id)!;
      return { app, image, user: null, groups: [], isConfined: false, isOwnInit: false, mounts: [] };
    },
  },
];

after(async () => {
  if (opened.length > 0) await opened[0]!.removeApp(app);
  for (const one of opened) one[Symbol.dispose]();
});

const specOf = async (argv: readonly string[], container?: Subject['container']): Promise<StartSpec> => {
  const id: InstanceId = makeId('ins', Date.now(), randomBytes(16));
  const env = { PATH: '/usr/bin:/bin', LOCKSTEP_INSTANCE: id };
  return { id, argv, env, cwd: '/', limits: defaultLimits, identity: null, container: (await container?.()) ?? null };
};

const collector = () => {
  const lines: string[] = [];
  return { lines, sink: { line: (text: string) => void lines.push(text), dropped: () => {} } };
};

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !condition(); await pause(5))
    if (performance.now() > end) throw new Error('never');
}

for (const { name, open, argv, processes, container } of subjects) {
  const newSpec = (words: readonly string[]) => specOf(words, container);
  const skip =
    container !== undefined && !isOwnEngine ? 'no engine of its own: LOCKSTEP_TEST_ENGINE=install npm test' : false;
  test(`${name}: output and exit code are told, and nothing is left`, { skip }, async () => {
    const { first } = await open();
    const spec = await newSpec(argv['says and ends']);
    const { lines, sink } = collector();
    const running = await first.start(spec, sink);
    assert.deepEqual(await running.exited, { code: 3, signal: null, isOutOfMemory: false });
    await running.outputEnded;
    assert.deepEqual(lines, ['one', 'two']);
    assert.equal(await running.stop(0), 'term');
    assert.deepEqual(running.pids(), []);
    await first.clean(spec.id);
    assert.equal(await first.adopt(spec.id, running, spec.limits, sink), null);
  });

  test(`${name}: a stop is asked for politely first, and then not`, { skip }, async () => {
    const { first } = await open();
    const polite = await newSpec(argv.stays);
    const one = await first.start(polite, collector().sink);
    assert.equal(await one.stop(5000), 'term');
    assert.equal((await one.exited).signal, 'SIGTERM');
    const deaf = await newSpec(argv.ignores);
    const { lines, sink } = collector();
    const two = await first.start(deaf, sink);
    await until(() => lines.includes('deaf'));
    assert.equal(await two.stop(30), 'kill');
    assert.deepEqual(two.pids(), []);
    for (const { id } of [polite, deaf]) await first.clean(id);
  });

  test(`${name}: of one that is killed before it could do anything, the output ends too`, { skip }, async () => {
    const { first } = await open();
    // Ten, since it is a matter of who is quicker.
    for (let count = 0; count < 10; count += 1) {
      const spec = await newSpec(argv.stays);
      const running = await first.start(spec, collector().sink);
      await running.stop(0);
      await running.exited;
      await running.outputEnded;
      await first.clean(spec.id);
    }
  });

  test(`${name}: what one runtime leaves another adopts, with its output and its end`, { skip }, async () => {
    const { first, second } = await open();
    const spec = await newSpec(argv.stays);
    const one = await first.start(spec, collector().sink);
    await until(() => one.pids().length === processes);
    one.leave();
    assert.equal(
      await second.adopt(
        spec.id,
        // Another process by the same number: the next number may be somebody's who began in the same moment.
        { pid: one.pid, startTicks: one.startTicks + 1 },
        spec.limits,
        collector().sink,
      ),
      null,
    );
    const two = await second.adopt(
      spec.id,
      { pid: one.pid, startTicks: one.startTicks },
      spec.limits,
      collector().sink,
    );
    assert.equal(two?.pid, one.pid);
    assert.ok(two?.pids().includes(one.pid));
    assert.equal(two?.pids().length, processes);
    assert.equal(two?.usage().processes, processes);
    await two?.stop(5000);
    await two?.exited;
    await second.clean(spec.id);
  });

  test(`${name}: an instance of which only the id is known is swept`, { skip }, async () => {
    const { first, second } = await open();
    const spec = await newSpec(argv.ignores);
    const { lines, sink } = collector();
    const one = await first.start(spec, sink);
    await until(() => lines.includes('deaf'));
    await second.sweep(spec.id);
    assert.deepEqual(one.pids(), []);
    await one.exited;
    await second.clean(spec.id);
  });
}
