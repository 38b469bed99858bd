// How often something may happen, for each of many keys: a bucket that holds so many and is refilled at a steady pace. Buckets that are full
// again are forgotten, so only keys that were just busy cost anything; the clock comes in.
export type Pace = { /** At once. */ burst: number; everyMs: number };

type Bucket = { left: number; atMs: number };

export class Rate {
  readonly #pace: Pace;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(pace: Pace, now: () => number) {
    this.#pace = pace;
    this.#now = now;
  }

  /** Takes one; false: there is none left now. */
  take(key: string): boolean {
    const { burst, everyMs } = this.#pace;
    const nowMs = this.#now();
    if (this.#buckets.size >= 1000) this.#forgetFull(nowMs);
    const { left, atMs } = this.#buckets.get(key) ?? { left: burst, atMs: nowMs };
    const refilled = Math.min(burst, left + (nowMs - atMs) / everyMs);
    const isThere = refilled >= 1;
    this.#buckets.set(key, { left: isThere ? refilled - 1 : refilled, atMs: nowMs });
    return isThere;
  }

  #forgetFull(nowMs: number): void {
    const { burst, everyMs } = this.#pace;
    for (const [key, { left, atMs }] of this.#buckets)
      if (left + (nowMs - atMs) / everyMs >= burst) this.#buckets.delete(key);
  }
}
