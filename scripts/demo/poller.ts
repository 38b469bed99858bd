// A visitor who never stops: a steady number of requests a second, every other one on a connection of its own, the rest on
// kept ones. A connection error, a time-out and a wrong page are failures alike.
import { Agent } from 'node:http';
import { type Address, type Answer, ask, now } from './ask.ts';
import { isSamePage, type Page, readPage, type Timeline } from './timeline.ts';

export type PollerReport = {
  requests: number;
  failed: number;
  /** The first failures, for people. */
  problems: readonly string[];
  perSecond: number;
  slowestMs: number;
};

export class Poller {
  readonly #address: Address;
  readonly #timeline: Timeline;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 16 });
  readonly #inFlight = new Set<Promise<void>>();
  readonly #startedAt = now();
  readonly #timer: NodeJS.Timeout;
  readonly #problems: string[] = [];
  #requests = 0;
  #failed = 0;
  #slowestMs = 0;

  /** Starts at once. A late tick is made up for, so that the rate holds also on a busy machine. */
  constructor(address: Address, timeline: Timeline, perSecond = 60) {
    this.#address = address;
    this.#timeline = timeline;
    this.#timer = setInterval(() => {
      while (this.#requests < ((now() - this.#startedAt) * perSecond) / 1000) this.#send();
    }, 4);
  }

  #send(): void {
    const agent = this.#requests % 2 === 0 ? null : this.#kept;
    this.#requests += 1;
    const one = ask(this.#address, { agent })
      .then((answer) => this.judge(answer))
      .catch((error: Error) => this.#fail(error.message))
      .finally(() => this.#inFlight.delete(one));
    this.#inFlight.add(one);
  }

  /** Judges an answer that somebody else got, too. */
  judge(answer: Answer): void {
    this.#slowestMs = Math.max(this.#slowestMs, answer.endedAt - answer.startedAt);
    const wrong = this.#timeline.judge(answer);
    if (wrong !== null) this.#fail(wrong);
  }

  #fail(why: string): void {
    this.#failed += 1;
    if (this.#problems.length < 20) this.#problems.push(`${new Date().toISOString()} ${why}`);
  }

  get failed(): number {
    return this.#failed;
  }

  /** Waits for what is under way; idempotent. */
  async stop(): Promise<PollerReport> {
    const seconds = (now() - this.#startedAt) / 1000;
    clearInterval(this.#timer);
    await Promise.all(this.#inFlight);
    this.#kept.destroy();
    return {
      requests: this.#requests,
      failed: this.#failed,
      problems: this.#problems,
      perSecond: this.#requests / seconds,
      slowestMs: this.#slowestMs,
    };
  }
}

/**
 * Asks every `everyMs`, one request after the other, until the page is there; when its first byte came, in milliseconds since the
 * epoch. Rejects when the signal ends the wait. Each answer is shown to `onAnswer`.
 */
export async function watchFor(
  page: Page,
  address: Address,
  signal: AbortSignal,
  onAnswer: (answer: Answer) => void = () => {},
  everyMs = 5,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (;;) {
      signal.throwIfAborted();
      const startedAt = now();
      const answer = await ask(address, { agent }).catch(() => null);
      if (answer) onAnswer(answer);
      if (answer?.status === 200 && isSamePage(readPage(answer.body), page)) return answer.firstByteAt;
      const pauseMs = everyMs - (now() - startedAt);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    agent.destroy();
  }
}
