// Waits for a fact, which must come within a limit.
import { setTimeout as pause } from 'node:timers/promises';

/** What `look` finds as soon as it finds something; throws when it never does. */
export async function until<T>(what: string, look: () => T | Promise<T>, limitMs = 20_000): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await pause(5);
  }
}
