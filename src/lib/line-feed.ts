// Hands lines to whoever listens, from when it began to listen. A listener that does not read loses the oldest lines and
// is told how many; the job is never held up.

export type LineFeed = {
  push(line: string): void;
  /** Ends when the feed does; throws the error that it was closed with. */
  listen(signal: AbortSignal): AsyncIterableIterator<string>;
  close(error?: unknown): void;
};

export function lineFeed(most = 10_000): LineFeed {
  const wakers = new Set<{ lines: string[]; lost: number; wake: () => void }>();
  let isClosed = false;
  let failure: unknown;
  return {
    push(line) {
      for (const listener of wakers) {
        listener.lines.push(line);
        if (listener.lines.length > most) {
          listener.lines.shift();
          listener.lost += 1;
        }
        listener.wake();
      }
    },
    async *listen(signal) {
      const listener = { lines: [] as string[], lost: 0, wake: () => {} };
      wakers.add(listener);
      const stop = () => listener.wake();
      signal.addEventListener('abort', stop);
      try {
        while (!signal.aborted) {
          if (listener.lost > 0) {
            const { lost } = listener;
            listener.lost = 0;
            yield `lockstep: ${lost} lines dropped`;
          }
          const lines = listener.lines.splice(0);
          yield* lines;
          if (lines.length > 0 || listener.lines.length > 0) continue;
          if (isClosed) {
            if (failure !== undefined) throw failure;
            return;
          }
          const { promise, resolve } = Promise.withResolvers<void>();
          listener.wake = resolve;
          if (!signal.aborted) await promise;
        }
      } finally {
        wakers.delete(listener);
        signal.removeEventListener('abort', stop);
      }
    },
    close(error) {
      isClosed = true;
      failure = error;
      for (const listener of wakers) listener.wake();
    },
  };
}
