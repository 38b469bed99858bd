import { notLater } from '../../lib/clock.ts';
import type { InstanceView } from '../desired/converge.ts';

/** The clock went back since an earlier agent wrote this down: what waits from a moment on waits from now on at most. */
export function notInFuture(view: InstanceView, nowMs: number): InstanceView {
  const { sinceMs, startedAtMs, healthyAtMs, crashedAtMs = [] } = view;
  return {
    ...view,
    sinceMs: notLater(sinceMs, nowMs),
    startedAtMs: notLater(startedAtMs, nowMs),
    healthyAtMs: healthyAtMs === null ? null : notLater(healthyAtMs, nowMs),
    crashedAtMs: crashedAtMs.map((atMs) => notLater(atMs, nowMs)),
  };
}
