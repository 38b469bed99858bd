// What is remembered of each gate of an app, for a while: from it come the time that a check may take, and which tests are flaky.
import type { CheckKind, CheckOutcome, CheckResult } from './gate.ts';
import type { ChangeId } from './ids.ts';

export type CheckRun = {
  kind: CheckKind;
  name: string;
  outcome: CheckOutcome;
  durationMs: number;
  /** It ended by itself, with something to say: its time is what the check takes. */
  isUsual: boolean;
  flaky: readonly string[];
};
/** `changeId` null: of a branch, or of a change that is forgotten. */
export type GateRun = { changeId: ChangeId | null; checks: readonly CheckRun[]; atMs: number };

/** So many gates of an app are remembered. */
export const keptGateRuns = 50;
/** In so many of the newest gates ... */
const flakyWindow = 20;
/** ... a test that was flaky so often is called so. */
const flakyTimes = 3;

export type FlakyTest = { check: string; test: string; times: number; gates: number; lastAtMs: number };

export function checkRunOf(result: CheckResult): CheckRun {
  const { kind, name, outcome, durationMs, flaky = [] } = result;
  const isUsual = outcome === 'passed' || (outcome === 'failed' && result.findings.length > 0);
  return { kind, name, outcome, durationMs: Math.round(durationMs), isUsual, flaky };
}

/** @param runs newest first */
export function usualDurations(runs: readonly GateRun[], name: string): number[] {
  return runs.flatMap(({ checks }) =>
    checks.flatMap((one) => (one.name === name && one.isUsual && one.durationMs > 0 ? [one.durationMs] : [])),
  );
}

/** The tests that were flaky at least three times in the last 20 gates, most often first. @param runs newest first */
export function flakyTests(runs: readonly GateRun[]): FlakyTest[] {
  const recent = runs.slice(0, flakyWindow);
  const found = new Map<string, FlakyTest>();
  for (const { checks, atMs } of recent)
    for (const { name, flaky } of checks)
      for (const test of new Set(flaky)) {
        const key = JSON.stringify([name, test]);
        const known = found.get(key) ?? { check: name, test, times: 0, gates: recent.length, lastAtMs: atMs };
        found.set(key, { ...known, times: known.times + 1 });
      }
  return [...found.values()]
    .filter(({ times }) => times >= flakyTimes)
    .sort((a, b) => b.times - a.times || b.lastAtMs - a.lastAtMs);
}
