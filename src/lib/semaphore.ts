// A bounded number of turns, handed out in the order of asking. With one turn it is a lock. Whoever has work that can be done at
// any time takes a turn that gives way: it comes after all others, and is asked for back as soon as somebody else waits.

type Waiter = (turn: Turn) => void;

export class Semaphore {
  #free: number;
  readonly #waiting: Waiter[] = [];
  readonly #waitingLast: Waiter[] = [];
  /** Of those who give way and were not asked yet. */
  readonly #givingWay = new Set<AbortController>();

  constructor(turns: number) {
    this.#free = turns;
  }

  /** How many wait, those left out that give way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isBusy(): boolean {
    return this.#free === 0;
  }

  /** It is busy, and somebody who comes now waits only for one who gives way. */
  get givesWay(): boolean {
    return this.#free === 0 && this.#waiting.length === 0 && this.#givingWay.size > 0;
  }

  /** A turn, to be given back by `using` or `release()`. Rejects with the signal's reason when that comes first. */
  take(signal?: AbortSignal): Promise<Turn> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(new Turn(() => this.#give()));
    }
    const [one] = this.#givingWay;
    if (one) {
      this.#givingWay.delete(one);
      one.abort(new Error('somebody else waits'));
    }
    return this.#wait(this.#waiting, signal);
  }

  /** A turn of one who gives way: when `wanted` is raised, it is to be given back soon. */
  async takeLast(signal?: AbortSignal): Promise<Turn & { wanted: AbortSignal }> {
    const turn = this.#free > 0 && !signal?.aborted ? await this.take() : await this.#wait(this.#waitingLast, signal);
    const wanted = new AbortController();
    if (this.#waiting.length > 0) wanted.abort(new Error('somebody else waits'));
    else this.#givingWay.add(wanted);
    const mine = new Turn(() => {
      this.#givingWay.delete(wanted);
      turn.release();
    });
    return Object.assign(mine, { wanted: wanted.signal });
  }

  #wait(among: Waiter[], signal: AbortSignal | undefined): Promise<Turn> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const waiter = (turn: Turn): void => {
        signal?.removeEventListener('abort', stop);
        resolve(turn);
      };
      const stop = (): void => {
        among.splice(among.indexOf(waiter), 1);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
      among.push(waiter);
    });
  }

  #give(): void {
    const next = this.#waiting.shift() ?? this.#waitingLast.shift();
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
