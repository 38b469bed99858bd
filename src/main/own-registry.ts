// The registry of this Lockstep: Debian's docker-registry (CNCF Distribution), started and restarted by `up` where LOCKSTEP_REGISTRY says so. It
// listens on a socket in its own folder that only control can open, runs as a user of its own where Lockstep is root, keeps what it holds under
// the home, and reaches nothing. It ends with `up`; one that a killed `up` left behind is ended by the next. What no manifest names any more is
// removed before each start, when nobody can push.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from '../agent/process/proc.ts';
import { stopProcess } from './end-process.ts';

export type OwnRegistryOptions = {
  home: string;
  program: string;
  /** As whom it runs; null: as we do. */
  identity: { uid: number; gid: number } | null;
  /** Who may open its socket; null: we. */
  control: { uid: number; gid: number } | null;
  log(level: 'info' | 'warn' | 'error', message: string): void;
};

const startMs = 20_000;
const collectMs = 10 * 60_000;
const mostPauseMs = 30_000;
const memory = '128MiB';

export const registryFolder = (home: string): string => join(home, 'registry');
export const registrySocket = (home: string): string => join(registryFolder(home), 'sock');

export class OwnRegistry {
  readonly #options: OwnRegistryOptions;
  readonly #folder: string;
  readonly #end = new AbortController();
  #identity: ProcessIdentity | null = null;
  #work: Promise<void> | null = null;

  constructor(options: OwnRegistryOptions) {
    this.#options = options;
    this.#folder = registryFolder(options.home);
  }

  /** Begins; whether it comes up is told in the log, and decides nothing else. */
  start(): void {
    this.#work = this.#keep().catch((error: Error) => this.#options.log('error', `the registry: ${error.message}`));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    if (this.#identity) await stopProcess(this.#identity);
    await this.#work;
    rmSync(join(this.#folder, 'process.json'), { force: true });
  }

  async #keep(): Promise<void> {
    const { signal } = this.#end;
    await this.#endLeftOver();
    this.#prepare();
    for (let pauseMs = 500; !signal.aborted; pauseMs = Math.min(mostPauseMs, pauseMs * 2)) {
      await this.#run(['garbage-collect', 'config.yml'], AbortSignal.any([signal, AbortSignal.timeout(collectMs)]));
      if (signal.aborted) return;
      const startedAtMs = performance.now();
      rmSync(registrySocket(this.#options.home), { force: true });
      const how = await this.#run(['serve', 'config.yml'], signal, () => {
        this.#share(signal).catch((error: Error) =>
          this.#options.log('error', `the registry's socket: ${error.message}`),
        );
      });
      if (signal.aborted) return;
      this.#options.log('warn', `the registry ended (${how}); it is started again`);
      if (performance.now() - startedAtMs > 60_000) pauseMs = 500;
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  #prepare(): void {
    const { identity } = this.#options;
    mkdirSync(join(this.#folder, 'data'), { recursive: true });
    // Its users may pass, and see nothing.
    chmodSync(this.#folder, 0o711);
    chmodSync(join(this.#folder, 'data'), 0o700);
    writeFileSync(join(this.#folder, 'config.yml'), JSON.stringify(this.#config()), { mode: 0o600 });
    if (!identity) return;
    for (const path of [this.#folder, join(this.#folder, 'data'), join(this.#folder, 'config.yml')])
      chownSync(path, identity.uid, identity.gid);
  }

  #config(): object {
    const { home } = this.#options;
    return {
      version: 0.1,
      log: { level: 'warn', accesslog: { disabled: true } },
      storage: {
        filesystem: { rootdirectory: join(this.#folder, 'data'), maxthreads: 25 },
        delete: { enabled: true },
        maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '6h', dryrun: false } },
      },
      // Who asks is control, which knows by which name it was asked.
      http: { net: 'unix', addr: registrySocket(home), relativeurls: true, secret: randomBytes(32).toString('hex') },
    };
  }

  /** Resolves with how it ended. @param started is called when it has begun */
  async #run(words: readonly string[], signal: AbortSignal, started: () => void = () => {}): Promise<string> {
    const { program, identity, home } = this.#options;
    const log = openSync(join(home, 'logs', 'registry.log'), 'a', 0o600);
    let child: ChildProcess;
    try {
      child = spawn(program, [...words], {
        cwd: this.#folder,
        env: { PATH: '/usr/bin:/bin', HOME: this.#folder, GOMEMLIMIT: memory, OTEL_TRACES_EXPORTER: 'none' },
        stdio: ['ignore', log, log],
        ...(identity ? { uid: identity.uid, gid: identity.gid } : {}),
      });
    } finally {
      closeSync(log);
    }
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, name) => resolve(name ?? `exit ${code}`));
    });
    if (child.pid !== undefined) {
      this.#identity = identify(child.pid);
      writeFileSync(join(this.#folder, 'process.json'), JSON.stringify(this.#identity), { mode: 0o600 });
      started();
    }
    const kill = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    const how = await ended;
    signal.removeEventListener('abort', kill);
    this.#identity = null;
    return how;
  }

  /** Its socket is control's, as soon as it is there. */
  async #share(signal: AbortSignal): Promise<void> {
    const socket = registrySocket(this.#options.home);
    const { control } = this.#options;
    for (const end = performance.now() + startMs; performance.now() < end && !signal.aborted; ) {
      if (existsSync(socket)) {
        chmodSync(socket, 0o600);
        if (control) chownSync(socket, control.uid, control.gid);
        this.#options.log('info', 'the registry serves');
        return;
      }
      await sleep(20);
    }
  }

  async #endLeftOver(): Promise<void> {
    try {
      const left = JSON.parse(readFileSync(join(this.#folder, 'process.json'), 'utf8')) as ProcessIdentity | null;
      if (left && isAlive(left)) await stopProcess(left);
    } catch {
      // There is none, or nobody can say.
    }
    rmSync(registrySocket(this.#options.home), { force: true });
  }
}
