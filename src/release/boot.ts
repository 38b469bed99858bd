// The boot check: the start of a release's web instances is the check. It passes when all of them are healthy, and fails
// with the reason, the likely cause and the last log lines when one of them is final.
import type { CheckResult } from '../domain/gate.ts';
import type { InstanceSetId } from '../domain/ids.ts';
import type { ObservedInstance } from '../domain/observed.ts';
import type { Observations } from './observations.ts';

export type BootEnd = {
  /** Every instance answers. */
  isUp: boolean;
  instances: readonly ObservedInstance[];
};

/** Waits until `count` instances of the set are healthy, or one has failed. Rejects with the signal's reason. */
export function waitForSet(
  observations: Observations,
  setId: InstanceSetId,
  count: number,
  signal: AbortSignal,
): Promise<BootEnd> {
  return observations.waitFor(() => {
    const instances = observations.ofSet(setId).filter((one) => one.type === 'web');
    if (instances.some((one) => one.state === 'failed' || one.state === 'stopped')) return { isUp: false, instances };
    const healthy = instances.filter((one) => one.state === 'healthy');
    return healthy.length >= count ? { isUp: true, instances } : null;
  }, signal);
}

/** The result of the check, for the fold and for the pusher. */
export function judgeBoot(end: BootEnd, startedAtMs: number, nowMs: number): CheckResult {
  const base = { kind: 'boot', name: 'boot', startedAtMs, durationMs: nowMs - startedAtMs } as const;
  const failed = end.instances.find((one) => one.state === 'failed' || one.state === 'stopped');
  if (!end.isUp) {
    return {
      ...base,
      outcome: 'failed',
      summary: failed?.reason ?? 'it did not start',
      findings: [],
      findingCount: 0,
      metrics: {},
      warnings: [...(failed?.notes ?? [])],
      outputTail: [...(failed?.logTail ?? [])],
    };
  }
  const status = end.instances[0]?.healthStatus ?? null;
  const notes = [...new Set(end.instances.flatMap((one) => one.notes))];
  const isBroken = status !== null && status >= 500;
  return {
    ...base,
    outcome: 'passed',
    summary: status === null ? 'it runs' : `it answers ${status}`,
    findings: [],
    findingCount: 0,
    metrics: status === null ? {} : { healthStatus: status },
    warnings: isBroken
      ? [
          `the app answers ${status}: it is live because nothing was before it; from its first good answer on, a 5xx is a rejection`,
          'when it lacks its database, make it now: lockstep run -- COMMAND',
          ...notes,
          ...end.instances.flatMap((one) => one.logTail.slice(-10)).map((line) => `  ${line}`),
        ]
      : notes,
    outputTail: [],
  };
}
