// Where whoever follows the ledger waits until it has grown; it asks the store itself what came.
export class LedgerGrowth {
  #next = Promise.withResolvers<void>();

  announce(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Resolves when the ledger has grown, or the signal is raised. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      void this.#next.promise.then(done);
      if (signal.aborted) done();
    });
  }
}
