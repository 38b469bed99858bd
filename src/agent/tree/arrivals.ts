// Gate copies that are on their way. A check's job may be sent beside the tree that it runs in: its preparation goes on
// while the files are being written, and it is launched the moment its copy is whole, while the release is still being put
// on the disk for good.
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../domain/errors.ts';

type Entry = PromiseWithResolvers<void> & { waiting: number };

/** A job may come before its tree; after so long, in milliseconds, none is coming. */
const longestMs = 30_000;

export class Arrivals {
  readonly #entries = new Map<string, Entry>();

  /** A tree for this copy is being written. Exactly one of the two is said. */
  coming(copyPath: string): { arrived(): void; failed(error: unknown): void } {
    const entry = this.#entry(copyPath);
    entry.waiting += 1;
    return {
      arrived: () => {
        entry.resolve();
        this.#leave(copyPath, entry);
      },
      failed: (error) => {
        entry.reject(error);
        this.#leave(copyPath, entry);
      },
    };
  }

  /** Resolves when the copy is whole. @throws what its writer failed with, not-found when none comes, the signal's reason */
  async whenThere(copyPath: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entry(copyPath);
    entry.waiting += 1;
    const quit = new AbortController();
    const limit = sleep(longestMs, null, { signal: AbortSignal.any([signal, quit.signal]) }).then(() => {
      throw fail('not-found', 'The tree of the job did not come.', { advice: 'Send the tree beside the job.' });
    });
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
    const entry: Entry = { ...Promise.withResolvers<void>(), waiting: 0 };
    entry.promise.catch(() => {});
    this.#entries.set(copyPath, entry);
    return entry;
  }

  #leave(copyPath: string, entry: Entry): void {
    entry.waiting -= 1;
    if (entry.waiting === 0) this.#entries.delete(copyPath);
  }
}
