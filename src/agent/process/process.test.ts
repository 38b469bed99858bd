import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { until } from '../../../test/support/until.ts';
import { isFailure } from '../../domain/errors.ts';
import { defaultLimits, type Limits } from '../../domain/plan.ts';
import { run as runProgram } from '../../exec/exec.ts';
import { captureFifo, holdOpen } from './capture.ts';
import {
  type Cgroup,
  cgroupDirs,
  cgroupPids,
  detectCgroups,
  findCgroup,
  killCgroup,
  oomKills,
  openCgroup,
  removeCgroup,
} from './cgroup.ts';
import { type LaunchSpec, launch, launchCommand, makeFifo } from './launcher.ts';
import { lineSplitter } from './line-splitter.ts';
import { groupOf, identify, isAlive, listProcesses, parseStat, readProcess } from './proc.ts';
import { scrubbedEnv } from './scrubbed-env.ts';
import { terminate } from './terminate.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-process-'));
chmodSync(scratch, 0o755);
after(() => rmSync(scratch, { recursive: true, force: true }));
const root = process.getuid?.() === 0;
const support = detectCgroups();
let serial = 0;
const fresh = (name: string): string => join(scratch, `${name}-${++serial}`);

const spec = (script: string, more: Partial<LaunchSpec> = {}): LaunchSpec => ({
  argv: ['/bin/sh', '-c', script],
  cwd: '/',
  env: { PATH: '/usr/bin:/bin' },
  fifo: null,
  exitFile: null,
  cgroups: [],
  openFiles: null,
  fileBytes: null,
  limitArgv: [],
  identity: null,
  ...more,
});

/** Starts a script, reads its lines, and ends it with the test. */
async function run(t: TestContext, script: string, more: Partial<LaunchSpec> = {}) {
  const fifo = fresh('fifo');
  await makeFifo(fifo, more.identity?.uid ?? null);
  const lines: string[] = [];
  const sink = { line: (text: string) => void lines.push(text), dropped: () => {} };
  const capture = captureFifo(fifo, sink);
  const launched = await launch(spec(script, { fifo, ...more }));
  t.after(async () => {
    await terminate({ leader: launched, cgroup: null, mark: null, graceMs: 0 });
    capture.stop();
  });
  return { fifo, lines, sink, capture, launched };
}

function group(t: TestContext, limits: Partial<Limits>): Cgroup | null {
  const made = openCgroup(support, `test-${process.pid}-${++serial}`, { ...defaultLimits, ...limits }, 'app');
  if (made === null) t.skip('no writable cgroups here');
  else
    t.after(async () => {
      await killCgroup(made);
      await until('the cgroup goes', () => removeCgroup(made));
    });
  return made;
}

test('a stat line is read also when the comm holds parentheses and spaces', () => {
  const tail = Array.from({ length: 30 }, (_, index) => index + 100).join(' ');
  const stat = parseStat(`42 (a) S 1 (b) R 7 8 9 ${tail}\n`);
  assert.deepEqual(stat, { pid: 42, comm: 'a) S 1 (b', state: 'R', ppid: 7, pgid: 8, session: 9, startTicks: 115 });
  assert.equal(parseStat('nonsense'), null);
});

test('an identity is pid and start time, and a zombie is dead', async (t) => {
  const self = identify(process.pid)!;
  assert.ok(isAlive(self));
  assert.ok(!isAlive({ ...self, startTicks: self.startTicks - 1 }));
  // The shell becomes a sleep that never reaps its child.
  const { lines } = await run(t, 'sh -c "echo \\$\\$" & exec sleep 600');
  await until('the pid is told', () => lines.length > 0);
  const zombie = Number(lines[0]);
  await until('it is a zombie', () => / Z /.test(readFileSync(`/proc/${zombie}/stat`, 'utf8')));
  assert.equal(readProcess(zombie), null);
});

test('the command line is data: nothing is pasted into shell text', () => {
  const hostile = '$(touch /tmp/x); `id`';
  const { argv, env } = launchCommand(
    spec('', {
      argv: ['echo', hostile],
      identity: { uid: 7, gid: 8 },
      env: { A: hostile, LD_PRELOAD: '/x.so' },
      cgroups: ['/c/a', '/c/b'],
    }),
  );
  assert.match(argv[1]!, /launcher\.sh$/);
  const renaming = argv.indexOf('-c') + 1;
  assert.equal(argv[renaming], readFileSync(join(import.meta.dirname, 'late-env.sh'), 'utf8'));
  assert.deepEqual(argv.with(renaming, 'TEXT').toSpliced(1, 1), [
    '/bin/sh',
    '-',
    '-',
    '-',
    '-',
    '/c/a:/c/b',
    '--',
    '/usr/bin/setpriv',
    '--reuid=7',
    '--regid=8',
    '--clear-groups',
    '--no-new-privs',
    '--',
    '/bin/sh',
    '-c',
    'TEXT',
    'late-env.sh',
    '1',
    'echo',
    hostile,
  ]);
  assert.deepEqual(env, { A: hostile, LOCKSTEP_LATE_1: 'LD_PRELOAD=/x.so' });
});

test('output survives the reader: what was written without one is read by the next', async (t) => {
  const { fifo, lines, sink, capture, launched } = await run(
    t,
    'echo one; while [ ! -e "$GO" ]; do sleep 0.01; done; echo two; touch "$GO.done"; exec sleep 600',
    {
      env: { PATH: '/usr/bin:/bin', GO: fresh('go') },
    },
  );
  await until('the first line', () => lines.includes('one'));
  capture.stop();
  await capture.ended;
  const go = readFileSync(`/proc/${launched.pid}/environ`, 'utf8')
    .split('\0')
    .find((line) => line.startsWith('GO='))!
    .slice(3);
  await makeFifo(go, null); // anything that exists will do
  await until('it wrote without a reader', () => existsSync(`${go}.done`));
  assert.ok(isAlive(launched));
  const next = captureFifo(fifo, sink);
  await until('the second line', () => lines.includes('two'));
  await terminate({ leader: launched, cgroup: null, mark: null, graceMs: 10_000 });
  await next.ended; // the holders are gone
  assert.deepEqual(lines, ['one', 'two']);
});

test('lines are capped, made safe and counted when dropped', () => {
  const lines: string[] = [];
  let dropped = 0;
  let now = 0;
  const sink = {
    line: (text: string) => void lines.push(text),
    dropped: (bytes: number) => {
      dropped += bytes;
    },
  };
  const splitter = lineSplitter(
    sink,
    { lineBytes: 5, burstBytes: 20, bytesPerSecond: 20, linesPerSecond: 100 },
    () => now,
  );
  splitter.push(Buffer.from('ab'));
  splitter.push(Buffer.from('c\r\n1234567\n\x00\xff\x1b[0'));
  splitter.push(Buffer.from('\nover\nover\n'));
  now = 1000;
  splitter.push(Buffer.from('last'));
  splitter.end();
  assert.deepEqual([lines[0], lines[1], lines.at(-1)], ['abc', '12345', 'last']);
  assert.ok(!/[\x00-\x1f]/.test(lines.join('')));
  assert.ok(dropped > 2);
});

test('a job leaves its exit code, also when it was asked to stop', async (t) => {
  const exitFile = fresh('exit');
  const { launched } = await run(t, 'exit 7', { exitFile });
  await launched.exited;
  assert.equal(readFileSync(exitFile, 'utf8'), '7\n');
  const stopped = fresh('exit');
  const job = await run(t, 'trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done', { exitFile: stopped });
  await until('it is ready', () => job.lines.includes('ready'));
  assert.equal(await terminate({ leader: job.launched, cgroup: null, mark: null, graceMs: 10_000 }), 'term');
  assert.equal(readFileSync(stopped, 'utf8'), '9\n');
});

test('a shell that ignores SIGTERM and a daemon that left its session are killed whole', async (t) => {
  const mark = `LOCKSTEP_INSTANCE=test-${process.pid}`;
  const { lines, launched } = await run(
    t,
    `trap '' TERM; setsid sh -c 'trap "" TERM; echo $$; sleep 600' & sleep 600 & wait; sleep 600`,
    {
      env: { PATH: '/usr/bin:/bin', LOCKSTEP_INSTANCE: `test-${process.pid}` },
    },
  );
  await until('the daemon tells its pid', () => lines.length > 0);
  const daemon = identify(Number(lines[0]))!;
  assert.ok(
    groupOf(launched).every(({ pid }) => pid !== daemon.pid),
    'the daemon left the session',
  );
  assert.equal(await terminate({ leader: launched, cgroup: null, mark, graceMs: 50 }), 'kill');
  assert.ok(!isAlive(launched) && !isAlive(daemon));
  assert.deepEqual(groupOf(launched), []);
});

test('a cgroup finds what escaped the session and has no mark', async (t) => {
  const cgroup = group(t, {});
  if (cgroup === null) return;
  const { lines, launched } = await run(t, `setsid env -i /bin/sh -c 'echo $$; /bin/sleep 600' & exec sleep 600`, {
    cgroups: cgroupDirs(cgroup),
  });
  await until('the daemon tells its pid', () => lines.length > 0);
  assert.ok(cgroupPids(cgroup).includes(Number(lines[0])));
  await terminate({ leader: launched, cgroup, mark: null, graceMs: 10_000 });
  assert.deepEqual(cgroupPids(cgroup), []);
});

test('a memory limit that kills is seen as out of memory', async (t) => {
  const cgroup = group(t, { memoryBytes: 32 * 1024 * 1024 });
  if (cgroup === null || cgroup.dirs.memory === undefined) return;
  const exitFile = fresh('exit');
  const { launched } = await run(t, '', {
    argv: [process.execPath, '-e', 'const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1));'],
    exitFile,
    cgroups: cgroupDirs(cgroup),
  });
  await launched.exited;
  assert.equal(readFileSync(exitFile, 'utf8'), '137\n');
  assert.ok(oomKills(cgroup) > 0);
});

test('the identity changes and cannot come back', { skip: root ? false : 'not root' }, async (t) => {
  const { lines, fifo } = await run(
    t,
    'id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; echo out >/dev/stdout; exec sleep 600',
    { identity: { uid: 54321, gid: 54322 } },
  );
  await until('it spoke', () => lines.length >= 5);
  assert.deepEqual(lines, ['54321', '54322', '54322', 'NoNewPrivs:\t1', 'out']);
  assert.equal(statSync(fifo).mode & 0o777, 0o600);
  assert.ok(listProcesses().length > 0);
});

test('a cgroup that cannot be entered stops the start', async (t) => {
  const { launched, lines } = await run(t, 'echo ran', { cgroups: [fresh('nowhere')] });
  assert.equal((await launched.exited).code, 125);
  assert.ok(!lines.includes('ran'));
});

test('version 2 has one group for all limits, and a look for one that is to go sets none', () => {
  const place = fresh('cgroups');
  mkdirSync(place);
  for (const name of ['cgroup.controllers', 'cgroup.subtree_control']) writeFileSync(join(place, name), '');
  const two = detectCgroups(place);
  assert.deepEqual([two.version, two.enforceable, two.why], [2, ['memory', 'cpu', 'pids'], []]);
  assert.equal(readFileSync(join(place, 'lockstep', 'cgroup.subtree_control'), 'utf8'), '+pids');
  const found = findCgroup(two, 'ins_1')!;
  const dir = join(place, 'lockstep', 'ins_1');
  assert.deepEqual([cgroupDirs(found), existsSync(dir), oomKills(found), cgroupPids(found)], [[dir], false, 0, []]);
  assert.equal(removeCgroup(found), true);
  const made = openCgroup(two, 'ins_1', { ...defaultLimits, memoryBytes: 64, cpus: 1.5, pids: 7 }, 'app')!;
  const text = (name: string) => readFileSync(join(dir, name), 'utf8');
  assert.deepEqual(['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max'].map(text), [
    '64',
    '0',
    '150000 100000',
    '7',
  ]);
  assert.equal(text('cpu.weight'), '100');
  openCgroup(two, 'ins_1', { ...defaultLimits, cpus: null }, 'job');
  assert.deepEqual([text('cpu.max'), text('cpu.weight')], ['max 100000', '25']);
  writeFileSync(join(dir, 'memory.events'), 'low 0\noom 2\noom_kill 3\noom_group_kill 1\n');
  writeFileSync(join(dir, 'cgroup.procs'), `${process.pid}\n999999999\n`);
  assert.deepEqual([oomKills(made), cgroupPids(made)], [3, [process.pid]]);
});

test("another user's cgroups are not taken for ours", { skip: root ? false : 'not root' }, async () => {
  const place = fresh('cgroups');
  mkdirSync(join(place, 'pids', 'lockstep'), { recursive: true });
  writeFileSync(join(place, 'pids', 'cgroup.procs'), '');
  assert.deepEqual(detectCgroups(place).enforceable, ['pids']);
  const module = new URL('./cgroup.ts', import.meta.url).href;
  const asked = await runProgram(
    [
      ...[process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e'],
      // Loaded as root: the checkout may lie where nobody else can read it.
      `import { detectCgroups } from ${JSON.stringify(module)};
       process.setgroups([]); process.setgid(54322); process.setuid(54321);
       console.log(JSON.stringify(detectCgroups(process.argv[1])));`,
      place,
    ],
    { env: { PATH: '/usr/bin:/bin' }, cwd: '/' },
  );
  assert.equal(asked.code, 0, asked.stderr);
  const found = JSON.parse(asked.stdout) as ReturnType<typeof detectCgroups>;
  assert.deepEqual([found.version, found.enforceable, found.why.length], [null, [], 3]);
});

test('the environment is what was declared and nothing of ours', () => {
  const env = scrubbedEnv({ A: '1', HOME: '/root' }, { path: ['/usr/bin', '/bin'], home: '/h', tmp: '/t' });
  assert.deepEqual(env, { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', A: '1', HOME: '/h', TMPDIR: '/t' });
  assert.throws(
    () => scrubbedEnv({ 'A=B': '1' }, { path: [], home: '/h', tmp: '/t' }),
    (error) => isFailure(error, 'bad-env'),
  );
});

test('output that nobody ever began ends when nobody can begin it any more', async () => {
  const fifo = fresh('fifo');
  await makeFifo(fifo, null);
  const { ended } = captureFifo(fifo, { line: () => {}, dropped: () => {} });
  holdOpen(fifo)();
  await ended;
});
