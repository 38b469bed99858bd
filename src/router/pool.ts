// The connections to upstreams: one bounded keep-alive pool per instance, and connections for one request only. An idle
// connection is kept for one second: app servers close theirs after two or more (gunicorn 2 s, Node and uvicorn 5 s), so
// that a request hardly ever meets a connection that is being closed.
import { Agent } from 'node:http';
import type { Upstream } from '../domain/route.ts';

export const poolLimits = { maxSockets: 1024, maxFreeSockets: 64, idleMs: 1000 };

export type Pools = {
  agentOf(upstream: Upstream): Agent;
  /** Gives every request a connection of its own, closed after the answer. */
  readonly fresh: Agent;
  /** Lets go of the instances that are not in `kept`: idle connections close now, busy ones when they end. */
  retain(kept: ReadonlySet<string>): void;
  readonly size: number;
  close(): void;
};

export function createPools(limits = poolLimits): Pools {
  const agents = new Map<string, Agent>();
  const fresh = new Agent({ keepAlive: false });
  return {
    fresh,
    agentOf(upstream) {
      let agent = agents.get(upstream.instanceId);
      if (agent === undefined) {
        agent = new Agent({
          keepAlive: true,
          maxSockets: limits.maxSockets,
          maxFreeSockets: limits.maxFreeSockets,
          timeout: limits.idleMs,
        });
        agents.set(upstream.instanceId, agent);
      }
      return agent;
    },
    retain(kept) {
      for (const [instance, agent] of agents) {
        if (kept.has(instance)) continue;
        agents.delete(instance);
        agent.maxFreeSockets = 0;
        for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
      }
    },
    get size() {
      return agents.size;
    },
    close() {
      for (const agent of [...agents.values(), fresh]) agent.destroy();
      agents.clear();
    },
  };
}
