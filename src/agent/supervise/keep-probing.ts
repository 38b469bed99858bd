// Looks now and then whether a healthy instance still answers. It is never ended for that: it may be busy.
import { setTimeout as pause } from 'node:timers/promises';
import type { HealthCheck } from '../../domain/desired.ts';
import { probe } from '../health/probe.ts';

export type Probing = {
  check: HealthCheck;
  /** Where it listens now. */
  target(): { address: '127.0.0.1' | '::1'; port: number };
  probeMs: number;
  /** So many failures in a row make it ill. */
  failures: number;
  /** Before each look. */
  onLook(): void;
  /** Once, when it falls ill; `status` null: no answer. */
  onIll(status: number | null, why: string): void;
  /** Once, when it answers again. */
  onWell(status: number): void;
  signal: AbortSignal;
};

/** Resolves with the signal. @param isIll what it was when the looking began */
export async function keepProbing(probing: Probing, isIll: boolean): Promise<void> {
  const { check, probeMs, signal } = probing;
  let failures = 0;
  for (;;) {
    await pause(probeMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    probing.onLook();
    const { path, host, acceptServerErrors } = check;
    const result = await probe({ ...probing.target(), path, host, timeoutMs: Math.min(10_000, probeMs), signal });
    if (signal.aborted) return;
    const status = result.kind === 'answered' ? result.status : null;
    const isFine = status !== null && (status < 500 || acceptServerErrors);
    failures = isFine ? 0 : failures + 1;
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
