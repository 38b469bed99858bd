import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { limitFileSize } from './refuse-writes.ts';

const canRun = { skip: process.getuid?.() === 0 && existsSync('/usr/bin/prlimit') ? false : 'needs root and prlimit' };

test('a process that has its limit already costs no program, however often it is asked for', canRun, async () => {
  const child = spawn('/bin/sleep', ['600'], { stdio: 'ignore', uid: 65_534, gid: 65_534 });
  let programs = 0;
  const count = (): void => {
    programs += 1;
  };
  subscribe('child_process', count);
  const soft = () => /^Max file size +(\S+) /m.exec(readFileSync(`/proc/${child.pid}/limits`, 'latin1'))![1];
  try {
    for (const bytes of [0, 4096, 0]) {
      programs = 0;
      await limitFileSize(() => [child.pid!], bytes);
      assert.ok(programs > 0);
      assert.equal(soft(), String(bytes));
      programs = 0;
      await limitFileSize(() => [child.pid!], bytes);
      assert.deepEqual([programs, soft()], [0, String(bytes)]);
    }
  } finally {
    unsubscribe('child_process', count);
    child.kill('SIGKILL');
  }
});
