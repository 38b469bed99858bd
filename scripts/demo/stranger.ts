// Somebody who has just cloned Lockstep: a throw-away home, a copy of an example app in a folder of its own, and three
// tools: the `lockstep` program, the `git` program and HTTP. Nothing of `src/` is known here.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Address, ask, now } from './ask.ts';

export type Ended = { code: number | null; stdout: string; stderr: string; startedAt: number; endedAt: number };
export type Ready = { url: string; base: string; home: string; ms: number };
/** What the API tells of a change; `moments` are milliseconds since the epoch. */
export type Change = { head: string; state: string; reason: string | null; moments: Record<string, number> };

const startLimitMs = 120_000;
const stopLimitMs = 60_000;

export class Stranger {
  readonly #root: string;
  readonly #program: string;
  readonly #env: Record<string, string>;
  readonly #running = new Set<ChildProcess>();
  readonly #said: string[] = [];
  #up: ChildProcess | null = null;
  #upEnded: Promise<number | null> = Promise.resolve(null);
  #ready: Ready | null = null;

  /** `checkout` is Lockstep's own folder, `example` the app's; `env`: what else `lockstep` is told. */
  constructor(checkout: string, example: string, env: Readonly<Record<string, string>> = {}) {
    // Directly under /tmp and open to pass: the apps run under identities of their own.
    this.#root = mkdtempSync('/tmp/lockstep-demo-');
    chmodSync(this.#root, 0o711);
    this.#program = join(checkout, 'bin', 'lockstep');
    cpSync(example, this.workTree, {
      recursive: true,
      filter: (path) => !/(^|\/)(__pycache__|\.venv|\.git|data)$/.test(path),
    });
    const inherited = Object.entries(process.env).filter(([key]) => !/^(GIT|LOCKSTEP|PYTHON|VIRTUAL_ENV)/.test(key));
    this.#env = {
      ...(Object.fromEntries(inherited) as Record<string, string>),
      ...env,
      LOCKSTEP_HOME: this.home,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((role) => [
          [`GIT_${role}_NAME`, 'A Stranger'],
          [`GIT_${role}_EMAIL`, 'stranger@example.org'],
        ]),
      ),
    };
  }

  get home(): string {
    return join(this.#root, 'home');
  }

  /** By which the machine's Lockstep marks what it makes in an engine. */
  nodeId(): string {
    return readFileSync(join(this.home, 'agent', 'node-id'), 'utf8').trim();
  }

  get workTree(): string {
    return join(this.#root, 'work', 'guestbook');
  }

  get ready(): Ready {
    if (!this.#ready) throw new Error('lockstep up has not said that it is ready');
    return this.#ready;
  }

  /** Where an app's page is: the platform's port, the app's own name. */
  pageOf(app: string): Address {
    const { port } = new URL(this.ready.url);
    return { port: Number(port), host: `${app}.${this.ready.base}:${port}`, path: '/' };
  }

  /** Starts the platform on a free port; resolves with what it says once it serves. */
  async start(): Promise<Ready> {
    const child = spawn(this.#program, ['up', '--json', '--home', this.home, '--port', '0'], {
      cwd: '/',
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in the terminal reaches us, and we end it in order.
      detached: true,
    });
    this.#up = child;
    this.#upEnded = new Promise((resolve) => {
      // Interrupted before it served: the signal itself ended it, which is as it should be.
      child
        .once('error', () => resolve(127))
        .once('exit', (code, signal) => resolve(signal === 'SIGINT' ? 0 : (code ?? 1)));
    });
    createInterface(child.stderr).on('line', (line) => {
      this.#said.push(line);
      this.#said.splice(0, this.#said.length - 50);
    });
    const ready = new Promise<Ready>((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        const event = parseObject(line);
        if (event?.event === 'ready') resolve(event as unknown as Ready);
      });
    });
    const ended = this.#upEnded.then((code) => {
      throw new Error(`lockstep up ended with ${code}: ${this.said().join('\n') || 'it said nothing'}`);
    });
    ended.catch(() => {});
    const timer = Promise.withResolvers<never>();
    const late = setTimeout(
      () => timer.reject(new Error(`lockstep up was not ready in ${startLimitMs} ms`)),
      startLimitMs,
    );
    this.#ready = await Promise.race([ready, ended, timer.promise]).finally(() => clearTimeout(late));
    return this.#ready;
  }

  /** The last lines that `lockstep up` wrote to its standard error. */
  said(): readonly string[] {
    return this.#said;
  }

  lockstep(...words: string[]): Promise<Ended> {
    return this.#run([this.#program, ...words]);
  }

  git(...words: string[]): Promise<Ended> {
    return this.#run(['git', ...words]);
  }

  /** The commit that the platform's main stands on. */
  async main(): Promise<string> {
    const { stdout } = await this.git('ls-remote', '--exit-code', 'lockstep', 'refs/heads/main');
    return stdout.split('\t')[0]!;
  }

  /** The app's newest change, from the API, with the token that lies in the home. */
  async newestChange(app: string): Promise<Change> {
    const { port, host } = new URL(this.ready.url);
    const token = readFileSync(join(this.home, 'control', 'owner.token'), 'utf8').trim();
    const path = `/api/v1/apps/${app}/changes?limit=1`;
    const answer = await ask(
      { port: Number(port), host, path },
      { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } },
    );
    const change = (parseObject(answer.body)?.items as Change[] | undefined)?.[0];
    if (!change) throw new Error(`GET ${path} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
    return change;
  }

  #run(argv: string[], limitMs = 300_000): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const startedAt = now();
      const child = spawn(argv[0]!, argv.slice(1), {
        cwd: this.workTree,
        env: this.#env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      this.#running.add(child);
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
      const text = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const)
        child[name].setEncoding('utf8').on('data', (chunk: string) => {
          text[name] += chunk;
        });
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve({ code, ...text, startedAt, endedAt: now() });
      });
    });
  }

  /** Ends all that was started and removes every trace; a sentence for what could not be done, else null. */
  async leave(): Promise<string | null> {
    for (const child of this.#running) child.kill('SIGTERM');
    let problem: string | null = null;
    if (this.#up && this.#up.exitCode === null && this.#up.signalCode === null) {
      this.#up.kill('SIGINT');
      const late = setTimeout(() => {
        problem = `lockstep up did not stop within ${stopLimitMs / 1000} s`;
        this.#up?.kill('SIGKILL');
      }, stopLimitMs);
      const code = await this.#upEnded;
      clearTimeout(late);
      if (code !== 0) problem ??= `lockstep up ended with ${code}`;
    }
    const left = processesUnder(this.#root);
    if (left.length > 0)
      problem ??= `it left running: ${left.map(({ pid, command }) => `${pid} (${command})`).join(', ')}`;
    for (const { pid } of left) await end(pid);
    openFolders(this.#root);
    rmSync(this.#root, { recursive: true, force: true });
    return problem;
  }
}

/** The processes that name `root` in their command line or environment. */
function processesUnder(root: string): { pid: number; command: string }[] {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'latin1');
    } catch {
      return ''; // It has ended, or is somebody else's.
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(root)))
    .map((pid) => ({
      pid: Number(pid),
      command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200),
    }));
}

/** SIGTERM, time to finish, SIGKILL. */
async function end(pid: number): Promise<void> {
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  signal('SIGTERM');
  for (const limit = now() + 15_000; signal(0) && now() < limit; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  signal('SIGKILL');
}

/** Releases are read-only folders: without root they must be opened before they can be removed. */
function openFolders(folder: string): void {
  try {
    chmodSync(folder, 0o700);
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) openFolders(join(folder, entry.name));
  } catch {
    // Somebody else's: removing it will say so.
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
