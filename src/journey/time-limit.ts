// A limit of time that may be moved while it runs: how long a gate may take is known only when the repository's files have
// been read. It counts from its making.

export type TimeLimit = Disposable & {
  readonly signal: AbortSignal;
  /** Milliseconds as they stand now. */
  readonly ms: number;
  set(ms: number): void;
};

export function timeLimit(firstMs: number): TimeLimit {
  const over = new AbortController();
  const madeAt = performance.now();
  let ms = firstMs;
  const arm = () =>
    setTimeout(
      () => over.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
      Math.max(0, madeAt + ms - performance.now()),
    ).unref();
  let timer = arm();
  return {
    signal: over.signal,
    get ms() {
      return ms;
    },
    set(wantedMs) {
      if (wantedMs === ms) return;
      clearTimeout(timer);
      ms = wantedMs;
      timer = arm();
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
