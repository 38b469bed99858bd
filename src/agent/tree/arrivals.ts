// Gate copies that are on their way. A check's job may be sent beside the tree that it runs in: its preparation goes on
// while the files are being written, and it is launched the moment its copy is whole, while the release is still being put
// on the disk for good.
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../domain/errors.ts';

type Entry = PromiseWithResolvers<void> & { waiting: number; writers: number };

/**
 * A job may come before its tree; when nobody has begun to write one for so long, in milliseconds, none is coming: its writing ended with an earlier
 * agent, of which the job was asked again. The change must end within 30 s all the same.
 */
const usualLongestMs = 10_000;

export class Arrivals {
  readonly #entries = new Map<string, Entry>();
  readonly #longestMs: number;

  constructor(longestMs = usualLongestMs) {
    this.#longestMs = longestMs;
  }

  /** A tree for this copy is being written. Exactly one of the two is said. */
  coming(copyPath: string): { arrived(): void; failed(error: unknown): void } {
    const entry = this.#entry(copyPath);
    entry.waiting += 1;
    entry.writers += 1;
    const over = (): void => {
      entry.writers -= 1;
      this.#leave(copyPath, entry);
    };
    return {
      arrived: () => {
        entry.resolve();
        over();
      },
      failed: (error) => {
        entry.reject(error);
        over();
      },
    };
  }

  /** Resolves when the copy is whole. @throws what its writer failed with, not-found when none comes, the signal's reason */
  async whenThere(copyPath: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entry(copyPath);
    entry.waiting += 1;
    const quit = new AbortController();
    const either = AbortSignal.any([signal, quit.signal]);
    const limit = (async () => {
      do await sleep(this.#longestMs, null, { signal: either });
      while (entry.writers > 0);
      throw fail('not-found', 'The tree of the job did not come.', { advice: 'Send the tree beside the job.' });
    })();
    limit.catch(() => {});
    try {
      await Promise.race([entry.promise, limit]);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      quit.abort();
      this.#leave(copyPath, entry);
    }
  }

  #entry(copyPath: string): Entry {
    const known = this.#entries.get(copyPath);
    if (known) return known;
    const entry: Entry = { ...Promise.withResolvers<void>(), waiting: 0, writers: 0 };
    entry.promise.catch(() => {});
    this.#entries.set(copyPath, entry);
    return entry;
  }

  #leave(copyPath: string, entry: Entry): void {
    entry.waiting -= 1;
    if (entry.waiting === 0) this.#entries.delete(copyPath);
  }
}
