// A bounded number of turns, handed out in the order of asking. With one turn it is a lock.

export class Semaphore {
  #free: number;
  readonly #waiting: ((turn: Turn) => void)[] = [];

  constructor(turns: number) {
    this.#free = turns;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isBusy(): boolean {
    return this.#free === 0;
  }

  /** A turn, to be given back by `using` or `release()`. Rejects with the signal's reason when that comes first. */
  take(signal?: AbortSignal): Promise<Turn> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(new Turn(() => this.#give()));
    }
    return new Promise((resolve, reject) => {
      const waiter = (turn: Turn): void => {
        signal?.removeEventListener('abort', stop);
        resolve(turn);
      };
      const stop = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next) next(new Turn(() => this.#give()));
    else this.#free += 1;
  }
}

export class Turn implements Disposable {
  #giveBack: (() => void) | null;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  release(): void {
    this.#giveBack?.();
    this.#giveBack = null;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
