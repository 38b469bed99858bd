// An ordinary request, from its header to the last byte of its answer: admitted, dialled, streamed both ways. A request is
// sent a second time only when it is idempotent, has no body and nothing was received; never after a time limit.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { admit, originOf, type ProxyParts, pick, type Target } from './admit.ts';
import { type DialError, dial } from './dial.ts';
import { clientHeaders, type RequestOrigin, upstreamHeaders } from './headers.ts';
import { type LCode, lAnswer } from './l-codes.ts';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const retriable = new Set<LCode>(['L07', 'L11']);

/** The listener of the public server. */
export function createProxy(parts: ProxyParts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    void serve(parts, request, response);
  };
}

async function serve(parts: ProxyParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now();
  const { origin, host } = originOf(request);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  request.on('error', () => gone.abort());
  const admitted = await admit(parts, host, gone.signal);
  if (gone.signal.aborted) return admitted.end();
  response.once('close', admitted.end);
  const answered = (status: number, code: LCode | null) => {
    if (admitted.app !== null) parts.stats.answered(admitted.app, status, performance.now() - startedAt, code);
  };
  const refuse = (code: LCode, detail: string) => {
    parts.log({ code, host: origin.host, path: request.url ?? '', requestId: origin.requestId, detail });
    if (response.headersSent) return void response.destroy();
    const answer = lAnswer(code, {
      accept: request.headers.accept ?? '',
      release: admitted.release,
      requestId: origin.requestId,
    });
    answered(answer.status, code);
    if (!request.complete) answer.headers.push('connection', 'close');
    response.writeHead(answer.status, answer.headers).end(request.method === 'HEAD' ? undefined : answer.body);
    request.resume();
  };
  if ('code' in admitted) return refuse(admitted.code, '');
  forward(parts, { request, response, origin, host: host!, target: admitted, refuse, answered }, false);
}

type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  origin: RequestOrigin;
  host: string;
  target: Target;
  refuse: (code: LCode, detail: string) => void;
  answered: (status: number, code: LCode | null) => void;
};

function forward(parts: ProxyParts, exchange: Exchange, isRetry: boolean): void {
  const { request, response, origin, target } = exchange;
  const method = request.method ?? 'GET';
  const leave = target.upstream === null ? () => {} : parts.stats.dial(target.upstream.instanceId);
  response.once('close', leave);
  const headers = upstreamHeaders(request.rawHeaders, origin);
  const { upstreamRequest, failed } = dial(parts, target, {
    method,
    path: request.url ?? '/',
    headers,
    isFresh: isRetry,
  });
  const abandon = () => upstreamRequest.destroy();
  response.once('close', abandon);
  let isTold = false;
  failed((error: DialError) => {
    response.off('close', abandon);
    if (isTold || response.destroyed) return;
    isTold = true;
    leave();
    const again = !isRetry && origin.body === null && idempotent.has(method) && retriable.has(error.code);
    const match = again ? parts.routes.table?.find(exchange.host) : undefined;
    if (match?.kind !== 'app' || match.route.state !== 'serving') return exchange.refuse(error.code, error.message);
    const upstream = pick(match.route, parts.stats, target.upstream ?? undefined);
    forward(parts, { ...exchange, target: { ...target, upstream, release: match.route.releaseLabel } }, true);
  });
  upstreamRequest.once('response', (answer) => {
    const status = answer.statusCode ?? 502;
    try {
      response.writeHead(
        status,
        answer.statusMessage,
        clientHeaders(answer.rawHeaders, { release: target.release, requestId: origin.requestId }),
      );
    } catch (error) {
      answer.destroy();
      return exchange.refuse('L10', (error as Error).message);
    }
    exchange.answered(status, null);
    setImmediate(() => response.flushHeaders());
    pipeline(answer, response, () => {});
  });
  if (origin.body === null) return void upstreamRequest.end();
  if (target.upstream !== null)
    limitIdleBody(parts.limits.bodyIdleMs, request, response, upstreamRequest, () => {
      isTold = true;
      exchange.refuse('L14', 'body idle');
      upstreamRequest.destroy();
    });
  request.pipe(upstreamRequest);
}

/** Calls `stop` when the client sends nothing for `limitMs` although the upstream would take it. */
function limitIdleBody(
  limitMs: number,
  request: IncomingMessage,
  response: ServerResponse,
  sink: { writableNeedDrain: boolean },
  stop: () => void,
): void {
  const timer = setTimeout(() => (sink.writableNeedDrain ? timer.refresh() : stop()), limitMs);
  request.on('data', () => timer.refresh());
  for (const emitter of [request.once('end', () => clearTimeout(timer)), response])
    emitter.once('close', () => clearTimeout(timer));
}
