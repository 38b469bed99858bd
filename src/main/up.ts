// `lockstep up`: the agent in the foreground, which starts control and router and restarts them. A control or router that
// outlived the last agent is taken over as it runs. Ctrl-C ends everything that was started; `--detach` leaves it running.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from '../agent/process/proc.ts';
import { type Config, readConfig } from '../config/config.ts';
import { fail } from '../domain/errors.ts';
import { atomicWrite } from '../lib/atomic-write.ts';
import { createRouterClient } from '../router/client.ts';
import { startAgent } from './agent.ts';
import { checkHome, identitiesFor, type OwnIdentities } from './up-checks.ts';
import { programRoot, programVersion } from './version.ts';

export type UpArguments = {
  home?: string;
  port?: string;
  base?: string;
  isPublic: boolean;
  isDetached: boolean;
  isJson: boolean;
};

type Neighbour = 'control' | 'router';
/** What `run/<name>.json` says of a neighbour: enough to know it again. */
type Record_ = ProcessIdentity & { program: string; port: number };

const program = `${programRoot}@${programVersion}`;
const startLimitMs = 30_000;
const stopLimitMs = 15_000;

/** Runs until it is told to stop. The exit code. @throws home-in-use, home-unreachable, port-in-use */
export async function up(argv: UpArguments): Promise<number> {
  const startedAtMs = performance.timeOrigin;
  const isRoot = process.getuid?.() === 0;
  const config = readConfig(argv, process.env, isRoot);
  checkHome(config.home, isRoot);
  if (argv.isDetached) return detach(config, argv);

  const own = identitiesFor(programRoot, isRoot);
  makeHome(config, own);
  const log = (line: object): void =>
    void process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), from: 'agent', ...line })}\n`);
  const agent = await startAgent({
    home: config.home,
    controlUid: own.control?.uid ?? null,
    routerSocket: config.sockets.router,
    programRoot,
    log: (level, message, more) => (level === 'info' ? undefined : log({ level, message, ...more })),
  });
  if (own.control) shareRunFolder(join(config.home, 'run'), own.control.gid);
  const stopping = new AbortController();
  try {
    const router = new Kept('router', config, own, () => [
      '--port',
      String(port),
      ...(argv.isPublic ? ['--public'] : []),
      ...(own.router ? ['--uid', String(own.router.uid), '--gid', String(own.router.gid)] : []),
    ]);
    let port = config.port;
    await router.start(port);
    port = (await createRouterClient(config.sockets.router).hello()).port;
    const control = new Kept('control', config, own, () => ['--port', String(port), '--base', config.base]);
    await control.start(port);
    const url = `http://127.0.0.1:${port}`;
    const record = {
      url,
      base: config.base,
      home: config.home,
      pid: process.pid,
      pids: { agent: process.pid, control: control.pid, router: router.pid },
    };
    const file = join(config.home, 'run', 'up.json');
    const write = (): Promise<void> =>
      atomicWrite(
        file,
        `${JSON.stringify({ ...record, pids: { agent: process.pid, control: control.pid, router: router.pid } })}\n`,
        0o644,
      );
    await write();
    announce(argv, record, Math.round(Date.now() - startedAtMs), own, agent.hello.enforcement.why);
    for (const one of [router, control]) void one.keep(port, stopping.signal, write, log);
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
    });
    stopping.abort();
    rmSync(file, { force: true });
    if (!argv.isJson) process.stdout.write('stopping: control, the apps, the router\n');
    await control.stop();
    await agent.stop({ instances: true });
    await router.stop();
    return 0;
  } catch (error) {
    stopping.abort();
    for (const name of ['control', 'router'] as const) await stopRecorded(config, name);
    await agent.stop({ instances: false });
    throw error;
  }
}

/** A neighbour that is started, watched and started again. */
class Kept {
  readonly #name: Neighbour;
  readonly #config: Config;
  readonly #own: OwnIdentities;
  readonly #words: () => string[];
  #identity: ProcessIdentity | null = null;
  #child: ChildProcess | null = null;

  constructor(name: Neighbour, config: Config, own: OwnIdentities, words: () => string[]) {
    this.#name = name;
    this.#config = config;
    this.#own = own;
    this.#words = words;
  }

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }

  /** Takes over the one that runs, when it is the same program on the same port; else starts one, and waits until it answers. */
  async start(port: number): Promise<void> {
    const running = readRecord(this.#config, this.#name);
    if (running && isAlive(running)) {
      if (running.program === program && (port === 0 || running.port === port) && (await this.#answers())) {
        this.#identity = running;
        return;
      }
      await stopRecorded(this.#config, this.#name);
    }
    const log = openSync(join(this.#config.home, 'logs', `${this.#name}.log`), 'a', 0o600);
    const file = join(import.meta.dirname, `${this.#name}${extname(import.meta.filename)}`);
    const identity = this.#name === 'control' ? this.#own.control : null;
    this.#child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...heapOf(this.#name), file, ...this.#words()],
      {
        cwd: this.#config.home,
        env: { ...process.env, LOCKSTEP_HOME: this.#config.home },
        stdio: ['ignore', log, log],
        detached: true,
        ...(identity ? { uid: identity.uid, gid: identity.gid } : {}),
      },
    );
    const ended = new Promise<number | null>((resolve) => this.#child!.once('exit', (code) => resolve(code)));
    await new Promise<void>((resolve, reject) => {
      this.#child!.once('spawn', resolve);
      this.#child!.once('error', reject);
    });
    this.#child.unref();
    this.#identity = identify(this.#child.pid!) ?? { pid: this.#child.pid!, startTicks: 0 };
    const limit = AbortSignal.timeout(startLimitMs);
    let exit: { code: number | null } | null = null;
    void ended.then((code) => {
      exit = { code };
    });
    while (!(await this.#answers())) {
      if (exit !== null) throw this.#notStarted((exit as { code: number | null }).code);
      if (limit.aborted) throw this.#notStarted(null);
      await sleep(5);
    }
    if (this.#name === 'control' && this.#own.control) shareSocket(this.#config.sockets.control, this.#own);
    const record: Record_ = { ...this.#identity, program, port: await this.#port(port) };
    await atomicWrite(recordFile(this.#config, this.#name), JSON.stringify(record), 0o600);
  }

  /** Starts it again whenever it ends, with a back-off, until the signal. */
  async keep(
    port: number,
    signal: AbortSignal,
    onRestart: () => Promise<void>,
    log: (line: object) => void,
  ): Promise<void> {
    for (let pauseMs = 10; !signal.aborted; ) {
      const since = performance.now();
      await this.#end(signal);
      if (signal.aborted) return;
      if (performance.now() - since > 10_000) pauseMs = 10;
      log({ level: 'error', message: `${this.#name} ended; starting it again` });
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(5000, pauseMs * 2);
      if (signal.aborted) return;
      await this.start(port)
        .then(onRestart)
        .catch((error: Error) => log({ level: 'error', message: error.message }));
    }
  }

  async stop(): Promise<void> {
    await stopRecorded(this.#config, this.#name);
  }

  async #end(signal: AbortSignal): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return;
    }
    // It is not our child (it outlived the agent that started it): nobody tells us of its end.
    while (!signal.aborted && this.#identity && isAlive(this.#identity))
      await sleep(200, undefined, { signal }).catch(() => {});
  }

  async #port(wanted: number): Promise<number> {
    if (this.#name === 'control') return wanted;
    return (await createRouterClient(this.#config.sockets.router).hello()).port;
  }

  #answers(): Promise<boolean> {
    const path = this.#name === 'control' ? '/healthz' : '/v1/hello';
    const { sockets } = this.#config;
    return new Promise((resolve) => {
      const asked = request({ socketPath: sockets[this.#name], path, agent: false, timeout: 2000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      asked.once('timeout', () => asked.destroy());
      asked.once('error', () => resolve(false));
      asked.end();
    });
  }

  #notStarted(code: number | null): Error {
    const lines = tailOf(join(this.#config.home, 'logs', `${this.#name}.log`));
    const said = lines.at(-1) ?? 'it said nothing';
    if (code === 73) {
      return fail('port-in-use', `the port ${this.#config.port} is taken: ${said}`, {
        advice: 'Stop who has it, or choose another: lockstep up --port N.',
      });
    }
    return fail('internal', `${this.#name} did not start: ${said}`, {
      advice: `See ${join(this.#config.home, 'logs', `${this.#name}.log`)}.`,
      details: { lines: lines.slice(-10) },
    });
  }
}

function heapOf(name: Neighbour): string[] {
  // Small machines: a cap that leaves room to work and makes the collector thrifty.
  return name === 'router' ? ['--max-old-space-size=192', '--max-semi-space-size=4'] : ['--max-semi-space-size=8'];
}

function makeHome(config: Config, own: OwnIdentities): void {
  mkdirSync(config.home, { recursive: true, mode: 0o711 });
  for (const [name, mode] of [
    ['run', 0o711],
    ['logs', 0o711],
    ['control', 0o700],
    ['router', 0o700],
  ] as const) {
    mkdirSync(join(config.home, name), { recursive: true });
    chmodSync(join(config.home, name), mode);
  }
  if (own.control) {
    chownSync(join(config.home, 'control'), own.control.uid, own.control.gid);
  }
  if (own.router) chownSync(join(config.home, 'router'), own.router.uid, own.router.gid);
}

/** Sticky: control makes its own socket there, and cannot touch the others. */
function shareRunFolder(path: string, gid: number): void {
  chownSync(path, 0, gid);
  chmodSync(path, 0o1731);
}

/** Control made its socket; the router must be able to dial it, and nobody else. */
function shareSocket(path: string, own: OwnIdentities): void {
  chownSync(path, own.control!.uid, own.router!.gid);
  chmodSync(path, 0o660);
}

function recordFile(config: Config, name: Neighbour): string {
  return join(config.home, 'run', `${name}.json`);
}

function readRecord(config: Config, name: Neighbour): Record_ | null {
  try {
    return JSON.parse(readFileSync(recordFile(config, name), 'utf8')) as Record_;
  } catch {
    return null;
  }
}

/** Ends a neighbour by its recorded identity: SIGTERM, time to finish, SIGKILL. */
async function stopRecorded(config: Config, name: Neighbour): Promise<void> {
  const running = readRecord(config, name);
  if (!running || !isAlive(running)) return;
  process.kill(running.pid, 'SIGTERM');
  const limit = performance.now() + stopLimitMs;
  while (isAlive(running) && performance.now() < limit) await sleep(10);
  if (isAlive(running)) process.kill(running.pid, 'SIGKILL');
  rmSync(recordFile(config, name), { force: true });
}

function tailOf(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20);
    return lines.map((line) => {
      try {
        return String((JSON.parse(line) as { message?: unknown }).message ?? line);
      } catch {
        return line;
      }
    });
  } catch {
    return [];
  }
}

/** Starts itself again in the background and waits until that serves. */
async function detach(config: Config, argv: UpArguments): Promise<number> {
  mkdirSync(join(config.home, 'logs'), { recursive: true });
  const log = openSync(join(config.home, 'logs', 'agent.log'), 'a', 0o600);
  const words = [
    'up',
    '--json',
    '--home',
    config.home,
    '--port',
    String(config.port),
    '--base',
    config.base,
    ...(argv.isPublic ? ['--public'] : []),
  ];
  const child = spawn(process.execPath, [process.argv[1]!, ...words], {
    stdio: ['ignore', log, log],
    detached: true,
    cwd: '/',
  });
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  let exit: number | null = null;
  void ended.then((code) => {
    exit = code;
  });
  const file = join(config.home, 'run', 'up.json');
  for (const limit = performance.now() + startLimitMs; performance.now() < limit; await sleep(10)) {
    if (exit !== null) break;
    const record = readJson(file);
    if (record?.pid !== child.pid) continue;
    child.unref();
    process.stdout.write(
      argv.isJson
        ? `${JSON.stringify({ event: 'ready', ...record })}\n`
        : `Lockstep serves at ${record?.url} (pid ${child.pid})\n`,
    );
    return 0;
  }
  throw fail('internal', `it did not start: ${tailOf(join(config.home, 'logs', 'agent.log')).at(-1) ?? ''}`, {
    advice: `See ${join(config.home, 'logs', 'agent.log')}.`,
  });
}

function readJson(file: string): { pid?: number; url?: string } | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { pid?: number; url?: string };
  } catch {
    return null;
  }
}

function announce(
  argv: UpArguments,
  record: { url: string; base: string; home: string; pids: object },
  ms: number,
  own: OwnIdentities,
  why: readonly string[],
): void {
  if (argv.isJson) {
    process.stdout.write(`${JSON.stringify({ event: 'ready', ...record, ms })}\n`);
    return;
  }
  const bin = join(programRoot, 'bin');
  const isOnPath = (process.env.PATH ?? '').split(':').some((folder) => statOrNull(join(folder, 'lockstep')) !== null);
  const lines = [
    `Lockstep serves at ${record.url} (home ${record.home}, ${ms} ms)`,
    ...own.why.map((line) => `  note: ${line}`),
    ...why.map((line) => `  note: ${line}`),
    '',
    ...(isOnPath ? [] : ['  have the lockstep command at hand:', `    export PATH="${bin}:$PATH"`, '']),
    '  next, in the Git work tree of a web app:',
    '    lockstep create blog',
    '    git push lockstep main',
    '',
    `  from another machine: lockstep login ${record.url} (the owner's token is in ${join(record.home, 'control', 'owner.token')})`,
    '  Ctrl-C stops everything that was started; --detach leaves it running.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function statOrNull(path: string) {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
