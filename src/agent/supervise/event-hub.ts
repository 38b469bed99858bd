// Tells many listeners what changed. Each has a queue of its own; one that is too slow is let go, and connects again to
// get the whole state, rather than holding memory or getting a stream with holes.
import type { AgentEvent } from '../../domain/observed.ts';

export const queueEvents = 10_000;

export class EventHub {
  readonly #listeners = new Set<(event: AgentEvent) => void>();

  emit(event: AgentEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** `first()` is told before anything that happens after the call. Ends with the signal, or when the listener is too slow. */
  async *listen(first: () => AgentEvent, signal: AbortSignal): AsyncGenerator<AgentEvent, void, void> {
    const queue: AgentEvent[] = [];
    let wake: () => void = () => {};
    let isTooSlow = false;
    const take = (event: AgentEvent) => {
      if (queue.length >= queueEvents) isTooSlow = true;
      else queue.push(event);
      wake();
    };
    const stop = () => wake();
    this.#listeners.add(take);
    signal.addEventListener('abort', stop);
    try {
      yield first();
      while (!signal.aborted && !isTooSlow) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#listeners.delete(take);
      signal.removeEventListener('abort', stop);
    }
  }
}
