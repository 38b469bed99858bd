// An ordinary request, from its header to the last byte of its answer: admitted, dialled, streamed both ways. It goes to
// another upstream when no byte of it was sent, and a second time when it is idempotent, has no body, and the connection that
// was kept for it turned out to be closed. It is never sent again after a time limit. A request that could not be repeated
// gets a connection of its own, so that no kept one can fail it. The way of a small page is short on purpose: every listener,
// timer and turn of the loop on it costs the router throughput (bench/router.ts).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Upstream } from '../domain/route.ts';
import { type Asked, admit, noApp, type ProxyParts, type Refusal, type Target } from './admit.ts';
import { againAt, codeOf, isRepeatable } from './again.ts';
import type { Answer } from './answer.ts';
import { dial } from './dial.ts';
import type { DialFailure } from './dial-outcome.ts';
import { clientHeaders, upstreamHeaders, valuesOf } from './headers.ts';
import { requestText } from './kept/request-text.ts';
import { type LCode, lAnswer } from './l-codes.ts';
import { loggedPath } from './logged-path.ts';
import { linger, sendBody, watchBody } from './request-body.ts';
import type { Watch } from './slow-clients.ts';

/** One request under way. `abandon` lets go of the upstream that it is at, `end` of the place of its app. */
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
  end: () => void;
};

const nothing = () => {};
const always = () => true;

/**
 * Serves one request of the public server's `request`, and with `isWaiting` of its `checkContinue`; `over` is called once when
 * its answer is out or cut.
 * @returns ends it with a code of ours, for what is found out about it later (a body that cannot be parsed)
 */
export function serve(
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  asked: Asked,
  isWaiting: boolean,
  over: () => void,
): (code: LCode, detail: string) => void {
  const exchange: Exchange = {
    request,
    response,
    asked,
    startedAt: performance.now(),
    isWaiting,
    tried: new Set(),
    isRefused: false,
    abandon: nothing,
    end: nothing,
  };
  request.on('error', () => response.destroy());
  response.once('close', () => {
    exchange.abandon();
    exchange.end();
    over();
  });
  let whose: { app: string; release: string | null } = { app: noApp, release: null };
  const go = (admitted: Target | Refusal) => {
    if (response.closed || exchange.isRefused) return admitted.end();
    exchange.end = admitted.end;
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
  const { request, asked, tried } = exchange;
  const { upstream } = target;
  const leave = upstream === null ? nothing : parts.stats.dial(upstream.instanceId);
  exchange.abandon = leave;
  const failed = (failure: DialFailure) => {
    leave();
    if (!exchange.response.closed && !exchange.isRefused)
      guarded(parts, exchange, () => afterFailure(parts, exchange, target, failure));
  };
  const answered = (answer: Answer) => guarded(parts, exchange, () => relay(parts, exchange, target, answer));
  const isKept = upstream !== null && tried.size === 0 && isRepeatable(request, asked.origin.body);
  if (upstream !== null) tried.add(upstream.instanceId);
  const headers = upstreamHeaders(request.rawHeaders, asked.origin);
  const { method = 'GET', url = '/' } = request;
  const letGo = isKept
    ? parts.pools.ask(upstream, { method, text: requestText(method, url, headers) }, { answered, failed })
    : forwardAlone(parts, exchange, target, { method, path: url, headers }, { answered, failed });
  exchange.abandon = () => {
    leave();
    letGo();
  };
}

/** On a connection of its own, with its body. @returns lets go of the request */
function forwardAlone(
  parts: ProxyParts,
  exchange: Exchange,
  { app, upstream }: Target,
  dialled: { method: string; path: string; headers: string[] },
  on: { answered: (answer: Answer) => void; failed: (failure: DialFailure) => void },
): () => void {
  const { request, response, asked } = exchange;
  const { body } = asked.origin;
  const hasBody = body !== null && body !== 0;
  let endWatch = nothing;
  const { upstreamRequest, fail } = dial(parts, upstream, dialled, {
    connected() {
      if (!hasBody) return;
      if (exchange.isWaiting) response.writeContinue();
      exchange.isWaiting = false;
      const { bodyIdleMs, slowBodyMs } = parts.limits;
      const slow = (isItsTurn: () => boolean, end: () => void) =>
        parts.slowClients.watch(app, slowBodyMs, isItsTurn, end);
      if (upstream !== null) endWatch = watchBody(request, upstreamRequest, bodyIdleMs, slow, fail);
      sendBody(request, upstreamRequest, body);
      // Header and first piece go out together when both are here; a body that comes late must not hold the header back.
      // When the piece was here the header has gone, and a flush would be an empty write, perhaps after the whole answer.
      setImmediate(() => request.readableDidRead || upstreamRequest.flushHeaders());
    },
    answered(answer) {
      endWatch();
      on.answered(answer);
    },
    failed(failure) {
      endWatch();
      on.failed(failure);
    },
  });
  if (!hasBody) upstreamRequest.end();
  return () => void upstreamRequest.destroy();
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
  else refuse(parts, exchange, target, codeOf(parts, target, failure), failure.detail);
}

/** Streams the answer of the upstream to the client. */
function relay(parts: ProxyParts, exchange: Exchange, target: Target, answer: Answer): void {
  const { request, response, asked } = exchange;
  const { limits } = parts;
  const about = { release: target.release, requestId: asked.origin.requestId };
  const headers = clientHeaders(answer.rawHeaders, about);
  if (parts.isClosing()) headers.push('connection', 'close');
  try {
    response.writeHead(answer.status, answer.reason, headers);
  } catch (error) {
    exchange.abandon();
    refuse(parts, exchange, target, 'L10', (error as Error).message);
    return;
  }
  parts.stats.answered(target.app, answer.status, performance.now() - exchange.startedAt, null);
  if (!request.complete) response.once('finish', () => linger(request, limits.lingerMs));
  if (!answer.isWhole) {
    if (target.upstream !== null) request.socket.setTimeout(limits.answerIdleMs);
    if (target.upstream !== null && isEventStream(answer.rawHeaders)) endWithInstance(parts, exchange, target.upstream);
    // The first bytes of the body mostly come with the header and go out in one piece; a stream that waits must not hold it back.
    setImmediate(() => {
      if (!response.closed) response.flushHeaders();
    });
  }
  let wait: Watch | null = null;
  let isFull = false;
  const mustTake = () => {
    // Without a socket it waits behind an earlier answer of its connection, and nobody could take it.
    if (target.upstream === null || response.socket === null) return;
    wait?.stop();
    wait = parts.slowClients.watch(target.app, limits.slowReadMs, always, () => endSlow(parts, exchange));
  };
  if (!answer.isWhole) response.once('close', () => wait?.stop());
  answer.read({
    piece(bytes, isLast) {
      if (response.destroyed) return true;
      if (isLast) {
        response.end(bytes);
        if (!answer.isWhole) mustTake();
        return true;
      }
      const isRoom = response.write(bytes);
      // An answer in small chunks has many pieces in one reading: they are waited for together.
      if (isRoom || isFull) return isRoom;
      isFull = true;
      mustTake();
      response.once('drain', () => {
        isFull = false;
        wait?.stop();
        answer.resume();
      });
      return false;
    },
    end() {
      response.end();
      if (response.writableLength > 0) mustTake();
    },
    cut() {
      if (response.destroyed || response.writableEnded) return;
      logCut(parts, exchange, target);
      response.destroy();
    },
  });
}

const isEventStream = (raw: readonly string[]): boolean =>
  valuesOf(raw, 'content-type').some((type) => type.toLowerCase().startsWith('text/event-stream'));

/** A stream has no end of its own: before its instance is stopped it ends whole, and its client comes back for the rest. */
function endWithInstance({ lasting }: ProxyParts, exchange: Exchange, { instanceId }: Upstream): void {
  const { response } = exchange;
  const takeBack = lasting.begin(instanceId, () => {
    response.end();
    exchange.abandon();
  });
  response.once('close', takeBack);
}

/** Whoever takes nothing of an answer gives the app's place back. */
function endSlow(parts: ProxyParts, { request, response, asked }: Exchange): void {
  const { host, requestId } = asked.origin;
  const detail = 'the client takes no more of its answer';
  parts.log({ code: 'L14', host: host.slice(0, 255), path: loggedPath(request.url), requestId, detail });
  response.destroy();
}

/** The client sees that its answer is not whole; why stands in the log only. */
function logCut(parts: ProxyParts, { request, asked }: Exchange, target: Target): void {
  const { host, requestId } = asked.origin;
  const detail = 'the app broke off in the middle of its answer';
  const code = codeOf(parts, target, { code: target.upstream === null ? 'L16' : 'L11', detail, reach: 'sent' });
  parts.log({ code, host: host.slice(0, 255), path: loggedPath(request.url), requestId, detail });
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
  parts.log({ code, host: host.slice(0, 255), path: loggedPath(request.url), requestId, detail });
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
