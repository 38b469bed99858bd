// A visitor who never stops: asks an app's page every few milliseconds, half on fresh and half on kept connections, and
// keeps what must never be: a failed request outside of the times that a test excuses, and an older page after a newer one.
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from './stage.ts';

type Failure = { startedAtMs: number; endedAtMs: number; isFresh: boolean; why: string };

export class PageWatch {
  readonly #stage: Stage;
  readonly #app: string;
  readonly #pattern: RegExp;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #end = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #failures: Failure[] = [];
  readonly #excused: { fromMs: number; toMs: number }[] = [];
  readonly #goneBack: string[] = [];
  readonly #done: Promise<void>;
  requests = 0;
  /** The highest number that a page has shown. */
  newest = 0;

  /** @param pattern its first group is the page's number */
  constructor(stage: Stage, app: string, pattern: RegExp, everyMs = 5) {
    this.#stage = stage;
    this.#app = app;
    this.#pattern = pattern;
    this.#done = this.#run(everyMs);
  }

  /** Failures of requests that overlap `work` are not counted. */
  async excuse<T>(work: () => Promise<T>): Promise<T> {
    const time = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    this.#excused.push(time);
    const result = await work();
    time.toMs = performance.now();
    return result;
  }

  /** What went wrong so far, in words; empty when nothing did. */
  problems(): string[] {
    const counted = this.#failures.filter(
      (one) => !this.#excused.some(({ fromMs, toMs }) => one.endedAtMs >= fromMs && one.startedAtMs <= toMs),
    );
    const said = counted.map(
      ({ startedAtMs, endedAtMs, isFresh, why }) =>
        `${isFresh ? 'fresh' : 'kept'} ${Math.round(startedAtMs)}+${Math.round(endedAtMs - startedAtMs)} ms: ${why}`,
    );
    const all = [...said, ...this.#goneBack];
    return all.length > 6 ? [...all.slice(0, 3), `… ${all.length - 6} more`, ...all.slice(-3)] : all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
    this.#kept.destroy();
  }

  async #run(everyMs: number): Promise<void> {
    for (let count = 0; !this.#end.signal.aborted; count += 1) {
      if (this.#inFlight.size < 100) {
        const one = this.#ask(count % 2 === 0).finally(() => this.#inFlight.delete(one));
        this.#inFlight.add(one);
      }
      await sleep(everyMs);
    }
    await Promise.all(this.#inFlight);
  }

  async #ask(isFresh: boolean): Promise<void> {
    const startedAtMs = performance.now();
    const newestBefore = this.newest;
    this.requests += 1;
    try {
      const page = await this.#stage.get(this.#app, '/', isFresh ? null : this.#kept);
      const shown = Number(this.#pattern.exec(page.body)?.[1] ?? Number.NaN);
      if (page.status !== 200 || Number.isNaN(shown))
        throw new Error(
          `${page.status} ${page.headers['x-lockstep-code']} ${page.headers['x-lockstep-release']} ${page.body.slice(0, 100)}`,
        );
      if (shown < newestBefore) this.#goneBack.push(`page ${shown} after page ${newestBefore}`);
      this.newest = Math.max(this.newest, shown);
    } catch (error) {
      const why = (error as Error).message;
      this.#failures.push({ startedAtMs, endedAtMs: performance.now(), isFresh, why });
    }
  }
}
