// The same limits on a machine without control groups: by the agent's looks and by rlimits, with real processes.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { makeId } from '../../../domain/ids.ts';
import { defaultLimits, type Limits } from '../../../domain/plan.ts';
import { makeFifo } from '../../process/launcher.ts';
import { processRuntime } from './process-runtime.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-no-groups-'));
chmodSync(folder, 0o711);
after(() => rmSync(folder, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;
/** Nobody else has it. */
const uid = 1_930_000_000 + process.pid;
const runtime = processRuntime({
  pipeFolder: folder,
  makePipe: makeFifo,
  cgroups: { version: null, root: '', enforceable: [], why: [] },
});

async function start(program: string, limits: Partial<Limits>) {
  const id = makeId('ins', Date.now(), crypto.getRandomValues(new Uint8Array(16)));
  const lines: string[] = [];
  const running = await runtime.start(
    {
      id,
      argv: ['/usr/bin/python3', '-S', '-c', program],
      env: { PATH: '/usr/bin:/bin', LOCKSTEP_INSTANCE: id },
      cwd: '/',
      limits: { ...defaultLimits, ...limits },
      identity: isRoot ? { uid, gid: uid } : null,
    },
    { line: (text) => void lines.push(text), dropped: () => {} },
  );
  return {
    lines,
    running,
    async [Symbol.asyncDispose]() {
      await running.stop(0);
      await runtime.clean(id);
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 20_000; !isSo(); await pause(5)) assert.ok(performance.now() < endMs);
}

test('what has more memory than its limit is ended at the next look, and told as out of memory', async () => {
  const program = 'kept = bytearray(b"x" * (100 << 20)); print("has", flush=True); import time; time.sleep(600)';
  await using one = await start(program, { memoryBytes: 64 << 20 });
  await until(() => one.lines.length > 0);
  assert.deepEqual(one.running.look(), []);
  assert.equal((await one.running.exited).isOutOfMemory, true);
  assert.equal(one.running.oomKills(), 1);
});

test('what takes all memory between two looks meets the far backstop', async () => {
  const program = 'try:\n  bytearray(3 << 30)\nexcept MemoryError:\n  print("refused", flush=True)';
  await using one = await start(program, { memoryBytes: 64 << 20 });
  await until(() => one.lines.length > 0);
  assert.deepEqual(one.lines, ['refused']);
});

test('its processes are as many as its user may have, and that is told', {
  skip: isRoot ? false : 'not root',
}, async () => {
  const program = `import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
        count += 1
except OSError:
    print(count, flush=True)
time.sleep(600)`;
  await using one = await start(program, { pids: 10 });
  await until(() => one.lines.length > 0);
  assert.deepEqual(one.lines, ['19']);
  assert.deepEqual(one.running.look(), ['processes']);
});
