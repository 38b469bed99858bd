// Looks now and then whether a healthy instance still answers. It is never ended for that: it may be busy.
import { setTimeout as pause } from 'node:timers/promises';
import type { HealthCheck } from '../../domain/desired.ts';
import { probe } from '../health/probe.ts';

export type Probing = {
  check: HealthCheck;
  /** Where it listens now. */
  target(): { address: string; port: number };
  probeMs: number;
  /** So many failures in a row make it ill. */
  failures: number;
  /** Once, when it falls ill; `status` null: no answer. */
  onIll(status: number | null, why: string): void;
  /** Once, when it answers again. */
  onWell(status: number): void;
  /** Once, when it neither fell ill nor is well: so many of the last looks failed. null: all were fine again. */
  onFlapping(failed: number | null): void;
  signal: AbortSignal;
};

/** Of the last looks; so many failed ones among them are no accident. */
export const [flapLooks, flapFailures] = [20, 4];

/** Resolves with the signal. @param isIll what it was when the looking began */
export async function keepProbing(probing: Probing, isIll: boolean): Promise<void> {
  const { check, probeMs, signal } = probing;
  const timeoutMs = Math.max(1000, Math.min(10_000, probeMs));
  let failures = 0;
  let recent: boolean[] = [];
  let isFlapping = false;
  for (;;) {
    await pause(probeMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    const { path, host, acceptServerErrors } = check;
    const result = await probe({ ...probing.target(), path, host, timeoutMs, signal });
    if (signal.aborted) return;
    const status = result.kind === 'answered' ? result.status : null;
    const isFine = status !== null && (status < 500 || acceptServerErrors);
    failures = isFine ? 0 : failures + 1;
    recent = [...recent, isFine].slice(-flapLooks);
    const failed = recent.filter((one) => !one).length;
    if (!isFlapping && !isIll && failed >= flapFailures && failures < probing.failures) {
      isFlapping = true;
      probing.onFlapping(failed);
    } else if (isFlapping && failed === 0) {
      isFlapping = false;
      probing.onFlapping(null);
    }
    if (!isIll && failures >= probing.failures) {
      isIll = true;
      const why = result.kind === 'answered' ? `answers ${status} on ${path}` : `does not answer: ${result.why}`;
      probing.onIll(status, why);
    } else if (isIll && isFine) {
      isIll = false;
      probing.onWell(status);
    }
  }
}
