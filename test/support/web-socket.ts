// A WebSocket as small as a test needs: one that names its Host, sends short texts, and tells how it was closed. What a browser
// calls 1006, an end with no closing frame, is code null here.
import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Duplex } from 'node:stream';

export type Closed = { code: number | null; reason: string };
export type TestSocket = {
  headers: IncomingHttpHeaders;
  send(text: string): void;
  /** The next text. @throws when the socket closes first */
  next(): Promise<string>;
  readonly closed: Promise<Closed>;
  destroy(): void;
};

/** @throws with the status and L-code of an answer that is no upgrade */
export function openSocket(at: { port: number; host: string; path: string }, limitMs = 20_000): Promise<TestSocket> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: at.port,
      path: at.path,
      agent: false,
      timeout: limitMs,
      headers: {
        host: at.host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    asked.once('timeout', () => asked.destroy(new Error('timed out')));
    asked.once('error', reject);
    asked.once('response', (answer) => {
      answer.resume();
      reject(new Error(`no upgrade: ${answer.statusCode} ${answer.headers['x-lockstep-code'] ?? ''}`));
    });
    asked.once('upgrade', (answer, socket, first) => resolve(speak(answer.headers, socket, first)));
    asked.end();
  });
}

function speak(headers: IncomingHttpHeaders, socket: Duplex, first: Buffer): TestSocket {
  const closed = Promise.withResolvers<Closed>();
  const texts: string[] = [];
  let waiting: PromiseWithResolvers<string> | null = null;
  let bytes = first;
  const read = (): void => {
    for (;;) {
      const length = bytes.length < 2 ? Number.POSITIVE_INFINITY : bytes[1]! & 127;
      if (bytes.length < 2 + length) return;
      const kind = bytes[0]! & 15;
      const payload = bytes.subarray(2, 2 + length);
      bytes = bytes.subarray(2 + length);
      if (kind === 8) {
        const code = payload.length >= 2 ? payload.readUInt16BE() : null;
        closed.resolve({ code, reason: payload.subarray(2).toString() });
        if (socket.writable) socket.end(frame(8, payload.subarray(0, 2)));
      } else if (waiting !== null) {
        waiting.resolve(payload.toString());
        waiting = null;
      } else texts.push(payload.toString());
    }
  };
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    read();
  });
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    closed.resolve({ code: null, reason: 'the connection ended' });
    waiting?.reject(new Error('the socket closed'));
  });
  socket.once('end', () => socket.end());
  read();
  return {
    headers,
    closed: closed.promise,
    send: (text) => void (socket.writable && socket.write(frame(1, Buffer.from(text)))),
    next() {
      if (texts.length > 0) return Promise.resolve(texts.shift()!);
      if (socket.destroyed) return Promise.reject(new Error('the socket closed'));
      waiting = Promise.withResolvers();
      return waiting.promise;
    },
    destroy: () => socket.destroy(),
  };
}

/** One frame from a client, of at most 125 bytes. */
function frame(kind: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, at) => byte ^ mask[at % 4]!);
  return Buffer.concat([Buffer.from([128 | kind, 128 | payload.length]), mask, masked]);
}
