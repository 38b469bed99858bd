// A real Lockstep on a temporary home, as a stranger has it: `bin/lockstep up` as a process, then git, the command line and
// HTTP. Nothing of `src/` is imported. Everything that a stage started ends with it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const root = dirname(dirname(import.meta.dirname));
const bin = join(root, 'bin', 'lockstep');
/** Tools are fetched once for all stages of this machine; they are root's, pinned by hash, and never written again. */
const toolchainCache = join(tmpdir(), `lockstep-test-toolchains-${process.getuid?.() ?? 0}`);
const usualTools = /^(?:uv|pycodestyle|pyflakes)-/;
const largeTools = /^(?:mypy|pyright|sphinx|mkdocs|black|go|golangci-lint)-/;

/** What Node compiled of the program is kept for all stages, too: each start of a process takes half the time. */
function compiledForAll(): string {
  const folder = join(tmpdir(), `lockstep-test-compiled-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777); // control has an identity of its own
  return folder;
}

/** Root's, and read by everybody: nothing that a stage runs can change them. */
function giveTree(from: string, to: string, isLinked: boolean): void {
  if (!isLinked) {
    cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return;
  }
  mkdirSync(to, { recursive: true, mode: 0o755 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) giveTree(source, target, true);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  }
}

export type Ended = { code: number | null; stdout: string; stderr: string };
export type Page = { status: number; body: string; headers: Record<string, string | string[] | undefined> };

/** An answer of the public API; its shape is what the tests assert. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into it as a stranger does
export type Json = any;

export const gitEnv = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

export class Stage {
  readonly folder: string;
  readonly home: string;
  readonly #children = new Set<ChildProcess>();
  readonly #program: string;
  #mounted: { unmount(): void } | null = null;
  #up: ChildProcess | null = null;
  #upEnded: Promise<void> = Promise.resolve();
  ready: { url: string; pid: number; pids: { agent: number; control: number; router: number } } = {
    url: '',
    pid: 0,
    pids: { agent: 0, control: 0, router: 0 },
  };
  upStderr = '';

  private constructor(folder: string, program: string) {
    this.folder = folder;
    this.#program = program;
    this.home = join(folder, 'home');
  }

  /** A stage with an empty home, on which nothing was started. */
  static bare(program = bin): Stage {
    const folder = mkdtempSync(join(tmpdir(), 'stage-'));
    chmodSync(folder, 0o755);
    const stage = new Stage(folder, program);
    mkdirSync(stage.home, { mode: 0o755 });
    return stage;
  }

  /**
   * `program`: another `lockstep` than this checkout's, for example a compiled one. `homeOn`: mounts something at the home's
   * path; what it gives is unmounted when everything has ended.
   */
  static async open(
    env: Record<string, string> = {},
    program = bin,
    homeOn: (home: string) => { unmount(): void } | null = () => null,
  ): Promise<Stage> {
    const stage = Stage.bare(program);
    stage.#mounted = homeOn(stage.home);
    try {
      stage.giveTools();
      await stage.up(env);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /**
   * What other stages have fetched, as second names of the same files; the large tools of single languages only for who names
   * them. A home on a disk of its own gets copies, and only of what every app of Python needs.
   */
  giveTools(...large: string[]): void {
    const tools = join(this.home, 'toolchains');
    if (!existsSync(toolchainCache)) return;
    const isApart = statSync(this.home).dev !== statSync(toolchainCache).dev;
    for (const name of readdirSync(toolchainCache)) {
      const isLarge = largeTools.test(name) && !large.some((one) => name.startsWith(`${one}-`));
      const isLeftOut = name.startsWith('.') || isLarge || (isApart && !usualTools.test(name));
      if (!isLeftOut && !existsSync(join(tools, name)))
        giveTree(join(toolchainCache, name), join(tools, name), !isApart);
    }
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
    this.#children.add(child);
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

  git(cwd: string, ...words: string[]): Promise<Ended> {
    return this.run(['git', ...words], { cwd });
  }

  run(argv: string[], options: { cwd?: string; input?: string; env?: Record<string, string> } = {}): Promise<Ended> {
    return this.spawn(argv, options).ended;
  }

  /** A program that the test may end itself. `input` null: the test writes it. */
  spawn(
    argv: string[],
    options: { cwd?: string; input?: string | null; env?: Record<string, string> } = {},
  ): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: options.cwd ?? this.folder,
      env: { ...process.env, ...gitEnv, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#children.add(child);
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    child.stdin.on('error', () => {});
    if (options.input !== null) child.stdin.end(options.input ?? '');
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.#children.delete(child);
        resolve({ code, ...text });
      });
    });
    return { child, ended };
  }

  /** A work tree made from a folder or from files, committed on `main`, with its app created. */
  async makeApp(name: string, from: string | Record<string, string>): Promise<string> {
    const work = join(this.folder, name);
    if (typeof from === 'string') cpSync(from, work, { recursive: true });
    else this.write(work, from);
    await this.git(this.folder, 'init', '-q', '-b', 'main', work);
    await this.commit(work, 'first');
    const made = await this.lockstep(['create', name], { cwd: work });
    assert.equal(made.code, 0, made.stderr + this.logs());
    return work;
  }

  write(work: string, files: Record<string, string>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), content);
    }
  }

  async commit(work: string, message: string): Promise<string> {
    await this.git(work, 'add', '-A');
    const made = await this.git(work, 'commit', '-qm', message);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    return (await this.git(work, 'rev-parse', 'HEAD')).stdout.trim();
  }

  /** Replaces text in a file and commits. */
  async edit(work: string, path: string, from: string | RegExp, to: string): Promise<string> {
    const file = join(work, path);
    const before = readFileSync(file, 'utf8');
    const after = before.replace(from, to);
    assert.notEqual(after, before, `${path} does not hold ${from}`);
    writeFileSync(file, after);
    return this.commit(work, `edit ${path}`);
  }

  push(work: string, ...words: string[]): Promise<Ended> {
    return this.git(work, 'push', 'lockstep', ...(words.length > 0 ? words : ['main']));
  }

  /** Pushes and insists on success. */
  async deploy(work: string): Promise<string> {
    const pushed = await this.push(work);
    assert.equal(pushed.code, 0, pushed.stderr + this.logs());
    return pushed.stderr;
  }

  get(app: string, path = '/', agent: Agent | null = null): Promise<Page> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: this.port,
          path,
          headers: { host: `${app}.localhost:${this.port}` },
          agent: agent ?? false,
          timeout: 20_000,
        },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => {
            body += chunk.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
          response.on('error', reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('timed out')));
      asked.on('error', reject);
      asked.end();
    });
  }

  /** The change that was proposed last. */
  async lastChange(app: string): Promise<Json> {
    return (await this.api(`/apps/${app}/changes?limit=1`)).body.items[0];
  }

  /** Resolves when the change that was proposed last is so. */
  async untilChange(app: string, state: string, limitMs = 30_000): Promise<void> {
    let seen: unknown = 'nothing';
    await until(
      async () => {
        seen = (await this.lastChange(app))?.state;
        return seen === state;
      },
      limitMs,
      () => `the last change of ${app} is ${seen}, not ${state}`,
    );
  }

  async api(
    path: string,
    init: { method?: string; body?: unknown; token?: string } = {},
  ): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${this.ready.url}/api/v1${path}`, {
      method: init.method ?? 'GET',
      headers: {
        authorization: `Bearer ${init.token ?? this.token}`,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const text = await response.text();
    // The router says in words that control is away.
    if (text !== '' && !/json/.test(response.headers.get('content-type') ?? ''))
      throw new Error(`${path} was answered ${response.status}: ${text}\n${this.logs()}\n${this.upStderr}`);
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async status(app: string): Promise<Json> {
    return (await this.api(`/apps/${app}/status`)).body;
  }

  /** Waits until the app is IN SYNC. */
  async inSync(app: string, limitMs = 30_000): Promise<Json> {
    let last: Json = null;
    await until(
      async () => {
        last = await this.status(app).catch(() => null);
        return last?.state === 'IN SYNC';
      },
      limitMs,
      () => `${app} is not in sync: ${JSON.stringify(last)}\n${this.logs()}\n${this.upStderr}`,
    );
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ready.url !== '' && (this.#up?.exitCode !== null || this.#up?.signalCode !== null)) await this.#sweep();
    await this.down();
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    this.#keepTools();
    this.#mounted?.unmount();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** `up` is dead and others may live: a new one takes them over, and ends them. */
  async #sweep(): Promise<void> {
    if (this.#up?.exitCode === null && this.#up.signalCode === null) return;
    await this.up().catch(() => {});
  }

  /** Folder by folder: what an earlier test had no use for is kept when a later one has fetched it. */
  #keepTools(): void {
    const tools = join(this.home, 'toolchains');
    if (!existsSync(tools)) return;
    mkdirSync(toolchainCache, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(tools)) {
      const kept = join(toolchainCache, name);
      if (name.startsWith('.') || existsSync(kept)) continue;
      const staged = join(toolchainCache, `.partial-${name}-${process.pid}`);
      try {
        cpSync(join(tools, name), staged, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
        renameSync(staged, kept);
      } catch {
        // Another test was quicker.
      } finally {
        rmSync(staged, { recursive: true, force: true });
      }
    }
  }
}

/** Asks again until it is so. Tests wait for facts, not for time. */
export async function until(isSo: () => Promise<boolean> | boolean, limitMs: number, why: () => string): Promise<void> {
  for (const limit = performance.now() + limitMs; ; await sleep(20)) {
    if (await isSo()) return;
    if (performance.now() > limit) assert.fail(why());
  }
}
