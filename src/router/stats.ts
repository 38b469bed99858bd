// What the router counts: requests, answers and in-flight per app, in-flight per instance, time to the answer's header.
// The histogram has buckets that grow by a tenth, so a percentile is right within 10 % at a fixed size.
import type { RouterStats } from '../domain/route.ts';
import type { LCode } from './l-codes.ts';

const growth = 1.1;
const bucketCount = 140;

type AppCounts = {
  requests: number;
  inFlight: number;
  byClass: Record<string, number>;
  byLCode: Record<string, number>;
  buckets: Uint32Array;
  lastRequestAtMs: number | null;
};

export type Stats = {
  /** A request for this app came, whatever becomes of it. */
  came(app: string, nowMs: number): void;
  /** A request of this app takes a place; the result gives it back (more than once does nothing). */
  begin(app: string): () => void;
  /** A request goes to this instance; the result ends it, with the same rule. */
  dial(instance: string): () => void;
  answered(app: string, status: number, latencyMs: number, code: LCode | null): void;
  inFlightOfApp(app: string): number;
  inFlightOf(instance: string): number;
  /** Calls back once, when next an instance has nothing in flight; returns how to take it back. */
  onceIdle(call: () => void): () => void;
  /** Forgets the apps that are not in `kept` and have nothing in flight. */
  forget(kept: ReadonlySet<string>): void;
  report(generation: number): RouterStats;
};

export function createStats(): Stats {
  const apps = new Map<string, AppCounts>();
  const instances = new Map<string, number>();
  const waiting = new Set<() => void>();
  const countsOf = (app: string): AppCounts => {
    let counts = apps.get(app);
    if (counts === undefined) {
      counts = {
        requests: 0,
        inFlight: 0,
        byClass: {},
        byLCode: {},
        buckets: new Uint32Array(bucketCount),
        lastRequestAtMs: null,
      };
      apps.set(app, counts);
    }
    return counts;
  };
  return {
    came(app, nowMs) {
      const counts = countsOf(app);
      counts.requests += 1;
      counts.lastRequestAtMs = nowMs;
    },
    begin(app) {
      const counts = countsOf(app);
      counts.inFlight += 1;
      return once(() => {
        counts.inFlight -= 1;
      });
    },
    dial(instance) {
      instances.set(instance, (instances.get(instance) ?? 0) + 1);
      return once(() => {
        const left = (instances.get(instance) ?? 1) - 1;
        if (left > 0) {
          instances.set(instance, left);
          return;
        }
        instances.delete(instance);
        const calls = [...waiting];
        waiting.clear();
        for (const call of calls) call();
      });
    },
    answered(app, status, latencyMs, code) {
      const counts = countsOf(app);
      const statusClass = `${Math.floor(status / 100)}xx`;
      counts.byClass[statusClass] = (counts.byClass[statusClass] ?? 0) + 1;
      if (code !== null) counts.byLCode[code] = (counts.byLCode[code] ?? 0) + 1;
      counts.buckets[bucketOf(latencyMs)]! += 1;
    },
    inFlightOfApp: (app) => apps.get(app)?.inFlight ?? 0,
    inFlightOf: (instance) => instances.get(instance) ?? 0,
    onceIdle(call) {
      waiting.add(call);
      return () => waiting.delete(call);
    },
    forget(kept) {
      for (const [app, counts] of apps) if (!kept.has(app) && counts.inFlight === 0) apps.delete(app);
    },
    report(generation) {
      const entries = [...apps].map(([app, { buckets, ...counts }]) => {
        const copy = { ...counts, byClass: { ...counts.byClass }, byLCode: { ...counts.byLCode } };
        return [app, { ...copy, p50Ms: percentile(buckets, 0.5), p99Ms: percentile(buckets, 0.99) }] as const;
      });
      return { generation, apps: Object.fromEntries(entries), inFlightByInstance: Object.fromEntries(instances) };
    },
  };
}

/** From 0.05 ms upwards, each bucket a tenth wider; the last takes the rest. */
function bucketOf(latencyMs: number): number {
  return Math.min(bucketCount - 1, Math.max(0, Math.ceil(Math.log(latencyMs / 0.05) / Math.log(growth))));
}

function percentile(buckets: Uint32Array, share: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let left = Math.ceil(total * share);
  const at = buckets.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return Math.round(0.05 * growth ** at * 100) / 100;
}

function once(call: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    call();
  };
}
