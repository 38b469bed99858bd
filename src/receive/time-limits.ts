// Two clocks of a request: how long nothing has moved, and how long git itself has been at work.

export type IdleLimit = { refresh(): void; end(): void };
export type WorkLimit = { begin(): void; pause(): void; end(): void };

/** Acts when `refresh` was not called for so long; after `end` never. */
export function idleLimit(limitMs: number, act: () => void): IdleLimit {
  const timer = setTimeout(act, limitMs);
  let isOver = false;
  return {
    // A timer that is cleared and then refreshed would run again.
    refresh: () => void (isOver || timer.refresh()),
    end() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}

/** Counts the time that git is at work; `act` when it was too long. After `end` nothing counts any more. */
export function workLimit(limitMs: number, act: () => void): WorkLimit {
  let leftMs = limitMs;
  let begunAt: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let isOver = false;
  const pause = (): void => {
    if (begunAt === null) return;
    clearTimeout(timer!);
    leftMs -= performance.now() - begunAt;
    begunAt = null;
  };
  return {
    begin() {
      if (isOver || begunAt !== null) return;
      begunAt = performance.now();
      timer = setTimeout(act, Math.max(0, leftMs));
    },
    pause,
    end() {
      pause();
      isOver = true;
    },
  };
}
