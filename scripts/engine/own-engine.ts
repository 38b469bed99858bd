// An engine of the tests' own: socket, data, state and control groups under one folder, ended by its pid, with nothing left in the
// kernel afterwards. One at a time on a machine, since engines share the names of their packet filter chains. One that a killed run left
// behind is ended and cleared away by the next.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pings } from '../../src/agent/engine/ask.ts';
import { type Before, links, remember, removeTraces } from './traces.ts';

const startMs = 30_000;
const stopMs = 20_000;
/** Two engines in networks of their own share the machine's control groups. */
const cgroupParentOf = (folder: string): string =>
  `lockstep-test-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
const usualFolder = join(tmpdir(), 'lockstep-test-engine');

export const ownSocket: string = join(usualFolder, 'docker.sock');

export class OwnEngine implements AsyncDisposable {
  readonly folder: string;
  readonly socket: string;
  readonly #before: Before;
  #daemon: ChildProcess | null = null;

  private constructor(folder: string, before: Before) {
    this.folder = folder;
    this.socket = join(folder, 'docker.sock');
    this.#before = before;
  }

  /** @throws an Error that says who is in the way, or the engine's last lines */
  static async start(folder = usualFolder): Promise<OwnEngine> {
    await clearLeftOver(folder);
    if (links().includes('docker0'))
      throw new Error(
        'another engine runs on this machine (docker0 is there): name its socket in LOCKSTEP_TEST_ENGINE',
      );
    mkdirSync(folder, { mode: 0o700 });
    const before = remember();
    writeFileSync(join(folder, 'owner.json'), JSON.stringify({ pid: process.pid, before }));
    const engine = new OwnEngine(folder, before);
    try {
      await engine.up();
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    return engine;
  }

  get pid(): number | null {
    return this.#daemon?.pid ?? null;
  }

  /** Starts the daemon on what is there: a test that killed it has it back. */
  async up(): Promise<void> {
    const log = join(this.folder, 'daemon.log');
    const output = openSync(log, 'a');
    const words = [
      ...['--host', `unix://${this.socket}`, '--pidfile', join(this.folder, 'docker.pid')],
      ...['--data-root', join(this.folder, 'data'), '--exec-root', join(this.folder, 'exec')],
      ...['--cgroup-parent', cgroupParentOf(this.folder), '--userland-proxy=false'],
      // Where root may not raise limits, containers could not start with more.
      ...['--default-ulimit', 'nofile=16384:16384'],
    ];
    const daemon = spawn('dockerd', words, { stdio: ['ignore', output, output], detached: true, env: daemonEnv() });
    this.#daemon = daemon;
    const ended = new Promise<string>((resolve) => {
      daemon.once('error', (error) => resolve(error.message));
      daemon.once('exit', (code, signal) => resolve(`it ended with ${code ?? signal}`));
    });
    let trouble: string | null = null;
    void ended.then((why) => {
      trouble = why;
    });
    for (const end = performance.now() + startMs; ; await sleep(20)) {
      if (await pings(this.socket)) return;
      if (trouble === null && performance.now() < end) continue;
      const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-15).join('\n');
      throw new Error(`the engine did not start (${trouble ?? 'it does not answer'}):\n${tail}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await clear(this.folder, this.#daemon?.pid ?? null, this.#before);
  }
}

/** Nothing of the run's own settings but where the network is. */
function daemonEnv(): Record<string, string> {
  const kept = /^(?:PATH|HOME|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|no_proxy)$/i;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (kept.test(name) && value ? [[name, value]] : [])),
  );
}

async function clearLeftOver(folder: string): Promise<void> {
  let owner: { pid: number; before: Before };
  try {
    owner = JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8'));
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  if (owner.pid !== process.pid && isThere(owner.pid))
    throw new Error(`another run (pid ${owner.pid}) has the tests' engine: name ${folder}/docker.sock, or wait for it`);
  const daemon = namedIn(folder).find(({ text }) => /^(?:\S*\/)?dockerd\0/.test(text));
  await clear(folder, daemon?.pid ?? null, owner.before);
}

async function clear(folder: string, daemon: number | null, before: Before): Promise<void> {
  if (daemon !== null) await end(daemon);
  // Only after a daemon that was killed: its containerd and the shims of its containers.
  for (const { pid } of namedIn(folder)) kill(pid, 'SIGKILL');
  for (const end = performance.now() + stopMs; namedIn(folder).length > 0 && performance.now() < end; ) await sleep(20);
  const left = [
    ...removeTraces(before, folder, cgroupParentOf(folder)),
    ...namedIn(folder).map(({ pid }) => `process ${pid}`),
  ];
  rmSync(folder, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`the tests' engine left behind: ${left.join(', ')}`);
}

async function end(pid: number): Promise<void> {
  kill(pid, 'SIGTERM');
  for (const end = performance.now() + stopMs; isThere(pid); await sleep(20)) {
    if (performance.now() < end) continue;
    kill(pid, 'SIGKILL');
    return;
  }
}

/** Living processes whose command line names the folder, but this one. */
function namedIn(folder: string): { pid: number; text: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isThere(Number(name)))
    .map((name) => ({ pid: Number(name), text: textOf(`/proc/${name}/cmdline`) }))
    .filter(
      ({ text }) => /^(?:\S*\/)?(?:dockerd|containerd|containerd-shim\S*)\0/.test(text) && text.includes(`${folder}/`),
    );
}

/** A zombie is dead. */
function isThere(pid: number): boolean {
  const state = /\) (\S)/.exec(textOf(`/proc/${pid}/stat`))?.[1];
  return state !== undefined && state !== 'Z';
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
