// Control, agent and router without descriptors: what comes then is refused or waits, nobody dies of it, and with some again all is well.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Stage, until } from './support/stage.ts';

const openOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Asked as its own user: another one may not. */
function limit(pid: number, files: number): void {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const [uid, gid] = ['Uid', 'Gid'].map((name) => new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]!);
  const asOwn = process.getuid?.() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'] : [];
  const [program, ...words] = [...asOwn, 'prlimit', `--pid=${pid}`, `--nofile=${files}:`];
  execFileSync(program!, words, { stdio: 'pipe' });
}

/** Connections that say nothing, until they are dropped. */
function crowd(where: NetConnectOpts, count: number): Socket[] {
  return Array.from({ length: count }, () => connect(where).on('error', () => {}));
}

test('C6: control, agent and router run out of descriptors, serve on or say so, and recover without dying', async () => {
  await using stage = await Stage.open();
  const work = await stage.makeApp('blog', { 'index.html': '<h1>Page 1</h1>' });
  await stage.deploy(work);
  const before = stage.pids();
  const sockets = {
    router: { host: '127.0.0.1', port: stage.port },
    control: { path: join(stage.home, 'run', 'control.sock') },
    agent: { path: join(stage.home, 'run', 'agent.sock') },
  };
  let page = 1;
  for (const name of ['router', 'control', 'agent'] as const) {
    const pid = before[name];
    limit(pid, openOf(pid) + 4);
    const connections = crowd(sockets[name], 60);
    await until(
      () => openOf(pid) >= 4 && connections.some((one) => one.destroyed || !one.connecting),
      10_000,
      () => 'nobody came through',
    );
    // A push needs all three of them: whatever it comes to, it comes to an end.
    await stage.edit(work, 'index.html', `Page ${page}`, `Page ${page + 1}`);
    const pushed = await stage.push(work);
    if (name !== 'router') assert.equal((await stage.get('blog')).status, 200, `${name}: the site goes on`);
    for (const one of connections) one.destroy();
    assert.ok(existsSync(`/proc/${pid}`), `${name} died of it\n${pushed.stderr}\n${stage.logs()}\n${stage.upStderr}`);
    limit(pid, 1024);
    assert.deepEqual(stage.pids(), before, `${name} lives`);
    if (pushed.code !== 0)
      await until(
        async () => (await stage.push(work)).code === 0,
        30_000,
        () => `${name}: the push never lands\n${pushed.stderr}\n${stage.logs()}`,
      );
    page += 1;
    await until(
      async () => (await stage.get('blog')).body.includes(`Page ${page}`),
      10_000,
      () => `${name}: page ${page} is not served`,
    );
  }
  assert.deepEqual(stage.pids(), before);
  await stage.inSync('blog');
});
