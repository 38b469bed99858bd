// Waits for facts, which must come within a limit. Tests wait for facts, not for time.
import assert from 'node:assert/strict';
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

/** Asks again until it is so. `why`: what is said when it never was. */
export async function untilSo(
  isSo: () => Promise<boolean> | boolean,
  limitMs: number,
  why: () => string,
): Promise<void> {
  for (const limit = performance.now() + limitMs; ; await pause(20)) {
    if (await isSo()) return;
    if (performance.now() > limit) assert.fail(why());
  }
}
