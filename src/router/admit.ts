// The passes before a request is forwarded, in order: is it a request, whose is it, is there room, is it being served.
// The outcome is a target or a code; nothing here writes an answer.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Route, Upstream } from '../domain/route.ts';
import { type RequestOrigin, requestIdOf, valuesOf } from './headers.ts';
import type { LCode } from './l-codes.ts';
import { normaliseHost } from './match.ts';
import type { Pools } from './pool.ts';
import type { Routes } from './routes.ts';
import type { Stats } from './stats.ts';

export type ProxyLimits = { connectMs: number; firstByteMs: number; bodyIdleMs: number; holdMs: number };
export const proxyLimits: ProxyLimits = { connectMs: 1000, firstByteMs: 30_000, bodyIdleMs: 60_000, holdMs: 30_000 };

export type ProxyLog = (line: { code: LCode; host: string; path: string; requestId: string; detail: string }) => void;

export type ProxyParts = {
  routes: Routes;
  stats: Stats;
  pools: Pools;
  limits: ProxyLimits;
  controlSocket: string;
  log: ProxyLog;
};

/** Where the request goes. `upstream` null means control's own socket. `end` gives the app's place back. */
export type Target = { app: string; release: string | null; upstream: Upstream | null; end: () => void };
export type Refusal = { code: LCode; app: string | null; release: string | null; end: () => void };

export const platformApp = 'platform';

/** What is known of a request from its own words; `host` null when it cannot be routed. */
export function originOf(request: IncomingMessage): { origin: RequestOrigin; host: string | null } {
  const hosts = valuesOf(request.rawHeaders, 'host');
  const isPath = request.url?.startsWith('/') === true || (request.method === 'OPTIONS' && request.url === '*');
  const header = hosts[0] ?? '';
  const length = request.headers['content-length'];
  const body =
    request.headers['transfer-encoding'] !== undefined ? 'chunked' : length === undefined ? null : Number(length);
  const requestId = requestIdOf(request.headers['x-request-id'], randomUUID);
  const clientAddress = request.socket.remoteAddress ?? 'unknown';
  const origin: RequestOrigin = { host: header, clientAddress, proto: 'http', requestId, body, upgrade: null };
  return { origin, host: hosts.length === 1 && isPath ? normaliseHost(header) : null };
}

/** All passes. Holds the request while its app starts; `gone` ends the wait when the client has left. */
export async function admit(parts: ProxyParts, host: string | null, gone: AbortSignal): Promise<Target | Refusal> {
  const nothing = () => {};
  const refuse = (code: LCode): Refusal => ({ code, app: null, release: null, end: nothing });
  if (host === null) return refuse('L02');
  if (parts.routes.table === null) return refuse('L01');
  const match = parts.routes.table.find(host);
  if (match.kind === 'unknown') return refuse('L03');
  if (match.kind === 'platform') {
    return { app: platformApp, release: 'platform', upstream: null, end: parts.stats.begin(platformApp, Date.now()) };
  }
  const app = match.route.appId;
  const isFull = parts.stats.inFlightOfApp(app) >= match.route.concurrency;
  const end = parts.stats.begin(app, Date.now());
  if (isFull) return { code: 'L15', app, release: match.route.releaseLabel, end };
  const route = match.route.state === 'starting' ? await untilStarted(parts, host, gone) : match.route;
  if (route === null) return { code: 'L03', app, release: null, end };
  const release = route.releaseLabel;
  if (route.state === 'serving') return { app, release, upstream: pick(route, parts.stats), end };
  return { code: ({ starting: 'L05', empty: 'L04', stopped: 'L06' } as const)[route.state], app, release, end };
}

/** The route once it is no longer `starting`, or as it is when the limit has passed; null when it went away. */
export async function untilStarted(
  parts: Pick<ProxyParts, 'routes' | 'limits'>,
  host: string,
  gone: AbortSignal,
): Promise<Route | null> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), parts.limits.holdMs);
  const end = AbortSignal.any([limit.signal, gone]);
  try {
    for (;;) {
      const match = parts.routes.table?.find(host);
      if (match?.kind !== 'app') return null;
      if (match.route.state !== 'starting' || end.aborted) return match.route;
      await new Promise<void>((resolve) => {
        const takeBack = parts.routes.onceChanged(resolve);
        end.addEventListener(
          'abort',
          () => {
            takeBack();
            resolve();
          },
          { once: true },
        );
      });
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The instance with the fewest requests in flight, the first of equals; not `except` when there is another. */
export function pick(route: Route, stats: Pick<Stats, 'inFlightOf'>, except?: Upstream): Upstream {
  const others = route.upstreams.filter((upstream) => upstream.instanceId !== except?.instanceId);
  const candidates = others.length > 0 ? others : route.upstreams;
  return candidates.reduce((best, next) =>
    stats.inFlightOf(next.instanceId) < stats.inFlightOf(best.instanceId) ? next : best,
  );
}
