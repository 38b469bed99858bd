// What becomes of a process when an error has reached nobody: a request's error never comes here (its door answers 500 with an
// id); a timer's or a stream's does, and then nobody knows what the process is in the middle of. It says so and ends, with
// nothing of its own to lose, and whoever keeps it starts it again: the next one recovers as after a crash.
import { errorRegistry } from '../domain/errors.ts';

/** @param say writes to the log, at once */
export function endOnUncaught(say: (message: string, stack: string) => void): void {
  process.on('uncaughtException', (error: unknown) => {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    try {
      say(`an error that nobody caught ends this process: ${message}`, stack);
    } finally {
      process.exit(errorRegistry.internal.exit);
    }
  });
}

/** The router goes on (its end would cut every connection), unless it happens again and again. */
export function goOnUntilTooMany(
  say: (stack: string) => void,
  {
    most = 20,
    withinMs = 60_000,
    now = () => performance.now(),
    end = () => process.exit(errorRegistry.internal.exit),
  } = {},
): (error: Error) => void {
  let times: number[] = [];
  return (error) => {
    say(error.stack ?? error.message);
    times = [...times.filter((at) => now() - at < withinMs), now()];
    if (times.length > most) end();
  };
}
