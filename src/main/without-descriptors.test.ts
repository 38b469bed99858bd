// A process that has no descriptor left sees nothing, and declares nobody dead or silent for it. These are the looks by which the
// agent ends or starts others; C6 (`test/descriptors.test.ts`) is the same on a whole Lockstep, which need not come to each of them.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, readProcess } from '../agent/process/proc.ts';
import { terminate } from '../agent/process/terminate.ts';
import { untilGone } from '../agent/process/until-gone.ts';
import { readConfig } from '../config/config.ts';
import { Neighbour } from './neighbour.ts';
import { probeNeighbour } from './neighbour-probe.ts';
import { writeRecord } from './neighbour-record.ts';
import { programRoot, programVersion } from './version.ts';

function limit(files: number): void {
  execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${files}:`], { stdio: 'pipe' });
}

/** This process has no descriptor left, until it is disposed of. */
function starved(): Disposable {
  limit(readdirSync('/proc/self/fd').length + 64); // enough to start a program with, once they are let go
  const held: number[] = [];
  const fill = (): void => {
    try {
      for (;;) held.push(openSync('/dev/null', 'r'));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
    }
  };
  fill();
  // What was open at the beginning may be closed meanwhile.
  const again = setInterval(fill, 1);
  return {
    [Symbol.dispose]() {
      clearInterval(again);
      for (const one of held.splice(0)) closeSync(one);
      limit(1024);
    },
  };
}

function start(...argv: [string, ...string[]]): ChildProcess & Disposable {
  const child = spawn(argv[0], argv.slice(1), { detached: true, stdio: 'ignore' });
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') });
}

test('a process that cannot be looked at is not dead, and its end is seen when it can be', async () => {
  using child = start('sleep', '100');
  const known = identify(child.pid!)!;
  const over = new AbortController();
  let isGone = false;
  const gone = untilGone({ process: known, outputEnded: null, lookMs: 5, signal: over.signal }).then((said) => {
    isGone = said;
  });
  {
    using _none = starved();
    assert.throws(() => readProcess(known.pid), { code: 'EMFILE' });
    assert.equal(isAlive(known), true);
    assert.equal(isAlive({ pid: 2 ** 30, startTicks: 0 }), false);
    assert.equal(identify(known.pid), null);
    await sleep(100); // twenty looks
    assert.equal(isGone, false);
  }
  child.kill('SIGKILL');
  await gone;
  assert.equal(isGone, true);
  assert.equal(isAlive(known), false);
});

test('who is to end is asked to as soon as it can be seen, and is not killed instead', async () => {
  using child = start('sleep', '100');
  const leader = identify(child.pid!)!;
  let ended: Promise<'term' | 'kill'>;
  {
    using _none = starved();
    ended = terminate({ leader, cgroup: null, mark: null, graceMs: 20_000 });
    await sleep(50);
    assert.equal(isAlive(leader), true);
  }
  assert.equal(await ended, 'term');
});

const speaker = `require('node:http').createServer((_, response) => response.end('{}')).listen(process.argv[1])`;

test('a neighbour that could not be asked is not silent; one that was asked and does not answer is', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-starved-'));
  for (const name of ['run', 'logs']) mkdirSync(join(home, name));
  const config = readConfig({ home, port: '1' }, {}, false);
  const socket = config.sockets.control;
  using child = start(process.execPath, '-e', speaker, socket);
  const over = new AbortController();
  try {
    const isUp = async () => (await probeNeighbour(socket, '/healthz'))?.isUp === true;
    for (const until = performance.now() + 30_000; !(await isUp()) && performance.now() < until; ) await sleep(10);
    const known = identify(child.pid!)!;
    writeRecord(config, 'control', { ...known, program: `${programRoot}@${programVersion}`, port: 1 });
    const own = { control: null, router: null, why: [] };
    const times = { silentMs: 300, lookMs: 20 };
    const neighbour = new Neighbour('control', config, own, () => [], times);
    await neighbour.start(1, over.signal);
    assert.deepEqual([neighbour.pid, neighbour.isOurs], [child.pid, false], 'it was taken over');
    const said: string[] = [];
    const log = ({ message }: { message: string }) => {
      said.push(message);
      over.abort(); // another is not started here
    };
    const kept = neighbour.keep(1, over.signal, async () => {}, log);
    {
      using _none = starved();
      const isUnasked = async () =>
        assert.deepEqual(await probeNeighbour(socket, '/healthz'), { isUp: false, refusal: null, isUnasked: true });
      await isUnasked();
      await sleep(4 * times.silentMs);
      await isUnasked();
      assert.deepEqual(said, []);
      assert.equal(isAlive(known), true);
    }
    assert.equal(await isUp(), true);
    child.kill('SIGSTOP');
    await kept;
    assert.match(said.join(), /^control answered nothing for \d+ s, and was ended; starting it again$/);
    assert.equal(isAlive(known), false);
  } finally {
    over.abort();
    rmSync(home, { recursive: true });
  }
});
