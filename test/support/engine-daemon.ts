// The suite's own engine as a process that can be frozen, killed and started again: on the same data, with the words that it was started with.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pings } from '../../src/agent/engine/ask.ts';
import { identify, isAlive } from '../../src/agent/process/proc.ts';
import { until } from './agent-machine.ts';

export class EngineDaemon implements AsyncDisposable {
  readonly #socket: string;
  readonly #argv: string[];
  readonly #env: Record<string, string>;

  constructor(socket: string) {
    this.#socket = socket;
    const proc = (name: string) => readFileSync(`/proc/${this.pid}/${name}`, 'utf8').split('\0').filter(Boolean);
    this.#argv = proc('cmdline');
    this.#env = Object.fromEntries(
      proc('environ').map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  }

  get pid(): number {
    return Number(readFileSync(join(dirname(this.#socket), 'docker.pid'), 'utf8'));
  }

  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const daemon = identify(this.pid)!;
    process.kill(daemon.pid, signal);
    await until('the engine has ended', () => !isAlive(daemon), 60_000);
  }

  async start(): Promise<void> {
    const [program, ...words] = this.#argv;
    // Zombies that nobody has reaped yet count for it as programs that run.
    for (const file of ['docker.pid', 'exec/containerd/containerd.pid'])
      rmSync(join(dirname(this.#socket), file), { force: true });
    spawn(program!, words, { env: this.#env, detached: true, stdio: 'ignore' }).unref();
    await until('the engine answers', () => pings(this.#socket), 60_000);
  }

  /** Whatever a test has done to it, it runs afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.thaw();
    } catch {
      // It is not there.
    }
    if (!(await pings(this.#socket))) await this.start();
  }
}
