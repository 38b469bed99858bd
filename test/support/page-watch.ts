// A visitor who never stops: asks an app's page every few milliseconds, half on fresh and half on kept connections, and
// keeps what must never be: a failed request outside of the times that a test excuses, and an older page after a newer one.
// A page's number stands in its body, or is that of its release, for apps that go back to an earlier page on purpose.
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page, Stage } from './stage.ts';

type Failure = { startedAtMs: number; endedAtMs: number; isFresh: boolean; isRefused: boolean; why: string };

/** Of a process that is down: it refuses, or the connection ends with it. */
const refusals: readonly string[] = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

/** The number of the release that answered, for a page that is whole. */
export const releaseNumber =
  (isWhole: RegExp) =>
  ({ body, headers }: Page): number =>
    isWhole.test(body) ? Number(/^v(\d+)$/.exec(String(headers['x-lockstep-release']))?.[1]) : Number.NaN;

export class PageWatch {
  readonly #stage: Stage;
  readonly #app: string;
  readonly #numberOf: (page: Page) => number;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #end = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #failures: Failure[] = [];
  readonly #excused: { fromMs: number; toMs: number; isForRefusals: boolean }[] = [];
  readonly #goneBack: string[] = [];
  readonly #done: Promise<void>;
  requests = 0;
  /** The highest number that a page has shown. */
  newest = 0;

  /** @param number a pattern whose first group is the page's number, or what tells the number (NaN: not a whole page) */
  constructor(stage: Stage, app: string, number: RegExp | ((page: Page) => number), everyMs = 5) {
    this.#stage = stage;
    this.#app = app;
    this.#numberOf = number instanceof RegExp ? ({ body }) => Number(number.exec(body)?.[1] ?? Number.NaN) : number;
    this.#done = this.#run(everyMs);
  }

  /** Failures of requests that overlap `work` are not counted; with `refusals` only connections that were refused or cut are not. */
  async excuse<T>(work: () => Promise<T>, only: 'refusals' | null = null): Promise<T> {
    const time = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY, isForRefusals: only !== null };
    this.#excused.push(time);
    const result = await work();
    time.toMs = performance.now();
    return result;
  }

  /** What went wrong so far, in words; empty when nothing did. */
  problems(): string[] {
    const counted = this.#failures.filter(
      (one) =>
        !this.#excused.some(
          ({ fromMs, toMs, isForRefusals }) =>
            one.endedAtMs >= fromMs && one.startedAtMs <= toMs && (one.isRefused || !isForRefusals),
        ),
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
      const shown = this.#numberOf(page);
      if (page.status !== 200 || Number.isNaN(shown))
        throw new Error(
          `${page.status} ${page.headers['x-lockstep-code']} ${page.headers['x-lockstep-release']} ${page.body.slice(0, 100)}`,
        );
      if (shown < newestBefore) this.#goneBack.push(`page ${shown} after page ${newestBefore}`);
      this.newest = Math.max(this.newest, shown);
    } catch (error) {
      const why = (error as Error).message;
      const isRefused = refusals.includes((error as NodeJS.ErrnoException).code ?? '');
      this.#failures.push({ startedAtMs, endedAtMs: performance.now(), isFresh, isRefused, why });
    }
  }
}
