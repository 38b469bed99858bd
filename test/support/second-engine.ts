// A second container engine, as another machine has one: it knows no image of the first. In the same network, so that it reaches the same loopback,
// with no packet filter, and with a bridge that the first one makes for it: one that has none, or the usual one, takes that of the first.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askEngine, pings } from '../../src/agent/engine/ask.ts';

/** Of its control groups, of its bridge, and of the network that this is to the first engine. */
const name = `second-${process.pid}`;
const startMs = 60_000;
const stopMs = 30_000;

export class SecondEngine implements AsyncDisposable {
  readonly socket: string;
  readonly #folder: string;
  readonly #first: string;
  readonly #daemon: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(folder: string, first: string) {
    this.#folder = folder;
    this.socket = join(folder, 'docker.sock');
    this.#first = first;
    mkdirSync(folder, { mode: 0o700 });
    const output = openSync(join(folder, 'log'), 'a');
    const words = [
      ...['--host', `unix://${this.socket}`, '--pidfile', join(folder, 'docker.pid')],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--cgroup-parent', name, '--userland-proxy=false', `--bridge=${name}`, '--iptables=false'],
      ...['--default-ulimit', 'nofile=16384:16384'],
    ];
    this.#daemon = spawn('dockerd', words, { stdio: ['ignore', output, output], detached: true });
    this.#ended = new Promise((resolve) => {
      this.#daemon.once('error', resolve);
      this.#daemon.once('exit', resolve);
    });
  }

  /** `folder`: one that is not there yet. `first`: the socket of the first engine. */
  static async start(folder: string, first: string): Promise<SecondEngine> {
    const json = { Name: name, Driver: 'bridge', Options: { 'com.docker.network.bridge.name': name } };
    const made = await askEngine(first, '/v1.41/networks/create', { method: 'POST', json, timeoutMs: 30_000 });
    if (made.status !== 201) throw new Error(`no bridge was made: ${made.body}`);
    const engine = new SecondEngine(folder, first);
    for (const end = performance.now() + startMs; !(await pings(engine.socket)); await sleep(20)) {
      if (engine.#daemon.exitCode === null && engine.#daemon.pid !== undefined && performance.now() < end) continue;
      const said = readFileSync(join(folder, 'log'), 'utf8').slice(-3000);
      await engine[Symbol.asyncDispose]();
      throw new Error(`the second engine did not start:\n${said}`);
    }
    return engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon.exitCode === null && this.#daemon.kill('SIGTERM'))
      await Promise.race([this.#ended, sleep(stopMs, undefined, { ref: false })]);
    if (this.#daemon.exitCode === null) this.#daemon.kill('SIGKILL');
    for (const path of mountsBeneath(this.#folder)) execFileSync('umount', ['-l', path]);
    await askEngine(this.#first, `/v1.41/networks/${name}`, { method: 'DELETE', timeoutMs: 30_000 });
    for (const path of globSync([`/sys/fs/cgroup/${name}`, `/sys/fs/cgroup/*/${name}`])) removeGroups(path);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    if (existsSync(this.#folder)) throw new Error(`${basename(this.#folder)} of the second engine is left`);
  }
}

/** The deepest first. */
const mountsBeneath = (folder: string): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();

function removeGroups(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch {
    // The kernel has not let go of what ran in it: an empty group of the test's own name stays.
  }
}
