// Whose container is started first. Two starts at once on few cores are each about as late as both in turn; so an instance waits while the
// container of a job is being started, for whose end a change waits longest (its tests), and begins a tenth of a second later. It waits for no
// more than its limit, whatever the engine does with the other one.
const mostWaitMs = 500;

export type FirstStarts = {
  /** Goes first until it settles. */
  first<T>(start: () => Promise<T>): Promise<T>;
  /** Nothing goes first any more, or not for the next limit. */
  clear(): Promise<void>;
};

export function openFirstStarts(limitMs = mostWaitMs): FirstStarts {
  const begun = new Set<Promise<unknown>>();
  return {
    first(start) {
      const starting = start();
      begun.add(starting);
      const end = () => void begun.delete(starting);
      starting.then(end, end);
      return starting;
    },
    async clear() {
      if (begun.size === 0) return;
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, limitMs);
      await Promise.race([Promise.allSettled(begun), limit.promise]);
      clearTimeout(timer);
    },
  };
}
