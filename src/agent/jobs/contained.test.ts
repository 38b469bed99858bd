import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { defaultLimits } from '../../domain/plan.ts';
import { launch } from '../process/launcher.ts';
import { groupOf, isAlive } from '../process/proc.ts';
import { terminate } from '../process/terminate.ts';
import { untilGone } from '../process/until-gone.ts';
import { adoptContained } from './contained.ts';

const program = (shell: string) =>
  launch({
    ...{ argv: ['/bin/sh', '-c', shell], cwd: '/', env: { PATH: '/usr/bin:/bin' }, fifo: null, exitFile: null },
    ...{ cgroups: [], openFiles: null, fileBytes: null, limitArgv: [], identity: null },
  });

test('what lives in the session of a pid that is gone is not taken for what a job left', async () => {
  // A daemon of somebody else: its session bears the pid that a job's launcher had before.
  const leader = await program('sleep 600 & exit 0');
  await leader.exited;
  const [daemon] = groupOf(leader);
  assert.ok(daemon);
  try {
    const adopted = adoptContained(
      {
        ...{ name: 'test-none', mark: 'LOCKSTEP_JOB=none', fifo: null, exitFile: '/nonexistent/exit' },
        ...{ limits: defaultLimits, importance: 'job', cgroups: null },
      },
      leader,
      { line: () => {}, dropped: () => {} },
    );
    await adopted.stop(0);
    assert.deepEqual(await adopted.ended, { code: null, isOutOfMemory: false });
    assert.ok(isAlive(daemon));
  } finally {
    await terminate({ leader, cgroup: null, mark: null, graceMs: 0 });
  }
});

test('an end is watched for without piling anything up, also when the output ended long before', async () => {
  const one = await program('exec sleep 600');
  const quit = new AbortController();
  let asked = 0;
  const outputEnded = {
    // biome-ignore lint/suspicious/noThenProperty: counts who waits for it
    then(settled: () => void) {
      asked += 1;
      queueMicrotask(settled);
    },
  } as unknown as Promise<void>;
  const watch = { process: one, outputEnded, lookMs: 2, signal: quit.signal };
  let isGone: boolean | null = null;
  const gone = untilGone(watch).then((value) => {
    isGone = value;
  });
  await pause(20);
  assert.deepEqual([asked, isGone], [1, null]);
  assert.equal(await untilGone({ ...watch, outputEnded: null, signal: AbortSignal.timeout(5) }), false);
  await terminate({ leader: one, cgroup: null, mark: null, graceMs: 0 });
  const hold = setInterval(() => {}, 1000);
  await gone;
  clearInterval(hold);
  assert.equal(isGone, true);
});
