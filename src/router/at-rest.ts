// Connections with nothing to say cost little. A parser and what belongs to it are 8 KB of each, and most connections of browsers are
// idle: so one has a parser from its first byte on only, and gives it back when its answer is out and nothing more came for a
// moment. What is left is a socket that waits for a byte, or its end. (Soon, not late: a parser that lives long stands between
// sockets in memory, and its place is not given back with it.)
//
//   silent ──first byte──► awake ──answered, no byte between two looks──► aside ──next byte──► awake …
//     headerMs from its beginning without a whole request: L13              keepAliveMs: closed
//
// How a parser is let go of, with what Node documents and nothing else: `closeIdleConnections` ends the connections that are in the
// middle of no message, so it is asked, and the ends are noted instead of made; and a request to upgrade hands the bare
// socket over, so one is said to the parser in the client's place. Nothing that was said in a client's place is ever
// served or forwarded: where it is not taken as exactly that, the connection is closed.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RouterLimits } from './limits.ts';

export type AtRest = {
  /** To be told of every request. False: it is not the client's, and nothing may be done with it. */
  isClients(socket: Duplex): boolean;
  /** The same for one that HTTP lets go of with it. */
  isClientsLast(request: IncomingMessage, socket: Duplex): boolean;
  /** What the parser says of this socket is not about the client's words. */
  isInItsPlace(socket: Duplex): boolean;
  /** Ends those that were set aside, and sets aside no more. */
  close(): void;
  /** Ends those that HTTP does not know of, too. */
  cut(): void;
  /** How many have no parser now. */
  readonly size: number;
};

type Parts = {
  limits: Pick<RouterLimits, 'headerMs' | 'keepAliveMs'>;
  /** An answer is due on this connection. */
  isBusy(socket: Socket): boolean;
  /** The time for a first header is over. */
  late(socket: Socket): void;
};

/** Between two looks, at most. */
const longestLookMs = 250;

/** Stands between the server and its connections; to be called before anything else listens for them. */
export function createAtRest(server: Server, { limits, isBusy, late }: Parts): AtRest {
  const { headerMs, keepAliveMs } = limits;
  const lookMs = Math.min(longestLookMs, headerMs, keepAliveMs);
  const word = randomUUID();
  const inItsPlace = Buffer.from(`OPTIONS * HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ${word}\r\n\r\n`);
  const [toHttp, ...others] = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  if (toHttp === undefined || others.length > 0) throw new Error('the server is not fresh');
  server.removeAllListeners('connection');

  /** No whole header yet: when it is too late for it. Both are in the order of their times. */
  const firstDue = new Map<Socket, number>();
  const asideDue = new Map<Socket, number>();
  /** HTTP has it: the bytes that had come at the last look. */
  const awake = new Map<Socket, number>();
  let timer: NodeJS.Timeout | null = null;
  let isClosing = false;
  /** Those that HTTP takes for idle, while it is asked. */
  let idle: Set<Socket> | null = null;
  /** To whose parser something is said in its place. */
  let spokenFor: Socket | null = null;

  const destroyOrNote = function (this: Socket, error?: Error): Socket {
    if (idle === null) return Socket.prototype.destroy.call(this, error);
    idle.add(this);
    return this;
  };
  const heard = function (this: Socket, bytes: Buffer): void {
    toItself(this);
    asideDue.delete(this);
    awake.set(this, -1);
    toHttp.call(server, this);
    this.emit('data', bytes);
  };
  const ended = function (this: Socket): void {
    this.destroy();
  };
  const forget = function (this: Socket): void {
    firstDue.delete(this);
    asideDue.delete(this);
    awake.delete(this);
  };
  const waitForBytes = (socket: Socket): void => {
    socket.on('data', heard).on('end', ended).on('error', ended);
  };
  const toItself = (socket: Socket): void => {
    socket.off('data', heard).off('end', ended).off('error', ended);
  };

  const setAside = (socket: Socket, nowMs: number): void => {
    spokenFor = socket;
    try {
      socket.emit('data', inItsPlace);
    } finally {
      // It was not taken as what it is.
      if (spokenFor !== null) socket.destroy();
      spokenFor = null;
    }
    if (!socket.destroyed) asideDue.set(socket, nowMs + keepAliveMs);
  };
  const setQuietAside = (nowMs: number): void => {
    const quiet = new Set<Socket>();
    for (const [socket, before] of awake) {
      const { bytesRead } = socket;
      if (bytesRead !== before) awake.set(socket, bytesRead);
      else if (!isBusy(socket) && !firstDue.has(socket)) quiet.add(socket);
    }
    if (quiet.size === 0) return;
    const found = new Set<Socket>();
    idle = found;
    try {
      server.closeIdleConnections();
    } finally {
      idle = null;
    }
    for (const socket of found) if (quiet.has(socket)) setAside(socket, nowMs);
  };
  const look = (): void => {
    const nowMs = performance.now();
    for (const [socket, dueMs] of firstDue) {
      if (dueMs > nowMs) break;
      firstDue.delete(socket);
      if (!awake.has(socket)) socket.off('data', heard);
      late(socket);
    }
    for (const [socket, dueMs] of asideDue) {
      if (dueMs > nowMs) break;
      socket.destroy();
    }
    if (!isClosing) setQuietAside(nowMs);
    if (firstDue.size + asideDue.size + awake.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };

  server.on('connection', (socket: Socket) => {
    if (socket.destroyed) return;
    firstDue.set(socket, performance.now() + headerMs);
    socket.destroy = destroyOrNote;
    socket.once('close', forget);
    waitForBytes(socket);
    timer ??= setInterval(look, lookMs).unref();
  });
  return {
    isClients(duplex) {
      firstDue.delete(duplex as Socket);
      return spokenFor !== duplex;
    },
    isClientsLast(request, duplex) {
      const socket = duplex as Socket;
      firstDue.delete(socket);
      awake.delete(socket);
      if (spokenFor !== socket) return true;
      const isOurs = request.headers.upgrade === word && request.rawHeaders.length === 4 && request.url === '*';
      if (!isOurs) return false;
      spokenFor = null;
      waitForBytes(socket);
      return false;
    },
    isInItsPlace: (socket) => spokenFor === socket,
    close() {
      isClosing = true;
      for (const socket of [...asideDue.keys()]) socket.destroy();
    },
    cut() {
      for (const socket of [...asideDue.keys(), ...firstDue.keys()]) socket.destroy();
    },
    get size() {
      return asideDue.size + [...firstDue.keys()].filter((socket) => !awake.has(socket)).length;
    },
  };
}
