// How much of what processes write is read at all, in tenths of a second: so much of one, so much of all together. A pipe
// moves gigabytes a second, and reading them to drop them would take a core for ever; instead whoever writes faster than
// this waits, as one does who writes to a slow disk.
import type { Socket } from 'node:net';

export type ReadBudget = {
  /** What one reader reads in a window. */
  readonly each: number;
  /** Counts what was read. False: the reader is to rest until `rested`. */
  spend(reader: Reader, bytes: number): boolean;
};

export type Reader = { window: number; spent: number; rested(): void };

const windowMs = 100;

export function readBudget(
  { eachBytesPerSecond = 32 * 1024 ** 2, allBytesPerSecond = 64 * 1024 ** 2 } = {},
  now: () => number = () => performance.now(),
): ReadBudget {
  const each = (eachBytesPerSecond * windowMs) / 1000;
  const all = (allBytesPerSecond * windowMs) / 1000;
  const resting = new Set<Reader>();
  let window = 0;
  let spent = 0;
  let isWaking = false;
  const wake = (): void => {
    isWaking = false;
    const readers = [...resting];
    resting.clear();
    for (const reader of readers) reader.rested();
  };
  return {
    each,
    spend(reader, bytes) {
      const at = Math.floor(now() / windowMs);
      if (at !== window) [window, spent] = [at, 0];
      if (at !== reader.window) [reader.window, reader.spent] = [at, 0];
      spent += bytes;
      reader.spent += bytes;
      if (reader.spent < each && spent < all) return true;
      resting.add(reader);
      if (!isWaking) setTimeout(wake, windowMs - (now() % windowMs) + 1);
      isWaking = true;
      return false;
    },
  };
}

/** Of this process's event loop, which all readers share. */
export const sharedBudget = readBudget();

/** A reader that lets a socket rest. */
export const socketReader = (socket: () => Socket): Reader => ({
  window: 0,
  spent: 0,
  rested: () => {
    if (!socket().destroyed) socket().resume();
  },
});
