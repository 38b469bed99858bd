// One request to one upstream, up to the header of its answer, with the limits of each step and a code for each failure.
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { ProxyParts, Target } from './admit.ts';
import type { LCode } from './l-codes.ts';

export class DialError extends Error {
  readonly code: LCode;
  constructor(code: LCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export type Dialled = { upstreamRequest: ClientRequest; failed: (handle: (error: DialError) => void) => void };

/** Starts the request. `isFresh` asks for a connection of its own (a retry, an upgrade). */
export function dial(
  parts: ProxyParts,
  target: Target,
  how: { method: string; path: string; headers: string[]; isFresh: boolean },
): Dialled {
  const { upstream } = target;
  const where = upstream === null ? { socketPath: parts.controlSocket } : { host: upstream.host, port: upstream.port };
  const agent = upstream === null || how.isFresh ? new Agent({ keepAlive: false }) : parts.pools.agentOf(upstream);
  const upstreamRequest = httpRequest({
    ...where,
    agent,
    method: how.method,
    path: how.path,
    headers: how.headers,
    setHost: false,
  });
  let isOver = false;
  let connected = false;
  let handle: (error: DialError) => void = () => {};
  const timers: NodeJS.Timeout[] = [];
  const over = () => {
    isOver = true;
    for (const timer of timers) clearTimeout(timer);
  };
  const end = (code: LCode, detail: string) => {
    if (isOver) return;
    over();
    handle(new DialError(upstream === null ? 'L16' : code, detail));
    upstreamRequest.destroy();
  };
  upstreamRequest.on('socket', (socket) => {
    if (!socket.connecting) {
      connected = true;
      return;
    }
    const timer = setTimeout(() => end('L08', 'connect timed out'), parts.limits.connectMs);
    timers.push(timer);
    socket.once('connect', () => {
      connected = true;
      clearTimeout(timer);
    });
  });
  if (upstream !== null) timers.push(setTimeout(() => end('L09', 'no first byte in time'), parts.limits.firstByteMs));
  upstreamRequest.on('error', (error: NodeJS.ErrnoException) => {
    const isNotHttp = error.code?.startsWith('HPE_') === true;
    end(isNotHttp ? 'L10' : connected ? 'L11' : 'L07', error.message);
  });
  upstreamRequest.on('close', () => end('L11', 'closed'));
  upstreamRequest.once('response', (_answer: IncomingMessage) => over());
  upstreamRequest.once('upgrade', over);
  return {
    upstreamRequest,
    failed: (next) => {
      handle = next;
    },
  };
}
