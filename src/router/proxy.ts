// An ordinary request, from its header to the last byte of its answer: admitted, dialled, streamed both ways. It goes to
// another upstream when no byte of it was sent, and a second time when it is idempotent, has no body, and the connection that
// was kept for it turned out to be closed. It is never sent again after a time limit. A request that could not be repeated
// gets a connection of its own, so that no kept one can fail it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Asked, admit, askedOf, noApp, type ProxyParts, type Refusal, type Target } from './admit.ts';
import { againAt, isRepeatable } from './again.ts';
import { type DialFailure, dial } from './dial.ts';
import { clientHeaders, upstreamHeaders } from './headers.ts';
import { type LCode, lAnswer } from './l-codes.ts';
import { linger, sendBody, watchBody } from './request-body.ts';

/** One request under way. `abandon` lets go of the upstream that it is at. */
type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  asked: Asked;
  startedAt: number;
  /** The client waits for 100 Continue before it sends its body. */
  isWaiting: boolean;
  tried: Set<string>;
  /** It has been answered by us. */
  isRefused: boolean;
  abandon: () => void;
};

/**
 * Serves one request of the public server's `request`, and with `isWaiting` of its `checkContinue`.
 * @returns ends it with a code of ours, for what is found out about it later (a body that cannot be parsed)
 */
export function serve(
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  isWaiting: boolean,
): (code: LCode, detail: string) => void {
  const exchange: Exchange = {
    request,
    response,
    asked: askedOf(request, parts.limits),
    startedAt: performance.now(),
    isWaiting,
    tried: new Set(),
    isRefused: false,
    abandon: () => {},
  };
  request.on('error', () => response.destroy());
  response.once('close', () => exchange.abandon());
  let whose: { app: string; release: string | null } = { app: noApp, release: null };
  const go = (admitted: Target | Refusal) => {
    if (response.closed || exchange.isRefused) return admitted.end();
    response.once('close', admitted.end);
    whose = admitted;
    if ('code' in admitted) refuse(parts, exchange, admitted, admitted.code, '');
    else forward(parts, exchange, admitted);
  };
  const admitted = admit(parts, exchange.asked, response);
  if (admitted instanceof Promise) admitted.then(go).catch((error) => broke(parts, exchange, error));
  else guarded(parts, exchange, () => go(admitted));
  return (code, detail) => {
    refuse(parts, exchange, whose, code, detail);
    exchange.abandon();
  };
}

function forward(parts: ProxyParts, exchange: Exchange, target: Target): void {
  const { request, response, asked } = exchange;
  const { origin } = asked;
  const { upstream } = target;
  const leave = upstream === null ? () => {} : parts.stats.dial(upstream.instanceId);
  exchange.abandon = leave;
  const isFresh = !isRepeatable(request, origin.body) || exchange.tried.size > 0;
  if (upstream !== null) exchange.tried.add(upstream.instanceId);
  const hasBody = origin.body !== null && origin.body !== 0;
  let endWatch = () => {};
  let theAnswer: IncomingMessage | null = null;
  const { upstreamRequest, fail } = dial(
    parts,
    upstream,
    {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: upstreamHeaders(request.rawHeaders, origin),
      isFresh,
    },
    {
      connected() {
        if (!hasBody) return;
        if (exchange.isWaiting) response.writeContinue();
        exchange.isWaiting = false;
        if (upstream !== null) endWatch = watchBody(request, upstreamRequest, parts.limits.bodyIdleMs, fail);
        sendBody(request, upstreamRequest, origin.body);
        // Header and first piece go out together when both are here; a body that comes late must not hold the header back.
        // When the piece was here the header has gone, and a flush would be an empty write, perhaps after the whole answer.
        setImmediate(() => request.readableDidRead || upstreamRequest.flushHeaders());
      },
      answered(answer) {
        endWatch();
        theAnswer = answer;
        guarded(parts, exchange, () => relay(parts, exchange, target, answer));
      },
      failed(failure) {
        endWatch();
        leave();
        if (!response.closed && !exchange.isRefused)
          guarded(parts, exchange, () => afterFailure(parts, exchange, target, failure));
      },
    },
  );
  exchange.abandon = () => {
    leave();
    // A connection whose answer was read to its end is in its pool again, and no longer ours.
    if (theAnswer?.readableEnded !== true || !upstreamRequest.writableFinished) upstreamRequest.destroy();
  };
  if (!hasBody) upstreamRequest.end();
}

function afterFailure(parts: ProxyParts, exchange: Exchange, target: Target, failure: DialFailure): void {
  const again = againAt(
    parts,
    target,
    failure,
    exchange.tried,
    isRepeatable(exchange.request, exchange.asked.origin.body),
  );
  if (again !== null) forward(parts, exchange, again);
  else refuse(parts, exchange, target, failure.code, failure.detail);
}

/** Streams the answer of the upstream to the client. */
function relay(parts: ProxyParts, exchange: Exchange, target: Target, answer: IncomingMessage): void {
  const { request, response, asked } = exchange;
  const status = answer.statusCode ?? 502;
  const about = { release: target.release, requestId: asked.origin.requestId };
  const headers = clientHeaders(answer.rawHeaders, about);
  if (parts.isClosing()) headers.push('connection', 'close');
  answer.on('error', () => response.destroy());
  answer.once('close', () => {
    if (!answer.complete) response.destroy();
  });
  try {
    response.writeHead(status, answer.statusMessage, headers);
  } catch (error) {
    answer.destroy();
    refuse(parts, exchange, target, 'L10', (error as Error).message);
    return;
  }
  parts.stats.answered(target.app, status, performance.now() - exchange.startedAt, null);
  if (target.upstream !== null) request.socket.setTimeout(parts.limits.answerIdleMs);
  // The first bytes of the body mostly come with the header and go out in one piece; a stream that waits must not hold it back.
  setImmediate(() => {
    if (!response.closed) response.flushHeaders();
  });
  response.once('finish', () => linger(request, parts.limits.lingerMs));
  answer.pipe(response);
}

/** Answers with a code; when an answer is already under way, it is cut instead. */
function refuse(
  parts: ProxyParts,
  exchange: Exchange,
  whose: { app: string; release: string | null },
  code: LCode,
  detail: string,
): void {
  const { request, response, asked } = exchange;
  if (exchange.isRefused) return;
  exchange.isRefused = true;
  const { host, requestId } = asked.origin;
  parts.log({ code, host: host.slice(0, 255), path: (request.url ?? '').slice(0, 200), requestId, detail });
  if (response.headersSent) return void response.destroy();
  const answer = lAnswer(code, { accept: request.headers.accept ?? '', release: whose.release, requestId });
  parts.stats.answered(whose.app, answer.status, performance.now() - exchange.startedAt, code);
  if (exchange.isWaiting || code === 'L02' || parts.isClosing()) answer.headers.push('connection', 'close');
  response.once('finish', () => linger(request, parts.limits.lingerMs));
  response.writeHead(answer.status, answer.headers).end(request.method === 'HEAD' ? undefined : answer.body);
}

function guarded(parts: ProxyParts, exchange: Exchange, step: () => void): void {
  try {
    step();
  } catch (error) {
    broke(parts, exchange, error);
  }
}

/** Whatever we did not foresee ends one request, never the router. */
function broke(parts: ProxyParts, exchange: Exchange, error: unknown): void {
  exchange.abandon();
  refuse(parts, exchange, { app: noApp, release: null }, 'L17', String((error as Error)?.stack ?? error));
}
