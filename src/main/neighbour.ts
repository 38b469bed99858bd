// Control and router as the agent's neighbours: started, watched, started again, and taken over when they outlived the
// agent that started them. Each is known again by pid and start time (`neighbour-record.ts`).
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, openSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { identify, isAlive, type ProcessIdentity } from '../agent/process/proc.ts';
import type { Config } from '../config/config.ts';
import { diskFailure } from '../domain/disk-failure.ts';
import { nodeEnv } from '../lib/node-env.ts';
import { createRouterClient } from '../router/client.ts';
import { routerNodeFlags } from '../router/node-flags.ts';
import { killProcess, stopProcess } from './end-process.ts';
import { lengthOf } from './log-tail.ts';
import { type Exit, notStarted, startLimitMs } from './neighbour-not-started.ts';
import { probeNeighbour, type Refusal } from './neighbour-probe.ts';
import { type NeighbourName, readRecord, removeRecord, writeRecord } from './neighbour-record.ts';
import type { OwnIdentities } from './up-checks.ts';
import { programRoot, programVersion } from './version.ts';

const program = `${programRoot}@${programVersion}`;
const quickResolve = pathToFileURL(join(programRoot, 'bin', 'quick-resolve.mjs')).href;
/** One that lives and answers nothing for so long is frozen or stuck: it is ended, and started again. */
const usualTimes = { silentMs: 30_000, lookMs: 5000 };
const recordAgainMs = 500;

/** A neighbour that is started, watched and started again. */
export class Neighbour {
  readonly #name: NeighbourName;
  readonly #config: Config;
  readonly #own: OwnIdentities;
  readonly #words: () => string[];
  readonly #times: typeof usualTimes;
  #identity: ProcessIdentity | null = null;
  #refusal: Refusal | null = null;
  #isUnasked = false;
  #child: ChildProcess | null = null;
  #recordsLater: NodeJS.Timeout | undefined;

  constructor(name: NeighbourName, config: Config, own: OwnIdentities, words: () => string[], times = usualTimes) {
    this.#name = name;
    this.#config = config;
    this.#own = own;
    this.#words = words;
    this.#times = times;
  }

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }

  /** It runs, and says that it cannot do its work; null: it can, as far as it said last. */
  get refusal(): Refusal | null {
    return this.#refusal;
  }

  /** Started here, and not taken over. */
  get isOurs(): boolean {
    return this.#child !== null;
  }

  /** Takes over the one that runs, when it is the same program on the same port; else starts one, and waits until it answers. */
  async start(port: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const running = readRecord(this.#config, this.#name);
    if (running && isAlive(running)) {
      if (running.program === program && (port === 0 || running.port === port) && (await this.#answers())) {
        this.#identity = running;
        // Whoever started it may have died before it came to this.
        this.#share();
        return;
      }
      await stopRecorded(this.#config, this.#name);
    }
    const who = { name: this.#name, config: this.#config, log: this.#log };
    const saidBefore = lengthOf(this.#log);
    const child = await this.#spawn(port);
    const limit = AbortSignal.timeout(startLimitMs);
    let exit: Exit | null = null;
    child.once('exit', (code, signal) => {
      exit = { code, signal };
    });
    // A question costs a thousand times a look: nobody is asked who has no socket yet.
    const socket = this.#config.sockets[this.#name];
    while (!existsSync(socket) || !(await this.#answers())) {
      if (exit !== null) throw notStarted(exit, who, saidBefore);
      if (limit.aborted) throw notStarted(null, who, saidBefore);
      signal.throwIfAborted();
      await sleep(5);
    }
    this.#share();
    this.#recordWhenItCan(await this.#port(port));
  }

  /** Resolves when it runs; what it was given of ours is closed either way. */
  async #spawn(port: number): Promise<ChildProcess> {
    const file = join(import.meta.dirname, `${this.#name}${extname(import.meta.filename)}`);
    const identity = this.#name === 'control' ? this.#own.control : null;
    const log = openSync(this.#log, 'a', 0o600);
    try {
      const child = spawn(
        process.execPath,
        [
          ...['--disable-warning=ExperimentalWarning', ...heapOf(this.#name), '--import', quickResolve],
          ...[file, ...this.#words()],
        ],
        {
          cwd: this.#config.home,
          env: { ...process.env, ...nodeEnv, ...this.#compiled(), LOCKSTEP_HOME: this.#config.home },
          stdio: ['ignore', log, log],
          detached: true,
          ...(identity ? { uid: identity.uid, gid: identity.gid } : {}),
        },
      );
      this.#child = child;
      const begun = new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      begun.catch(() => {});
      // In the same breath: an agent that dies from here on leaves a neighbour that the next one knows, and not a second one.
      const { pid } = child;
      if (pid !== undefined) {
        this.#identity = identify(pid) ?? { pid, startTicks: 0 };
        this.#recordWhenItCan(port);
      }
      await begun;
      child.unref();
      return child;
    } finally {
      closeSync(log);
    }
  }

  get #log(): string {
    return join(this.#config.home, 'logs', `${this.#name}.log`);
  }

  /** Where Node keeps what it compiled (`keep-compiled.ts`): a folder of its own, for it runs what it finds there. */
  #compiled(): { NODE_COMPILE_CACHE: string } {
    const named = process.env.NODE_COMPILE_CACHE || join(this.#config.home, 'compiled', this.#name, programVersion);
    return { NODE_COMPILE_CACHE: named };
  }

  /** Without room for it the neighbour starts and serves all the same, and is recorded as soon as there is some. */
  #recordWhenItCan(port: number): void {
    clearTimeout(this.#recordsLater);
    try {
      writeRecord(this.#config, this.#name, { ...this.#identity!, program, port });
    } catch (error) {
      if (diskFailure(error) === null) throw error;
      this.#recordsLater = setTimeout(() => this.#isThere() && this.#recordWhenItCan(port), recordAgainMs);
      this.#recordsLater.unref();
    }
  }

  #isThere(): boolean {
    return this.#identity !== null && isAlive(this.#identity);
  }

  /** Control made its socket; the router must be able to dial it, and nobody else. */
  #share(): void {
    if (this.#name === 'control' && this.#own.control) shareSocket(this.#config.sockets.control, this.#own);
  }

  /** Starts it again whenever it ends, with a back-off, until the signal. */
  async keep(
    port: number,
    signal: AbortSignal,
    onRestart: () => Promise<void>,
    log: (line: { level: string; message: string }) => void,
  ): Promise<void> {
    for (let pauseMs = 10; !signal.aborted; ) {
      const since = performance.now();
      const why = await this.#end(signal);
      if (signal.aborted) return;
      if (performance.now() - since > 10_000) pauseMs = 10;
      log({ level: 'error', message: `${this.#name} ${why}; starting it again` });
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(5000, pauseMs * 2);
      if (signal.aborted) return;
      await this.start(port, signal)
        .then(onRestart)
        .catch((error: Error) => {
          if (!signal.aborted) log({ level: 'error', message: error.message });
        });
    }
  }

  /** Ends it, also when it had not answered yet. */
  async stop(): Promise<void> {
    clearTimeout(this.#recordsLater);
    try {
      await stopRecorded(this.#config, this.#name);
    } finally {
      if (this.#identity) await stopProcess(this.#identity);
    }
  }

  /** Resolves when it has ended, by itself or by us because it was silent; or with the signal. */
  async #end(signal: AbortSignal): Promise<string> {
    const isOver = new AbortController();
    const until = AbortSignal.any([signal, isOver.signal]);
    // Whoever is ended for its silence has ended, too: that news may be the quicker one.
    let silence: string | null = null;
    const fallen = this.#fallsSilent(until, (why) => {
      silence = why;
    });
    try {
      await Promise.race([this.#ended(until), fallen]);
      return silence ?? 'ended';
    } finally {
      isOver.abort();
    }
  }

  /** @param say told before it is ended */
  async #fallsSilent(signal: AbortSignal, say: (why: string) => void): Promise<void> {
    for (let heardAt = performance.now(); !signal.aborted; ) {
      await sleep(this.#times.lookMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      // A look that could not be taken is no silence: a process without descriptors must not end those that serve.
      if ((await this.#answers()) || this.#isUnasked) heardAt = performance.now();
      if (signal.aborted) break; // it has ended, and the next one may be there by now
      const silentMs = performance.now() - heardAt;
      if (silentMs < this.#times.silentMs || !this.#identity) continue;
      say(`answered nothing for ${Math.round(silentMs / 1000)} s, and was ended`);
      return await killProcess(this.#identity);
    }
  }

  async #ended(signal: AbortSignal): Promise<void> {
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

  /** Resolves once it does its work, or with the signal. */
  async untilWilling(signal: AbortSignal): Promise<void> {
    while (this.#refusal !== null && !signal.aborted) {
      await sleep(500, undefined, { signal }).catch(() => {});
      await this.#answers();
    }
  }

  /** It speaks: it works, or says why it cannot. One that says nothing has taken nothing back. */
  async #answers(): Promise<boolean> {
    const path = this.#name === 'control' ? '/healthz' : '/v1/hello';
    const probe = await probeNeighbour(this.#config.sockets[this.#name], path);
    this.#isUnasked = probe?.isUnasked ?? false;
    if (probe !== null && !this.#isUnasked) this.#refusal = probe.refusal;
    return probe?.isUp ?? false;
  }
}

function heapOf(name: NeighbourName): string[] {
  // Small machines: a cap that leaves room to work and makes the collector thrifty.
  return name === 'router' ? [...routerNodeFlags] : ['--max-semi-space-size=2'];
}

function shareSocket(path: string, own: OwnIdentities): void {
  chownSync(path, own.control!.uid, own.router!.gid);
  chmodSync(path, 0o660);
}

/** Ends the neighbour that the record names. */
async function stopRecorded(config: Config, name: NeighbourName): Promise<void> {
  const running = readRecord(config, name);
  if (running) await stopProcess(running);
  removeRecord(config, name);
}
