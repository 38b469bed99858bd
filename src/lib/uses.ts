// Many use a thing at once, and now and then one works on it alone. The work waits for a moment without users; users that come
// while it runs wait for its end. Work that is asked for while other work waits takes its place: it is of one kind.
export class Uses {
  #users = 0;
  #waiting: (() => Promise<void>) | null = null;
  #alone: Promise<void> | null = null;

  /** From now on the thing is used, until `using` ends or `release` is called. */
  async begin(): Promise<Disposable & { release(): void }> {
    while (this.#alone !== null) await this.#alone;
    this.#users += 1;
    let isOver = false;
    const release = (): void => {
      if (isOver) return;
      isOver = true;
      this.#users -= 1;
      this.#look();
    };
    return { release, [Symbol.dispose]: release };
  }

  /** Runs `work` once nobody uses the thing: now, if that is so. What it throws is its own business to catch. */
  whenIdle(work: () => Promise<void>): void {
    this.#waiting = work;
    this.#look();
  }

  #look(): void {
    if (this.#users > 0 || this.#alone !== null || this.#waiting === null) return;
    const work = this.#waiting;
    this.#waiting = null;
    this.#alone = work()
      .catch(() => {})
      .then(() => {
        this.#alone = null;
        this.#look();
      });
  }
}
