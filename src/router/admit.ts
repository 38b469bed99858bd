// The passes before a request is forwarded, in order: is it a request, whose is it, is there room, is it being served.
// The outcome is a target or a code; nothing here writes an answer.
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Route, Upstream } from '../domain/route.ts';
import { framingOf, type RequestOrigin, requestIdOf, valuesOf } from './headers.ts';
import type { Hold } from './hold.ts';
import type { LCode } from './l-codes.ts';
import type { Lasting } from './lasting.ts';
import type { RouterLimits } from './limits.ts';
import { normaliseHost } from './match.ts';
import type { Pools } from './pool.ts';
import type { Routes } from './routes.ts';
import type { SlowClients } from './slow-clients.ts';
import type { Stats } from './stats.ts';

/** One line for every answer of ours. `path` is cut and holds what a stranger sent: it is for JSON only. */
export type ProxyLog = (line: { code: LCode; host: string; path: string; requestId: string; detail: string }) => void;

export type ProxyParts = {
  routes: Routes;
  stats: Stats;
  pools: Pools;
  hold: Hold;
  lasting: Lasting;
  slowClients: SlowClients;
  limits: RouterLimits;
  controlSocket: string;
  log: ProxyLog;
  /** True once the router is going down: connections are closed after their answer. */
  isClosing: () => boolean;
};

/** `end` gives the place of the app back. `app` is the name under which the request is counted. */
type Admitted = { app: string; release: string | null; end: () => void };
/** `upstream` null means control's own socket. `host` is normalised. */
export type Target = Admitted & { upstream: Upstream | null; host: string };
export type Refusal = Admitted & { code: LCode };
export type Asked = { origin: RequestOrigin; host: string } | { origin: RequestOrigin; code: LCode };

/** The names under which the platform's own requests, and those that belong to no app, are counted. */
export const platformApp = 'platform';
export const noApp = 'unknown';

const nothing = () => {};

/** What is known of a request from its own words, or why it cannot be routed. */
export function askedOf(request: IncomingMessage, limits: RouterLimits): Asked {
  const { rawHeaders, headers, url = '', method = '' } = request;
  const hosts = valuesOf(rawHeaders, 'host');
  const header = hosts[0] ?? '';
  const body = framingOf(method, headers['content-length'], headers['transfer-encoding']);
  const requestId = requestIdOf(headers['x-request-id'], randomUUID);
  const clientAddress = request.socket.remoteAddress ?? 'unknown';
  const origin: RequestOrigin = {
    host: header,
    clientAddress,
    proto: 'http',
    requestId,
    body: body ?? null,
    upgrade: null,
  };
  if (url.length > limits.pathBytes) return { origin, code: 'L18' };
  if (rawHeaders.length > 2 * limits.headerCount) return { origin, code: 'L12' };
  const isPath = url.startsWith('/') || (method === 'OPTIONS' && url === '*');
  // The parser takes HTTP/0.9 (a request line without a version) and the 2.0 of a preface too.
  const isHttp1 = request.httpVersionMajor === 1;
  const host = hosts.length === 1 ? normaliseHost(header) : null;
  return host === null || !isPath || !isHttp1 || body === undefined ? { origin, code: 'L02' } : { origin, host };
}

/** All passes. A promise only when the request is held while its app starts; `client` closing ends that. */
export function admit(
  parts: ProxyParts,
  asked: Asked,
  client: EventEmitter,
): Target | Refusal | Promise<Target | Refusal> {
  const { stats, limits } = parts;
  const refuse = (code: LCode, app = noApp, release: string | null = null): Refusal => {
    return { code, app, release, end: nothing };
  };
  const match = 'code' in asked ? null : parts.routes.table?.find(asked.host);
  const app = match?.kind === 'app' ? match.route.appId : match?.kind === 'platform' ? platformApp : noApp;
  stats.came(app, Date.now());
  if ('code' in asked) return refuse(asked.code);
  if (match === null || match === undefined) return refuse('L01');
  if (match.kind === 'unknown') return refuse('L03');
  const { host } = asked;
  if (match.kind === 'platform') {
    if (stats.inFlightOfApp(app) >= limits.platformConcurrency) return refuse('L15', app, platformApp);
    return { app, host, release: platformApp, upstream: null, end: stats.begin(app) };
  }
  const { route } = match;
  if (stats.inFlightOfApp(app) >= route.concurrency && !parts.slowClients.makeRoom(app))
    return refuse('L15', app, route.releaseLabel);
  const end = stats.begin(app);
  if (route.state !== 'starting') return decide(route, host, stats, end);
  return parts.hold.until(host, route, client).then((later) => {
    return later === null ? { code: 'L03', app, release: null, end } : decide(later, host, stats, end);
  });
}

function decide(route: Route, host: string, stats: Stats, end: () => void): Target | Refusal {
  const about = { app: route.appId, release: route.releaseLabel, end };
  if (route.state === 'serving') return { ...about, host, upstream: pick(route, stats) };
  return { ...about, code: ({ starting: 'L05', empty: 'L04', stopped: 'L06' } as const)[route.state] };
}

/** The instance with the fewest requests in flight, the first of equals; not one of `except` when there is another. */
export function pick(
  route: Route,
  stats: Pick<Stats, 'inFlightOf'>,
  except: ReadonlySet<string> = new Set(),
): Upstream {
  const others = route.upstreams.filter((upstream) => !except.has(upstream.instanceId));
  const candidates = others.length > 0 ? others : route.upstreams;
  return candidates.reduce((best, next) =>
    stats.inFlightOf(next.instanceId) < stats.inFlightOf(best.instanceId) ? next : best,
  );
}
