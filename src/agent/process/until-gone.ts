// The end of a process that is not our child: nobody tells of it, so it is looked at; the end of its output is a hint that
// it went just now. One timer at a time, and nothing is kept from one look to the next: a watch may last for weeks.
import { isAlive, type ProcessIdentity } from './proc.ts';

export type GoneWatch = {
  process: ProcessIdentity;
  /** Settles when everyone who could write has closed the output; null: nobody listens. */
  outputEnded: Promise<unknown> | null;
  /** Between two looks. */
  lookMs: number;
  signal: AbortSignal;
};

/** True when it is gone; false when the signal came first. Never rejects. */
export function untilGone({ process, outputEnded, lookMs, signal }: GoneWatch): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | null = null;
    let waitMs = lookMs;
    let isOver = false;
    const end = (isGone: boolean): void => {
      isOver = true;
      if (timer !== null) clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(isGone);
    };
    const stop = (): void => end(false);
    const look = (): void => {
      if (!isAlive(process)) return void end(true);
      timer = setTimeout(look, waitMs).unref(); // whoever needs the end keeps this process here
      waitMs = Math.min(lookMs, waitMs * 2);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) return stop();
    look();
    void outputEnded?.then(() => {
      if (isOver) return;
      // It closes its output at its end, mostly; a daemon does at its beginning.
      if (timer !== null) clearTimeout(timer);
      waitMs = 1;
      look();
    });
  });
}
