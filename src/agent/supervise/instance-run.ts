// One run of an instance: from a process that has just started, or was adopted, to the last process of it. Notices health,
// its loss, memory kills and the exit, and ends what it cannot watch. It decides nothing: what becomes of the instance is
// told to it as `over`, once for each run, unless somebody has ended the run before.
import { setTimeout as pause } from 'node:timers/promises';
import type { DesiredSet, HealthCheck } from '../../domain/desired.ts';
import type { InstanceView } from '../desired/converge.ts';
import { probe } from '../health/probe.ts';
import { type Exit, type Healthy, waitHealthy } from '../health/wait-healthy.ts';
import type { Reached } from '../process/reached.ts';
import type { Running } from '../runtimes/runtime.ts';
import { exitReason } from './exit-reason.ts';
import type { InstanceParts } from './instance-parts.ts';
import { flapLooks, keepProbing } from './keep-probing.ts';

const warmUpMs = 1000;

export type RunParts = Pick<InstanceParts, 'timings' | 'nowMs'> & {
  /** The instance as it is now; read only. */
  view: Readonly<InstanceView>;
  memoryBytes: number;
  /** Where it listens, as far as is known. */
  address(): string;
  /** Its last lines. */
  outputTail(): string[];
  healthy(found: Healthy): void;
  /** Fell ill (`why`), or answers again (null). */
  health(status: number | null, why: string | null): void;
  memoryKill(): void;
  /** Of the last `of` probes so many failed; null: it is well again. */
  flapping(failed: { count: number; of: number } | null): void;
  /** It ran into this since the last look. */
  reached(what: readonly Reached[]): void;
  /** Nothing of it is left. `status`: the last that a probe of its start got. */
  over(end: { reason: string; notes: string[]; isOutOfMemory: boolean; status?: number | null }): void;
  failed(error: unknown): void;
};

export class InstanceRun {
  readonly #parts: RunParts;
  readonly #running: Running;
  readonly #wanted = Promise.withResolvers<DesiredSet>();
  /** Ends the watch: the run is being stopped, or we leave. */
  readonly #quit = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #seenOomKills = 0;
  #oomKillsAtLook = 0;

  constructor(parts: RunParts, running: Running) {
    this.#parts = parts;
    this.#running = running;
  }

  pids(): number[] {
    return this.#running.pids();
  }

  get place(): Running['place'] {
    return this.#running.place;
  }

  get folders(): Running['folders'] {
    return this.#running.folders;
  }

  usage(): ReturnType<Running['usage']> {
    return this.#running.usage();
  }

  /** At what it runs into: called every second or so while it runs. */
  look(): void {
    const reached = this.#running.look();
    if (reached.length > 0) this.#parts.reached(reached);
    const kills = this.#running.oomKills();
    // A look later, so that the end of the whole tells it, when that is what follows.
    if (kills > this.#seenOomKills && kills === this.#oomKillsAtLook) {
      this.#seenOomKills = kills;
      this.#parts.memoryKill();
    }
    this.#oomKillsAtLook = kills;
  }

  /** Begins to watch. @param set null: nothing wants it, as far as is known, and only its end is watched */
  watch(set: DesiredSet | null): void {
    this.#watching = this.#watch(set);
  }

  /** It is wanted after all: its health is looked at from now on. Nothing changes for one that was known to be wanted. */
  want(set: DesiredSet): void {
    this.#wanted.resolve(set);
  }

  /** Kills it; its end is told as any other. */
  kill(): void {
    void this.#running.stop(0).catch(() => {}); // whoever wants it gone asks again
  }

  /** SIGTERM, grace, SIGKILL. Resolves when nothing of it is left and its last words are read. */
  async end(graceMs: number): Promise<void> {
    this.#quit.abort();
    await this.#running.stop(graceMs);
    await this.#watching;
    await this.#drainOutput();
  }

  /** Looks away: it runs on. */
  leave(): void {
    this.#quit.abort();
    this.#running.leave();
  }

  async #watch(set: DesiredSet | null): Promise<void> {
    const { view } = this.#parts;
    const { startedAtMs } = view;
    const quit = this.#quit.signal;
    const running = this.#running;
    try {
      const wanted =
        set ?? (await Promise.race([this.#wanted.promise, running.exited.then(() => null), aborted(quit)]));
      const check = view.type === 'web' ? wanted : null;
      if (view.state === 'starting' && check !== null && !(await this.#becomesHealthy(check))) return;
      const probing = check === null ? null : this.#keepProbing(check);
      const exit = await Promise.race([running.exited, aborted(quit), errorOf(probing)]);
      if (exit === null || quit.aborted) return;
      this.#quit.abort();
      await probing;
      await running.stop(0);
      await this.#drainOutput();
      // A memory kill that was told before is not why it ended now.
      const isOutOfMemory = exit.isOutOfMemory && running.oomKills() > this.#seenOomKills;
      this.#parts.over({ reason: this.#reasonOf({ ...exit, isOutOfMemory }, startedAtMs), notes: [], isOutOfMemory });
    } catch (error) {
      // An error of ours: what nobody watches must not run.
      await running.stop(0).catch(() => {}); // asked again by whoever ends the instance
      this.#parts.failed(error);
    }
  }

  /** True when it answers. Else it has been ended, and that told; or it is being stopped. */
  async #becomesHealthy({ health, artifact }: DesiredSet): Promise<boolean> {
    const quit = this.#quit.signal;
    const running = this.#running;
    const { view } = this.#parts;
    const spentMs = this.#parts.nowMs() - view.startedAtMs;
    const exit: { value: Exit | null } = { value: null };
    const result = await waitHealthy({
      port: view.port!,
      check: { ...health, timeoutMs: Math.max(1, health.timeoutMs - spentMs) },
      pids: () => running.pids(),
      place: running.place,
      ports: artifact.image?.ports ?? [],
      exited: running.exited.then((one) => {
        exit.value = one;
        return one;
      }),
      logTail: async () => {
        if (exit.value !== null) await this.#drainOutput();
        return this.#parts.outputTail();
      },
      signal: quit,
    });
    if (quit.aborted) return false;
    if (result.healthy) {
      this.#parts.healthy(result);
      this.#warmUp(health, result);
      return true;
    }
    this.#quit.abort();
    await running.stop(0);
    await this.#drainOutput();
    const reason =
      result.endedBy === 'exit' && exit.value !== null ? this.#reasonOf(exit.value, view.startedAtMs) : result.reason;
    const notes = [...(result.cause === null ? [] : [result.cause]), ...result.notes];
    const isOutOfMemory = exit.value?.isOutOfMemory ?? false;
    this.#parts.over({ reason, notes, isOutOfMemory, status: result.status });
    return false;
  }

  /**
   * Asks for the front page once, when health was asked of another: a process's first page is slow (templates are compiled,
   * connections opened), and no visitor has to wait for it. What it answers does not matter. Measured with gunicorn and
   * Flask: the first page after `/health` took 16 to 57 ms, the next ones 2 to 6.
   */
  #warmUp(health: HealthCheck, { address, port }: Healthy): void {
    if (health.path === '/') return;
    void probe({ address, port, path: '/', host: health.host, timeoutMs: warmUpMs, signal: this.#quit.signal });
  }

  #keepProbing({ health: check }: DesiredSet): Promise<void> {
    const { timings, view } = this.#parts;
    return keepProbing(
      {
        check,
        target: () => ({ address: this.#parts.address(), port: view.port! }),
        probeMs: timings.probeMs,
        failures: timings.probeFailures,
        onIll: (status, why) => this.#parts.health(status, why),
        onWell: (status) => this.#parts.health(status, null),
        onFlapping: (failed) => this.#parts.flapping(failed === null ? null : { count: failed, of: flapLooks }),
        signal: this.#quit.signal,
      },
      view.state === 'unhealthy',
    );
  }

  #reasonOf(exit: Exit, startedAtMs: number): string {
    return exitReason(exit, this.#parts.nowMs() - startedAtMs, this.#parts.memoryBytes);
  }

  async #drainOutput(): Promise<void> {
    const { outputEnded, lastWordsMs } = this.#running;
    await Promise.race([outputEnded, pause(lastWordsMs, undefined, { ref: false })]);
  }
}

/** Rejects when the work does, and never settles else. */
function errorOf(work: Promise<void> | null): Promise<never> {
  return new Promise((_, reject) => void work?.catch(reject));
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}
