// What Node compiled of control and router is kept for their next start, where nobody else may write: they run what they find there.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Stage, until } from './support/stage.ts';

test('what was compiled of control and router is kept, each for itself alone, and both start with it', async () => {
  const stage = Stage.bare();
  const old = join(stage.home, 'compiled', 'control', '0.0.0');
  mkdirSync(old, { recursive: true });
  try {
    stage.giveTools();
    await stage.up({ NODE_COMPILE_CACHE: '' });
    const kept = (name: string): string[] =>
      readdirSync(join(stage.home, 'compiled', name), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    await until(
      () => kept('control').length > 100 && kept('router').length > 20,
      10_000,
      () => `${kept('control').length} and ${kept('router').length} files`,
    );
    assert.equal(existsSync(old), false, 'of another version');
    for (const name of ['control', 'router'] as const) {
      const { uid, mode } = statSync(join(stage.home, 'compiled', name));
      assert.equal(mode & 0o777, 0o700, name);
      // Control is whom its process belongs to, root where the program lies in a folder of root's; the router begins as who we are.
      assert.equal(uid, name === 'control' ? statSync(`/proc/${stage.pids().control}`).uid : process.getuid!(), name);
      const before = stage.pids()[name];
      process.kill(before, 'SIGKILL');
      await until(
        async () => stage.pids()[name] !== before && (await stage.api('/apps').catch(() => null))?.status === 200,
        30_000,
        () => `${name} did not come back`,
      );
    }
  } finally {
    await stage[Symbol.asyncDispose]();
  }
});
