// Something that happens again and again is told at once, and then at most every ten minutes: a ledger is for people.

export const againMs = 10 * 60_000;

export class ToldRarely {
  readonly #toldAtMs = new Map<string, number>();

  /** True when it is to be told now; it counts as told then. */
  isDue(what: string, nowMs: number): boolean {
    const toldAtMs = this.#toldAtMs.get(what);
    if (toldAtMs !== undefined && nowMs - toldAtMs < againMs) return false;
    this.#toldAtMs.set(what, nowMs);
    return true;
  }
}
