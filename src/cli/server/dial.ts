// One HTTP exchange with the address itself: no proxy, no name look-up for `*.localhost` (which most resolvers lack), a
// limit on the wait. What the network does wrong becomes an error with advice.
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { fail, isFailure } from '../../domain/errors.ts';

/**
 * Not `import`: the module facade of `node:http` reads its lazy WebSocket exports, which loads all of undici (20 ms of 50).
 */
const http = (): typeof import('node:http') => process.getBuiltinModule('node:http');
const https = (): typeof import('node:https') => process.getBuiltinModule('node:https');

export type Exchange = {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string | null;
  signal: AbortSignal | null;
  /** The longest silence before or within the answer. */
  idleMs: number;
};

/** The connection broke before or while the server answered: worth one more try. */
export class BrokenConnection extends Error {}

/**
 * Sends and resolves with the answer's head; its body is to be read.
 * @throws BrokenConnection, router-away (nothing listens), timed-out, cancelled
 */
export function dial(exchange: Exchange): Promise<IncomingMessage> {
  const { url, signal } = exchange;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options: RequestOptions = {
    method: exchange.method,
    host: host === 'localhost' || host.endsWith('.localhost') ? '127.0.0.1' : host,
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    path: url.pathname + url.search,
    headers: { host: url.host, ...exchange.headers },
    ...(url.protocol === 'https:' ? { servername: host } : {}),
    ...(signal ? { signal } : {}),
    timeout: exchange.idleMs,
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request: ClientRequest = url.protocol === 'https:' ? https().request(options) : http().request(options);
  request.on('timeout', () =>
    request.destroy(
      fail('timed-out', `${url.origin} said nothing for ${Math.round(exchange.idleMs / 1000)} s`, {
        advice: 'Is it busy? See: lockstep status',
      }),
    ),
  );
  request.on('error', (error) => reject(networkFailure(error, url.origin, signal)));
  request.on('response', resolve);
  request.end(exchange.body ?? undefined);
  return promise;
}

/** The error that a broken exchange stands for. */
export function networkFailure(error: unknown, origin: string, signal: AbortSignal | null): Error {
  if (isFailure(error) || error instanceof BrokenConnection) return error;
  if (signal?.aborted) return fail('cancelled', 'interrupted');
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(code) || /socket hang up|aborted/.test(message)) {
    return new BrokenConnection(`the connection to ${origin} broke`, { cause: error });
  }
  if (code === 'ECONNREFUSED') {
    return fail('router-away', `nothing answers at ${origin}`, { advice: 'Start it with: lockstep up', cause: error });
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return fail('router-away', `the name of ${origin} cannot be resolved`, {
      advice: 'Check the address (LOCKSTEP_URL, or what you logged in to) and this machine’s network.',
      cause: error,
    });
  }
  return fail('router-away', `${origin} cannot be reached (${code || message})`, {
    advice: 'Check the address and the network, then try again.',
    cause: error,
  });
}
