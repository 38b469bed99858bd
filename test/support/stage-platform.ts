// The platform of a stage, as its owner has it: `bin/lockstep up` as a process on a temporary home, and the command line. When it is
// disposed of, whatever it started has ended and nothing of it is left.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, StagePrograms } from './stage-programs.ts';
import { compiledForAll, giveTools, keepTools } from './stage-tools.ts';

export class StagePlatform extends StagePrograms {
  readonly home: string;
  /** What is mounted at the home's path; unmounted when everything has ended. */
  protected mounted: { unmount(): void } | null = null;
  readonly #program: string;
  #up: ChildProcess | null = null;
  #upEnded: Promise<void> = Promise.resolve();
  ready: { url: string; pid: number; pids: { agent: number; control: number; router: number } } = {
    url: '',
    pid: 0,
    pids: { agent: 0, control: 0, router: 0 },
  };
  upStderr = '';

  protected constructor(folder: string, program: string) {
    super(folder);
    this.#program = program;
    this.home = join(folder, 'home');
  }

  /** What other stages have fetched; of the large tools of single languages those that are named. */
  giveTools(...large: string[]): void {
    giveTools(this.home, large);
  }

  get port(): number {
    return Number(new URL(this.ready.url).port);
  }

  get token(): string {
    return readFileSync(join(this.home, 'control', 'owner.token'), 'utf8').trim();
  }

  /** Starts `lockstep up` and waits for its word. */
  async up(env: Record<string, string> = {}): Promise<void> {
    const port = this.ready.url === '' ? '0' : String(this.port);
    const child = spawn(this.#program, ['up', '--json', '--home', this.home, '--port', port], {
      env: { ...process.env, NODE_COMPILE_CACHE: compiledForAll(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#up = child;
    this.#upEnded = new Promise((resolve) => child.once('exit', () => resolve()));
    this.children.add(child);
    this.upStderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      this.upStderr += chunk.toString();
    });
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
      child.once('exit', (code) => reject(new Error(`up ended with ${code}: ${this.upStderr}\n${this.logs()}`)));
    });
    this.ready = JSON.parse(line);
  }

  /** The pids now, after restarts too. */
  pids(): { agent: number; control: number; router: number } {
    return JSON.parse(readFileSync(join(this.home, 'run', 'up.json'), 'utf8')).pids;
  }

  logs(): string {
    return ['control', 'router']
      .map((name) => join(this.home, 'logs', `${name}.log`))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8').split('\n').slice(-15).join('\n'))
      .join('\n');
  }

  /** Ends `up` as Ctrl-C does, and waits for it. */
  async down(): Promise<number | null> {
    const child = this.#up;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGINT');
    return ended;
  }

  /** Kills the agent (which is `up`) as a crash does; what it started goes on. */
  async killAgent(): Promise<void> {
    const child = this.#up!;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  }

  /** Resolves when `up` has ended, however. */
  async agentEnded(): Promise<void> {
    const child = this.#up!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    await this.#upEnded;
  }

  lockstep(
    words: string[],
    options: { cwd?: string; input?: string; env?: Record<string, string> } = {},
  ): Promise<Ended> {
    return this.run([this.#program, ...words], { ...options, env: { LOCKSTEP_HOME: this.home, ...options.env } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ready.url !== '' && (this.#up?.exitCode !== null || this.#up?.signalCode !== null)) await this.#sweep();
    await this.down();
    this.killPrograms();
    keepTools(this.home);
    this.mounted?.unmount();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** `up` is dead and others may live: a new one takes them over, and ends them. */
  async #sweep(): Promise<void> {
    if (this.#up?.exitCode === null && this.#up.signalCode === null) return;
    await this.up().catch(() => {});
  }
}
