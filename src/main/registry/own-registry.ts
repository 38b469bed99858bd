// The registry of this Lockstep: Debian's docker-registry (CNCF Distribution), started and restarted by `up` where LOCKSTEP_REGISTRY says so. It
// listens on a socket in its own folder that only control can open, asks for tokens that control signed, and tells control what was pushed. It runs
// as a user of its own where Lockstep is root, keeps what it holds under the home, and ends with `up`; one that a killed `up` left behind
// is ended by the next. Its disk is tidied when control says so (`keeper.ts`), while it is stopped and nobody can push.
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from '../../agent/process/proc.ts';
import type { RegistryDisk, RegistryKeeper, RegistryNeeds } from '../../domain/own-image.ts';
import type { Identity } from '../../lib/identity.ts';
import { stopProcess } from '../end-process.ts';
import { registryConfig } from './config.ts';
import type { DiskOrder } from './disk.ts';
import { runToEnd } from './program.ts';
import { type RegistryTrust, readTrust } from './trust.ts';

export type OwnRegistryOptions = {
  home: string;
  program: string;
  /** As whom it runs; null: as we do. */
  identity: Identity | null;
  /** As whom its disk is tidied; null: as we do. */
  diskIdentity: Identity | null;
  /** Who may open its socket; null: we. */
  control: Identity | null;
  /** Where Lockstep is reached on this machine. */
  port(): number;
  log(level: 'info' | 'warn' | 'error', message: string): void;
};

const startMs = 20_000;
const collectMs = 10 * 60_000;
const mostPauseMs = 30_000;
const memory = '128MiB';
const mostAnswerBytes = 64 * 1024 ** 2;

const registryFolder = (home: string): string => join(home, 'registry');
export const registrySocket = (home: string): string => join(registryFolder(home), 'sock');

export class OwnRegistry implements RegistryKeeper {
  readonly #options: OwnRegistryOptions;
  readonly #folder: string;
  readonly #end = new AbortController();
  /** Uploads go on where one registry ended and the next begins. */
  readonly #httpSecret = randomBytes(32).toString('hex');
  #identity: ProcessIdentity | null = null;
  #work: Promise<void> | null = null;
  /** What is done before it serves again; the result tells that it does. */
  #interlude: (() => Promise<() => void>) | null = null;
  #serving: AbortController | null = null;

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

  measure(needs: RegistryNeeds): Promise<RegistryDisk> {
    return this.#onDisk({ what: 'measure', ...mutable(needs) });
  }

  async drop(names: readonly string[]): Promise<void> {
    await this.#onDisk({ what: 'drop', names: [...names] });
  }

  /** One at a time. @throws Error when one is on its way, or the collector failed: then nothing but what nobody needs is gone */
  tidy(needs: RegistryNeeds): Promise<RegistryDisk> {
    if (this.#interlude) return Promise.reject(new Error('the registry is being tidied already'));
    return new Promise((resolve, reject) => {
      this.#interlude = () =>
        this.#tidyNow(needs).then(
          (disk) => () => resolve(disk),
          (error: Error) => () => reject(error),
        );
      this.#end.signal.addEventListener('abort', () => reject(new Error('Lockstep is stopping')), { once: true });
      this.#serving?.abort();
    });
  }

  async #tidyNow(needs: RegistryNeeds): Promise<RegistryDisk> {
    await this.#onDisk({ what: 'clear', ...mutable(needs) });
    if (existsSync(join(this.#folder, 'data', 'docker', 'registry', 'v2', 'repositories'))) {
      const limit = AbortSignal.any([this.#end.signal, AbortSignal.timeout(collectMs)]);
      const how = await this.#run(['garbage-collect', 'config.yml'], limit);
      if (how !== 'exit 0') throw new Error(`the registry's collector ended (${how}); see logs/registry.log`);
    }
    return this.#onDisk({ what: 'links', ...mutable(needs) });
  }

  async #keep(): Promise<void> {
    const { signal } = this.#end;
    await this.#endLeftOver();
    for (let pauseMs = 500; !signal.aborted; pauseMs = Math.min(mostPauseMs, pauseMs * 2)) {
      const tell = (await this.#interlude?.()) ?? (() => {});
      this.#interlude = null;
      if (signal.aborted) return;
      // Control may have made another key since.
      const trust = await this.#untilTrusted(signal);
      if (trust === null) return;
      this.#prepare(trust);
      const startedAtMs = performance.now();
      rmSync(registrySocket(this.#options.home), { force: true });
      this.#serving = new AbortController();
      const how = await this.#run(['serve', 'config.yml'], AbortSignal.any([signal, this.#serving.signal]), () => {
        this.#share(signal)
          .catch((error: Error) => this.#options.log('error', `the registry's socket: ${error.message}`))
          // Whoever had it tidied wants to be served again.
          .finally(tell);
      });
      tell();
      this.#serving = null;
      if (signal.aborted) return;
      if (this.#interlude) continue;
      this.#options.log('warn', `the registry ended (${how}); it is started again`);
      if (performance.now() - startedAtMs > 60_000) pauseMs = 500;
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Control makes what the registry trusts at its own start, which may take a while, and may come later. null: we end. */
  async #untilTrusted(signal: AbortSignal): Promise<RegistryTrust | null> {
    for (;;) {
      const trust = readTrust(this.#options.home);
      if (trust || signal.aborted) return trust;
      await sleep(50, undefined, { signal }).catch(() => {});
    }
  }

  #prepare({ certificate, noticeSecret }: RegistryTrust): void {
    const { identity, home, port } = this.#options;
    const folder = this.#folder;
    mkdirSync(join(folder, 'data'), { recursive: true });
    // Its users may pass, and see nothing.
    chmodSync(folder, 0o711);
    chmodSync(join(folder, 'data'), 0o700);
    const config = registryConfig({
      ...{ folder, socket: registrySocket(home), port: port(), noticeSecret },
      httpSecret: this.#httpSecret,
    });
    const files = { 'tokens.crt': certificate, 'config.yml': JSON.stringify(config) };
    for (const [name, text] of Object.entries(files)) {
      // The folder is the registry's: what it may have put there is not written through.
      rmSync(join(folder, name), { force: true });
      writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
    }
    if (!identity) return;
    for (const path of [folder, join(folder, 'data'), ...Object.keys(files).map((name) => join(folder, name))])
      chownSync(path, identity.uid, identity.gid);
  }

  /** Resolves with how it ended. @param started is called when it has begun */
  async #run(words: readonly string[], signal: AbortSignal, started: () => void = () => {}): Promise<string> {
    const { program, identity, home } = this.#options;
    const { ended } = runToEnd([program, ...words], {
      ...{ cwd: this.#folder, identity, signal, log: join(home, 'logs', 'registry.log') },
      env: { HOME: this.#folder, GOMEMLIMIT: memory, OTEL_TRACES_EXPORTER: 'none' },
      begun: (pid) => {
        this.#identity = identify(pid);
        const file = join(this.#folder, 'process.json');
        rmSync(file, { force: true });
        writeFileSync(file, JSON.stringify(this.#identity), { mode: 0o600, flag: 'wx' });
        started();
      },
    });
    const { how } = await ended;
    this.#identity = null;
    return how;
  }

  async #onDisk(order: DiskOrder): Promise<RegistryDisk> {
    const { diskIdentity: identity, home } = this.#options;
    const data = join(this.#folder, 'data');
    if (!existsSync(data)) return { repositories: [], bytesOfApps: {}, bytes: 0 };
    const file = join(import.meta.dirname, `disk${extname(import.meta.filename)}`);
    const { ended } = runToEnd([process.execPath, '--disable-warning=ExperimentalWarning', file, data], {
      ...{ cwd: this.#folder, identity, log: join(home, 'logs', 'registry.log'), input: JSON.stringify(order) },
      ...{ env: {}, signal: AbortSignal.any([this.#end.signal, AbortSignal.timeout(collectMs)]), mostAnswerBytes },
    });
    const { how, output } = await ended;
    if (how !== 'exit 0') throw new Error(`the registry's disk could not be looked at (${how}); see logs/registry.log`);
    return JSON.parse(output) as RegistryDisk;
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

const mutable = ({ apps, keep, graceMs }: RegistryNeeds) => ({ apps: [...apps], keep: [...keep], graceMs });
