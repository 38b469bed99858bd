// How long a check may run: four times what it usually takes, never less than two minutes, never beyond the gate's own limit. So a
// check that hangs is ended in minutes where the app's checks take seconds, and a slow suite is given its time.
/** The gate's own limit, where nothing else is said. */
export const gateLimitMs = 15 * 60_000;
const leastMs = 120_000;
const factor = 4;
/** Of fewer runs than these nothing usual is known. */
const fewestRuns = 3;
/** The newest so many count. */
const runsThatCount = 20;

/**
 * @param durations of earlier runs that ended by themselves, newest first, in milliseconds
 * @param leftMs of the gate's own time
 */
export function deadlineOf(durations: readonly number[], leftMs: number): number {
  const recent = durations.slice(0, runsThatCount);
  const usual = recent.length < fewestRuns ? leftMs : Math.max(leastMs, factor * p95(recent));
  return Math.max(1, Math.round(Math.min(usual, leftMs)));
}

/** The smallest of them that at least 95 of 100 do not exceed. */
function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1]!;
}
