// The route snapshot: the router's whole knowledge, immutable, swapped whole, persisted with a checksum.
import type { AppId, InstanceId, InstanceSetId, TeamId } from './ids.ts';
import type { AppName, Hostname } from './names.ts';

export const routerProtocol = 1;

export type Upstream = { instanceId: InstanceId; host: string; port: number };

/**
 * `serving`: there are upstreams. `starting`: instances are on their way, requests are held for a while. `empty`: no
 * release yet. `stopped`: nothing runs and nothing will.
 */
export type RouteState = 'serving' | 'starting' | 'empty' | 'stopped';

export type Route = {
  appId: AppId;
  teamId: TeamId;
  name: AppName;
  hosts: readonly Hostname[];
  state: RouteState;
  setId: InstanceSetId | null;
  /** Sent as `x-lockstep-release`; null before the first. */
  releaseLabel: string | null;
  upstreams: readonly Upstream[];
  concurrency: number;
};

export type RouteSnapshot = {
  protocol: number;
  /** Grows with every snapshot; the router refuses an older one. */
  generation: number;
  platformHosts: readonly Hostname[];
  routes: readonly Route[];
};

export type RouterHello = {
  protocol: number;
  program: string;
  pid: number;
  generation: number;
  port: number;
  startedAtMs: number;
  /** What was wrong with the routes on disk at its start; null (or left out by an older router) when nothing was. */
  alarm?: string | null;
};

export type RouterStats = {
  generation: number;
  /** Per app since the router's start. Latency in milliseconds, from a histogram. */
  apps: Readonly<
    Record<
      string,
      {
        requests: number;
        inFlight: number;
        byClass: Readonly<Record<string, number>>;
        byLCode: Readonly<Record<string, number>>;
        p50Ms: number;
        p99Ms: number;
        lastRequestAtMs: number | null;
      }
    >
  >;
  inFlightByInstance: Readonly<Record<string, number>>;
};
