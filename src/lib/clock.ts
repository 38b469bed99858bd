// Two clocks, and why. The wall clock (`Date.now()`) may be set by whoever keeps the machine: it says what day it is, whether a
// token has run out, and what stands in a log. The steady clock never jumps while a process lives: everything that is
// measured, waited for or compared uses it. It begins at the wall clock's time, so that a moment can be shown.

/** Milliseconds since the epoch as this process's start knew it, with fractions, never going back. */
export function steadyMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Moments for ids that sort by time: each is later than the one before, also when the wall clock goes back.
 * `raiseTo` takes over from what an earlier process gave out.
 */
export class RisingClock {
  readonly #wallMs: () => number;
  #lastMs = 0;

  constructor(wallMs: () => number = () => Date.now()) {
    this.#wallMs = wallMs;
  }

  next(): number {
    this.#lastMs = Math.max(Math.floor(this.#wallMs()), this.#lastMs + 1);
    return this.#lastMs;
  }

  raiseTo(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
  }
}

/** A moment that an earlier process wrote down, when the wall clock may have been ahead: never later than now. */
export const notLater = (writtenMs: number, nowMs: number): number => Math.min(writtenMs, nowMs);
