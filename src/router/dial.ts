// One request to one upstream on a connection of its own, up to the header of its answer, with the limits of each step and a
// code for each failure. Whoever calls sends the body, and only once `connected` says that there is somebody to send it to.
// What has no body and may be repeated goes by the kept connections of `pool.ts` instead, with the same handlers.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Upstream } from '../domain/route.ts';
import { Agent, request as httpRequest } from '../lib/http.ts';
import type { ProxyParts } from './admit.ts';
import { answerOf } from './answer.ts';
import type { DialHandlers } from './dial-outcome.ts';
import type { LCode } from './l-codes.ts';

export type DialledRequest = { method: string; path: string; headers: string[] };

const oneRequest = new Agent({ keepAlive: false });

/**
 * Starts the request; `fail` in the result ends it with a code.
 * @param upstream null: control's own socket, which has no limit on the first byte
 * @throws when the request cannot be written at all (a header that no upstream may get)
 */
export function dial(
  parts: ProxyParts,
  upstream: Upstream | null,
  asked: DialledRequest,
  on: DialHandlers,
): { upstreamRequest: ClientRequest; fail: (code: LCode, detail: string) => void } {
  const { limits } = parts;
  const where = upstream === null ? { socketPath: parts.controlSocket } : { host: upstream.host, port: upstream.port };
  const { method, path, headers } = asked;
  const upstreamRequest = httpRequest({ ...where, agent: oneRequest, method, path, headers, setHost: false });
  let isOver = false;
  let socket: Socket | null = null;
  // A router that stood still itself hears of the deadline before it hears of the connection: it looks once more.
  const late = () => void (socket === null && fail('L08', 'connect timed out'));
  let timer = setTimeout(() => setImmediate(late), limits.connectMs);
  const over = () => {
    isOver = true;
    clearTimeout(timer);
  };
  const fail = (code: LCode, detail: string) => {
    if (isOver) return;
    over();
    upstreamRequest.destroy();
    on.failed({ code: upstream === null ? 'L16' : code, detail, reach: socket === null ? 'unsent' : 'sent' });
  };
  const connected = (by: Socket) => {
    clearTimeout(timer);
    if (isOver) return;
    socket = by;
    on.connected();
  };
  upstreamRequest.on('socket', (by) => {
    if (by.connecting) by.once('connect', () => connected(by));
    else connected(by);
  });
  upstreamRequest.once('finish', () => {
    if (upstream === null || isOver) return;
    clearTimeout(timer);
    timer = setTimeout(() => fail('L09', 'no first byte in time'), limits.firstByteMs);
  });
  let came: IncomingMessage | null = null;
  upstreamRequest.on('error', (error: NodeJS.ErrnoException) => {
    const isNotHttp = error.code?.startsWith('HPE_') === true;
    // What comes after a whole answer changes nothing of it.
    if (came?.complete) return;
    fail(isNotHttp ? 'L10' : socket === null ? 'L07' : 'L11', error.message);
  });
  upstreamRequest.once('close', () => {
    if (came === null) fail(socket === null ? 'L07' : 'L11', 'closed');
  });
  // A tick later: what came with the header is parsed by then, and its fault can be told as long as nothing was said.
  upstreamRequest.once('response', (answer) => {
    if (isOver) return;
    came = answer;
    process.nextTick(() => {
      if (isOver) return;
      over();
      on.answered(answerOf(answer));
    });
  });
  const { upgraded } = on;
  if (upgraded !== undefined)
    upstreamRequest.once('upgrade', (answer, by, first) => {
      if (isOver) return void by.destroy();
      over();
      upgraded(answer, by, first);
    });
  return { upstreamRequest, fail };
}
