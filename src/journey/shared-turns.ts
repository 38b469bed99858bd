// One piece of heavy work at a time, of which many may want the same: who asks the same question while it waits for its turn gets
// the one answer. Nobody joins work that has begun: its answer may be older than the question. So of each question there is at most
// one at work and one that waits, and of all that wait at most `mostWaiting`.
import { fail } from '../domain/errors.ts';
import { Semaphore } from '../lib/semaphore.ts';

export class SharedTurns {
  readonly #turn = new Semaphore(1);
  readonly #mostWaiting: number;
  readonly #coming = new Map<string, Promise<unknown>>();

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting;
  }

  /** @throws busy when too many wait; the signal's reason */
  async share<T>(question: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const coming = this.#coming.get(question);
    if (coming !== undefined) return coming as Promise<T>;
    const forget = (): void => void this.#coming.delete(question);
    const run = this.alone(signal, () => {
      forget();
      return work();
    });
    this.#coming.set(question, run);
    return run.finally(() => {
      if (this.#coming.get(question) === run) forget();
    });
  }

  /** Work that nobody shares. @throws busy when too many wait; the signal's reason */
  async alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#turn.waiting >= this.#mostWaiting)
      throw fail('busy', 'Too many have asked for this, and wait', { advice: 'Try again in a minute.' });
    using _turn = await this.#turn.take(signal);
    return await work();
  }
}
