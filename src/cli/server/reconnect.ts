// A stream that survives a broken connection: it dials again with growing pauses, and tells the reader when it is away and
// back. What to ask for again (and what was already seen) is the reader's to say.
import { setTimeout as pause } from 'node:timers/promises';
import { fail, isFailure } from '../../domain/errors.ts';
import { BrokenConnection } from './dial.ts';
import type { SseEvent } from './sse.ts';

const firstPauseMs = 100;
const longestPauseMs = 5_000;

export type Reconnecting = {
  /** Opens the stream once more, `isAgain` from the second connection on; `onOpen` is called when it stands. */
  open: (onOpen: () => void, isAgain: boolean) => AsyncIterable<SseEvent>;
  signal: AbortSignal;
  /** Give up after this long without a connection; null: never. */
  patienceMs: number | null;
  note: (line: string) => void;
  now?: () => number;
  /** True for an event after which the stream is whole. */
  isLast?: (event: SseEvent) => boolean;
};

/**
 * Every event, over as many connections as it takes; ends when the server ends the stream, or with the signal.
 * @throws router-away when patience ends, and whatever a refused request throws
 */
export async function* reconnecting(options: Reconnecting): AsyncGenerator<SseEvent> {
  const now = options.now ?? (() => performance.now());
  let pauseMs = firstPauseMs;
  let awaySince: number | null = null;
  let wasConnected = false;
  const stands = (): void => {
    if (awaySince !== null) options.note('-----> connected again');
    [awaySince, pauseMs, wasConnected] = [null, firstPauseMs, true];
  };
  for (let isAgain = false; ; isAgain = true) {
    try {
      for await (const event of options.open(stands, isAgain)) {
        yield event;
        if (options.isLast?.(event)) return;
      }
      if (!options.isLast) return;
    } catch (error) {
      if (options.signal.aborted) return;
      // The very first connection must stand: a wrong address is news at once.
      const isAway =
        error instanceof BrokenConnection ||
        ((wasConnected || isAgain) && isFailure(error, 'router-away', 'agent-away', 'timed-out'));
      if (!isAway) throw error;
    }
    if (awaySince === null) options.note('-----> the connection broke; trying again');
    awaySince ??= now();
    if (options.patienceMs !== null && now() - awaySince > options.patienceMs) {
      throw fail('router-away', 'the connection broke and did not come back', {
        advice: 'The work goes on at the server; see: lockstep status',
      });
    }
    await pause(pauseMs, undefined, { signal: options.signal }).catch(() => {});
    if (options.signal.aborted) return;
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}
