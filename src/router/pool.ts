// The connections to instances that are kept: a bounded number idle per instance, each for one second: app servers close theirs
// after two or more (gunicorn 2 s, Node and uvicorn 5 s), so that a request hardly ever meets one that is being closed. How
// many are busy at once is bounded by the route's concurrency.
import type { InstanceId } from '../domain/ids.ts';
import type { Upstream } from '../domain/route.ts';
import type { DialHandlers } from './dial-outcome.ts';
import { type ConnectionLimits, KeptConnection, type KeptRequest } from './kept/connection.ts';

const poolLimits = { mostIdle: 64, idleMs: 1000 };

export type Pools = {
  /** Sends the request on a kept connection, or on a new one that is kept afterwards; see `KeptConnection.ask`. */
  ask(upstream: Upstream, request: KeptRequest, on: Pick<DialHandlers, 'answered' | 'failed'>): () => void;
  /** Lets go of the instances that are not in `kept`: idle connections close now, busy ones when they end. */
  retain(kept: ReadonlySet<string>): void;
  readonly size: number;
  close(): void;
};

type Pool = { idle: KeptConnection[]; all: Set<KeptConnection> };

export function createPools(limits: Omit<ConnectionLimits, 'idleMs'>): Pools {
  const pools = new Map<InstanceId, Pool>();
  const open = (upstream: Upstream): KeptConnection => {
    let pool = pools.get(upstream.instanceId);
    if (pool === undefined) {
      pool = { idle: [], all: new Set() };
      pools.set(upstream.instanceId, pool);
    }
    const { idle, all } = pool;
    const rested = (connection: KeptConnection) => {
      if (pools.get(upstream.instanceId) !== pool || idle.length >= poolLimits.mostIdle) connection.destroy();
      else idle.push(connection);
    };
    const gone = (connection: KeptConnection) => {
      all.delete(connection);
      const at = idle.indexOf(connection);
      if (at >= 0) idle.splice(at, 1);
    };
    const connection = new KeptConnection(upstream, { ...limits, idleMs: poolLimits.idleMs }, rested, gone);
    all.add(connection);
    return connection;
  };
  return {
    ask(upstream, request, on) {
      const idle = pools.get(upstream.instanceId)?.idle;
      let connection = idle?.pop();
      while (connection !== undefined && !connection.isUsable) connection = idle?.pop();
      return (connection ?? open(upstream)).ask(request, on);
    },
    retain(kept) {
      for (const [instance, { idle }] of pools) {
        if (kept.has(instance)) continue;
        pools.delete(instance);
        for (const connection of [...idle]) connection.destroy();
      }
    },
    get size() {
      return pools.size;
    },
    close() {
      for (const { all } of pools.values()) for (const connection of [...all]) connection.destroy();
      pools.clear();
    },
  };
}
