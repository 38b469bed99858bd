// Waits until instances have nothing in flight, so that whoever switched away from them may stop them.
import type { Stats } from './stats.ts';

export type Drained = { drained: boolean; inFlight: Record<string, number> };

/** Ends when every one of `instances` is idle, when `timeoutMs` have passed, or when `signal` says so. */
export async function drain(
  stats: Stats,
  instances: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Drained> {
  const busy = () => instances.filter((instance) => stats.inFlightOf(instance) > 0);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const end = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
  while (busy().length > 0 && !end.aborted) await nextIdle(stats, end);
  clearTimeout(timer);
  return { drained: busy().length === 0, inFlight: Object.fromEntries(busy().map((id) => [id, stats.inFlightOf(id)])) };
}

function nextIdle(stats: Stats, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      takeBack();
      end.removeEventListener('abort', done);
      resolve();
    };
    const takeBack = stats.onceIdle(done);
    end.addEventListener('abort', done);
  });
}
