// What is live, on another machine: brought there from its registry by what `docker login` has written, else from the server; run; looked into with a
// terminal; and built upon.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { askEngine } from '../../src/agent/engine/ask.ts';
import { localRun } from './local-run.ts';
import { root, type Stage, until } from './stage.ts';

/** An app that is an image of a registry, with busybox in it; `config`: the folder in which docker keeps who may read it. */
export type LiveApp = { app: string; image: string; page: string; config: string };

const lockstep = join(root, 'bin', 'lockstep');

export async function tryLive(stage: Stage, socket: string, { app, image, page, config }: LiveApp): Promise<void> {
  const nobody = join(stage.folder, 'nobody');
  mkdirSync(nobody);
  const cache = join(stage.folder, 'cache');
  const env = { LOCKSTEP_ENGINE: socket, LOCKSTEP_HOME: stage.home, DOCKER_CONFIG: config };
  const shell = ['local', 'shell', '--live', '-a', app, '--cache', cache, '--'];
  const show = [...shell, '/bin/busybox', 'cat', '/www/index.html'];

  // Who is not logged in gets it from the server.
  const fetched = await stage.lockstep(show, { env: { ...env, DOCKER_CONFIG: nobody } });
  assert.deepEqual([fetched.code, fetched.stdout], [0, page], fetched.stderr);
  assert.match(fetched.stderr, /could not be pulled: .*; the server gives it\n/);
  const id = /the very image that is live \(v\d+\): (sha256:[0-9a-f]{64}), from the server/.exec(fetched.stderr)?.[1];
  assert.ok(id, fetched.stderr);
  const removed = await askEngine(socket, `/v1.41/images/${id}?force=1`, { method: 'DELETE', timeoutMs: 30_000 });
  assert.equal(removed.status, 200, removed.body);

  const live = localRun(stage, stage.folder, env, '--live', '-a', app);
  const { url } = await live.of('ready');
  assert.equal(await (await fetch(url)).text(), page);
  live.child.kill('SIGINT');
  const ended = await live.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ended.stderr.includes(`the very image that is live (v2): ${id}, from its registry`), ended.stderr);

  // Bytes that are no text arrive as they are.
  const bytes = `"$0" ${shell.join(' ')} /bin/busybox printf '\\303\\377\\001' | od -An -tx1`;
  const odd = await stage.run(['sh', '-c', bytes, lockstep], { env });
  assert.equal(odd.stdout.trim(), 'c3 ff 01', odd.stderr);
  await tryTerminal(stage, env, [lockstep, ...shell, '/bin/busybox', 'sh']);

  // Begun from it, by the same login.
  const work = join(stage.folder, 'upon');
  stage.write(work, { Dockerfile: `FROM ${image}\nCOPY index.html /www/index.html\n`, 'index.html': 'upon it\n' });
  await stage.git(stage.folder, 'init', '-q', '-b', 'main', work);
  await stage.commit(work, 'first');
  const upon = localRun(stage, work, env);
  const { url: own } = await upon.of('ready');
  assert.equal(await (await fetch(own)).text(), 'upon it\n');
  upon.child.kill('SIGINT');
  const end = await upon.ended;
  assert.equal(end.code, 0, end.stderr);
  const left = await askEngine(socket, '/v1.41/containers/json?all=1', { timeoutMs: 30_000 });
  assert.deepEqual(JSON.parse(left.body), []);
}

/** A shell in a terminal of 33 rows: its size, its keys, its exit code. */
async function tryTerminal(stage: Stage, env: Record<string, string>, argv: readonly string[]): Promise<void> {
  const line = `stty rows 33 cols 101; exec ${argv.join(' ')}`;
  const { child, ended } = stage.spawn(['script', '-qec', line, '/dev/null'], { env, input: null });
  let said = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const says = (what: RegExp) =>
    until(
      () => what.test(said) || child.exitCode !== null,
      60_000,
      () => `the terminal never said ${what}: ${JSON.stringify(said)}`,
    );
  const type = (keys: string) => void child.stdin!.write(keys);
  await says(/# /);
  type('busybox stty size; echo $TERM\r');
  await says(/33 101\r\n.*xterm-256color\r\n/s);
  // Ctrl-C is for what runs in it, and no key leaves it. It says itself that it runs: between two commands the shell would take the key.
  type(`busybox sh -c 'echo sl""eeps; exec busybox sleep 600'\r`);
  await says(/\nsleeps\r\n/);
  type('\x03');
  type('\x10\x11');
  type('\x15echo al""ive $?\r');
  await says(/\nalive 130\r\n/);
  type('exit 5\r');
  const end = await ended;
  assert.equal(end.code, 5, JSON.stringify(said) + end.stderr);
}
