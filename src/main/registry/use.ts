// Who is at our own registry now: what may not be disturbed, and how much came. A push is many requests, its layers first and its tag last; until
// then nothing names them, and a tidying would take them for left over. So a repository with a push under way is remembered until its tag
// is set, or for so long after the last request. While the disk is tidied the door is shut: who comes waits, a limited time.
import { setTimeout as sleep } from 'node:timers/promises';
import { appOfRepository } from '../../domain/own-image.ts';

const pushMs = 10 * 60_000;
const waitMs = 45_000;
const tickMs = 50;

export class RegistryUse {
  #running = 0;
  /** By app. */
  readonly #runningOf = new Map<string, number>();
  #isShut = false;
  readonly #pushing = new Map<string, number>();
  /** By app. */
  readonly #came = new Map<string, number>();
  readonly #nowMs: () => number;
  /** Something was changed since this was last false. */
  isChanged = true;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get running(): number {
    return this.#running;
  }

  runningOf(app: string): number {
    return this.#runningOf.get(app) ?? 0;
  }

  /** An app that is no more: what was being pushed to it never comes to its end. */
  forget(app: string): void {
    this.#came.delete(app);
    for (const repository of this.#pushing.keys())
      if (appOfRepository(repository) === app) this.#pushing.delete(repository);
  }

  /** False: it took too long. */
  async untilOpen(): Promise<boolean> {
    for (const end = this.#nowMs() + waitMs; this.#isShut; await sleep(tickMs)) if (this.#nowMs() > end) return false;
    return true;
  }

  /** @returns is called once it has ended */
  begin(repository: string, what: 'read' | 'push' | 'tag'): () => void {
    const app = appOfRepository(repository);
    this.#running += 1;
    this.#runningOf.set(app, this.runningOf(app) + 1);
    if (what !== 'read') {
      this.isChanged = true;
      this.#pushing.set(repository, this.#nowMs());
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#running -= 1;
      if (this.runningOf(app) > 1) this.#runningOf.set(app, this.runningOf(app) - 1);
      else this.#runningOf.delete(app);
      if (what === 'push') this.#pushing.set(repository, this.#nowMs());
      if (what === 'tag') this.#pushing.delete(repository);
    };
  }

  came(app: string, bytes: number): void {
    this.#came.set(app, this.cameFor(app) + bytes);
  }

  /** Bytes that came for an app since it was measured. */
  cameFor(app: string): number {
    return this.#came.get(app) ?? 0;
  }

  measured(app: string): void {
    this.#came.delete(app);
  }

  /** A repository to which something is being pushed; null: none. */
  pushing(): string | null {
    for (const [repository, atMs] of this.#pushing) {
      if (this.#nowMs() - atMs < pushMs) return repository;
      this.#pushing.delete(repository);
    }
    return null;
  }

  /**
   * Does the work while nobody is at it; who comes meanwhile waits.
   * @returns null when it was not begun, because somebody pushes or does not come to an end
   */
  async alone<T>(work: () => Promise<T>, limitMs = 10_000): Promise<T | null> {
    if (this.#isShut || this.pushing() !== null) return null;
    this.#isShut = true;
    try {
      for (const end = this.#nowMs() + limitMs; this.#running > 0; await sleep(tickMs))
        if (this.#nowMs() > end) return null;
      // Whoever ran may have begun a push.
      return this.pushing() === null ? await work() : null;
    } finally {
      this.#isShut = false;
    }
  }
}
