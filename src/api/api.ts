// The REST door: parse -> policy -> verb -> present, for every route in the same way. It owns no state but what runs
// under an idempotency key at this moment, and reaches the platform through its verbs only. Mounted by control behind
// node:http; git's addresses are taken before it.
import { type Context, Hono } from 'hono';
import { fail, isFailure } from '../domain/errors.ts';
import type { Answer, BodyAnswer } from './answer.ts';
import { dropBody, parseJson, readBody } from './body.ts';
import { createOnce, fingerprintOf, type Once, parseIdempotencyKey } from './idempotency.ts';
import { openApiDocument } from './openapi.ts';
import { parseRequest } from './parse.ts';
import type { Platform } from './platform.ts';
import { authenticate, demandRights, demandWholeTeam, findApp, refuseCrossSite } from './policy.ts';
import { type Log, problemResponse, toProblem } from './problem.ts';
import type { Asked, Door, Route } from './route.ts';
import { routes as allRoutes } from './routes.ts';
import { openStream } from './stream.ts';

export type ApiOptions = {
  platform: Platform;
  version: string;
  log: Log;
  /** Other routes than all of them; for tests. */
  routes?: readonly Route[];
  now?: () => number;
  /** Of streams: silence before a comment line; milliseconds. */
  beatMs?: number;
  /** Of streams: how long the first event is waited for before the headers go out; milliseconds. */
  graceMs?: number;
  /** The most streams that are open at once; more are refused as `busy`. */
  streamLimit?: number;
};

export type Api = {
  fetch: (request: Request) => Response | Promise<Response>;
  app: Hono;
  routes: readonly Route[];
};

type Inner = Readonly<{ door: Door; once: Once; log: Log; beatMs: number; graceMs: number; streams: Streams }>;
type Streams = { open: number; limit: number };

export function createApi(options: ApiOptions): Api {
  const { platform, version, log, routes = allRoutes } = options;
  refuseDoubles(routes);
  let document: string | null = null;
  const openApi = (): string => {
    document ??= `${JSON.stringify(openApiDocument(routes, version))}\n`;
    return document;
  };
  const inner: Inner = {
    door: { platform, version, now: options.now ?? Date.now, openApi },
    once: createOnce(platform),
    log,
    beatMs: options.beatMs ?? 15_000,
    graceMs: options.graceMs ?? 250,
    streams: { open: 0, limit: options.streamLimit ?? 256 },
  };
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    await dropBody(context.req.raw);
    // A file that an app wrote brings stricter ones.
    for (const [name, value] of securityHeaders(context))
      if (!context.res.headers.has(name)) context.res.headers.set(name, value);
  });
  app.onError((error, context) => problemResponse(toProblem(error, log, aboutRequest(context))));
  app.notFound(() => {
    const error = fail('not-found', 'there is nothing at this address', { advice: 'See /api/v1/openapi.json.' });
    return problemResponse(toProblem(error, log));
  });
  for (const route of routes)
    app.on(route.method.toUpperCase(), honoPath(route), (context) => answer(inner, route, context));
  refuseOtherMethods(app, routes);
  return { fetch: (request) => app.fetch(request), app, routes };
}

/** Whatever is thrown becomes a problem here, also what is no Error (a signal's reason may be a string). */
async function answer(inner: Inner, route: Route, context: Context): Promise<Response> {
  try {
    return await serve(inner, route, context);
  } catch (error) {
    const hasLeft = context.req.raw.signal.aborted && !isFailure(error);
    const told = hasLeft ? fail('cancelled', 'the client went away before the answer') : error;
    // The address of such a route may hold a secret.
    const about = route.takesBytes ? { method: context.req.method, path: route.path } : aboutRequest(context);
    return problemResponse(toProblem(told, inner.log, about));
  }
}

/** One request of one route. The order of the steps is the policy. */
async function serve(inner: Inner, route: Route, context: Context): Promise<Response> {
  const { platform } = inner.door;
  const request = context.req.raw;
  const authorization = context.req.header('authorization') ?? null;
  refuseCrossSite(request, new URL(request.url).host);
  const isOpen = route.rights.length === 0;
  const params = context.req.param() as Record<string, string>;
  const anyone = authorization === null ? (route.anyone?.(platform, params.app ?? '') ?? null) : null;
  const principal = isOpen ? null : (anyone ?? authenticate(platform, authorization));
  if (principal) {
    demandRights(principal, route.rights);
    demandWholeTeam(principal, route);
  }
  const app = principal && route.tenancy === 'app' ? findApp(platform, principal, params.app ?? '') : null;
  const bytes = route.body || route.takesBytes ? await readBody(request) : Buffer.alloc(0);
  const body = route.body ? parseJson(bytes, context.req.header('content-type') ?? null) : undefined;
  const parsed = parseRequest(route, { params, query: context.req.queries(), body });
  if (principal && route.furtherRight?.isNeeded(parsed)) demandRights(principal, [route.furtherRight.right]);

  const asked: Asked = {
    principal,
    app,
    ...parsed,
    wantsStream: /\btext\/event-stream\b/.test(context.req.header('accept') ?? ''),
    lastEventId: context.req.header('last-event-id') ?? null,
    ifNoneMatch: context.req.header('if-none-match') ?? null,
    sent: { bytes, header: (name: string) => context.req.header(name) ?? null },
    signal: request.signal,
  } as Asked;
  const key = route.body ? parseIdempotencyKey(context.req.header('idempotency-key') ?? null) : null;
  if (principal && key !== null) {
    const { pathname, search } = new URL(request.url);
    const print = fingerprintOf(request.method, pathname + search, bytes);
    const work = async (): Promise<BodyAnswer> => (await route.handle(asked, inner.door)) as BodyAnswer;
    const { answer, isReplay } = await inner.once(principal, key, print, work, route.kept ?? ((kept) => kept));
    const response = await render(inner, route, context, answer);
    if (isReplay) response.headers.set('idempotency-replayed', 'true');
    return response;
  }
  return render(inner, route, context, await route.handle(asked, inner.door));
}

async function render(inner: Inner, route: Route, context: Context, answer: Answer): Promise<Response> {
  if ('stream' in answer) return renderStream(inner, context, answer.stream);
  if ('bytes' in answer) return new Response(answer.bytes, { status: answer.status, headers: { ...answer.headers } });
  if ('text' in answer)
    return new Response(answer.text, { status: answer.status, headers: { 'content-type': answer.contentType } });
  if (answer.status === 204) return new Response(null, { status: 204 });
  const location = route.location?.(answer.body) ?? null;
  return new Response(`${JSON.stringify(answer.body)}\n`, {
    status: answer.status,
    headers: { 'content-type': 'application/json', ...(location === null ? {} : { location }) },
  });
}

async function renderStream(
  { door, log, beatMs, graceMs, streams }: Inner,
  context: Context,
  source: Parameters<typeof openStream>[0],
): Promise<Response> {
  const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
  if (context.req.raw.method === 'HEAD') return new Response(null, { headers });
  if (streams.open >= streams.limit) {
    throw fail('busy', `${streams.limit} streams are open already`, { advice: 'Close some, or try again later.' });
  }
  streams.open += 1;
  const authorization = context.req.header('authorization') ?? null;
  const body = await openStream(source, {
    signal: context.req.raw.signal,
    beatMs,
    graceMs,
    check: () => void authenticate(door.platform, authorization),
    onEnd: () => {
      streams.open -= 1;
    },
    toEvent: (error) => ({ event: 'error', data: toProblem(error, log, aboutRequest(context)) }),
  });
  return new Response(body, { headers });
}

/** @throws Error: two routes of one address, or of one name */
function refuseDoubles(routes: readonly Route[]): void {
  const names = routes.flatMap((route) => [route.id, `${route.method} ${route.path}`]);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) throw new Error(`the route "${double}" is declared twice`);
}

function refuseOtherMethods(app: Hono, routes: readonly Route[]): void {
  for (const [path, group] of Map.groupBy(routes, honoPath)) {
    const methods = group.map((route) => route.method.toUpperCase());
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
    app.all(path, (context) => {
      const error = fail('bad-request', `this address does not take ${context.req.method}`, {
        advice: `It takes ${allow}.`,
      });
      const problem = toProblem(error, { error: () => {} });
      return problemResponse({ ...problem, status: 405, title: 'Method not allowed' }, { allow });
    });
  }
}

function honoPath(route: Route): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === route.rest ? `:${name}{.+}` : `:${name}`));
}

/** Nothing of ours is kept by a cache, guessed at, framed, or named to other sites. */
function securityHeaders(context: Context): [string, string][] {
  return [
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['content-security-policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"],
    ['cache-control', context.req.path.startsWith('/api/') ? 'no-store' : 'no-cache'],
  ];
}

/** For the log: never the query (a browser may put anything there), never a header. */
function aboutRequest(context: Context): Record<string, unknown> {
  return { method: context.req.method, path: context.req.path };
}
