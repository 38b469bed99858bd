// The server that strangers reach. Node's strict parser stands first (both Content-Length and Transfer-Encoding, folded
// lines, bad chunks never reach an upstream); limits on header size, header time and connections; none on the whole request,
// which would cut a slow push. What cannot be parsed is answered with a code too.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer } from '../lib/http.ts';
import { limitPerAddress } from './addresses.ts';
import { askedOf, noApp, type ProxyParts } from './admit.ts';
import { type AtRest, createAtRest } from './at-rest.ts';
import { type LCode, lAnswer } from './l-codes.ts';
import { serve } from './proxy.ts';
import { finish, headText, isUpgrade, serveUpgrade } from './upgrade.ts';

export type PublicServer = { server: Server; tunnels: ReadonlySet<Duplex>; atRest: AtRest };

export function createPublicServer(parts: ProxyParts): PublicServer {
  const { limits } = parts;
  const tunnels = new Set<Duplex>();
  /**
   * The exchange that a connection is in the middle of: nothing may be written between the bytes of its answer. It goes with its
   * answer: held on by ten thousand idle connections, the last request of each was 45 MB.
   */
  const answering = new Map<Duplex, { response: ServerResponse; end: (code: LCode, detail: string) => void }>();
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, limits.headerMs),
    // A peer that vanished without a word (power, network) is noticed by TCP itself.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    // Ours is L02; Node's has no code.
    requireHostHeader: false,
    insecureHTTPParser: false,
    shouldUpgradeCallback: isUpgrade,
  });
  server.maxConnections = limits.connections;
  const atRest = createAtRest(server, {
    limits,
    isBusy: (socket) => answering.has(socket),
    late: (socket) => refuse(socket, 'L13', 'no header in time'),
  });
  limitPerAddress(server, limits.connectionsPerAddress);
  // 0: Node would drop the rest in silence; `askedOf` refuses instead.
  server.maxHeadersCount = 0;
  /** Connections that said something with more than one reading: what follows on them has more than one too. */
  const spent = new WeakSet<Duplex>();
  const listen = (isWaiting: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    // The parser has read on before the refusal was sent, which closes the connection.
    const { socket } = request;
    if (spent.has(socket) || !atRest.isClients(socket)) return;
    const asked = askedOf(request, limits);
    if ('code' in asked && asked.code === 'L02') spent.add(socket);
    const over = () => {
      if (answering.get(socket)?.response === response) answering.delete(socket);
    };
    answering.set(socket, { response, end: serve(parts, request, response, asked, isWaiting, over) });
    if (parts.isClosing()) response.once('close', () => setImmediate(() => server.closeIdleConnections()));
  };
  server.on('request', listen(false));
  server.on('checkContinue', listen(true));
  // Any other expectation than 100-continue is left out, as RFC 9110 10.1.1 allows.
  server.on('checkExpectation', listen(false));
  server.on('upgrade', (request, socket, head) => {
    if (!atRest.isClientsLast(request, socket)) return;
    tunnels.add(socket);
    socket.once('close', () => tunnels.delete(socket));
    serveUpgrade(parts, request, socket, head);
  });
  const refuse = (socket: Duplex, code: LCode, detail: string) => {
    const current = answering.get(socket);
    if (!socket.writable) return void socket.destroy();
    if (current !== undefined && !current.response.writableFinished) return current.end(code, detail);
    const requestId = randomUUID();
    parts.log({ code, host: '', path: '', requestId, detail });
    parts.stats.came(noApp, Date.now());
    const answer = lAnswer(code, { accept: '', release: null, requestId });
    parts.stats.answered(noApp, answer.status, 0, code);
    socket.write(headText(answer.status, undefined, [...answer.headers, 'connection', 'close']) + answer.body);
    finish(socket, limits.lingerMs);
  };
  server.on('connect', (request, socket) => {
    if (atRest.isClientsLast(request, socket)) refuse(socket, 'L02', 'CONNECT');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || atRest.isInItsPlace(socket)) return void socket.destroy();
    const codes: Record<string, LCode> = { HPE_HEADER_OVERFLOW: 'L12', ERR_HTTP_REQUEST_TIMEOUT: 'L13' };
    refuse(socket, codes[error.code ?? ''] ?? 'L02', error.message);
  });
  return { server, tunnels, atRest };
}
