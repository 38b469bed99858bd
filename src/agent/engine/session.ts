// What a build may ask back while it runs, by BuildKit's session protocol: build secrets by their names, and who we are to a registry from which
// the Dockerfile begins. The engine keeps one connection for it, on which it is the client and we answer: gRPC over HTTP/2. Values are in this
// process's memory only; they are asked for when a step runs, and are in no layer, history or cache. Whatever else is asked is refused.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { BuildAnswers } from '../../domain/build-inputs.ts';
import { request } from '../../lib/http.ts';
import { EngineRefusal } from './stream.ts';
import { fieldsOf, messageOf, textIn } from './wire.ts';

export type Session = AsyncDisposable & {
  /** What `/build` is told. */
  id: string;
};

const openMs = 10_000;
const mostQuestionBytes = 64 * 1024;

/** Codes of gRPC. */
const code = { ok: 0, invalid: 3, notFound: 5, unknownMethod: 12 } as const;
type Answer = { body: Buffer } | { code: number; message: string };

/** A question is a method with the fields of its message. A new one is a line more. */
const methods: Readonly<Record<string, (asked: ReturnType<typeof fieldsOf>, answers: BuildAnswers) => Answer>> = {
  // SERVING
  '/grpc.health.v1.Health/Check': () => ({ body: messageOf([[1, 1]]) }),
  '/moby.buildkit.secrets.v1.Secrets/GetSecret': (asked, { secrets }) => {
    const name = textIn(asked ?? [], 1);
    const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (value === undefined) return { code: code.notFound, message: 'no such secret' };
    return { body: messageOf([[1, value]]) };
  },
  '/moby.filesync.v1.Auth/Credentials': (asked, { logins }) => {
    const host = hostOf(textIn(asked ?? [], 1));
    const login = Object.hasOwn(logins, host) ? logins[host] : undefined;
    // Nobody in particular is an answer, too.
    const { username, password } = login ?? { username: '', password: '' };
    const said: [number, string][] = [
      [1, username],
      [2, password],
    ];
    return { body: messageOf(said.filter(([, text]) => text !== '')) };
  },
};

/** Docker Hub has several addresses and one name. */
const hostOf = (asked: string): string =>
  /^(?:https:\/\/)?(?:index|registry-1)\.docker\.io(?:\/v1\/)?$/.test(asked) ? 'docker.io' : asked;

/** Ends with the signal, with the engine's own end of it, or when it is disposed of. @throws EngineRefusal, what node says of a socket, the signal's reason */
export async function openSession(
  engine: { socket: string; facts: { api: string } },
  answers: BuildAnswers,
  signal: AbortSignal,
): Promise<Session> {
  const id = randomUUID();
  const socket = await connect(engine, id, AbortSignal.any([signal, AbortSignal.timeout(openMs)]));
  const session = performServerHandshake(socket, {
    maxSessionMemory: 2,
    settings: { maxConcurrentStreams: 64 },
  });
  // The engine closes it as it likes; a build that still needed it says so itself.
  session.on('error', () => {});
  socket.on('error', () => {});
  session.on('stream', (stream, headers) => void answer(stream, String(headers[':path']), answers));
  const end = (): void => session.destroy();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return {
    id,
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', end);
      await closed(session, socket);
    },
  };
}

function connect(
  { socket: socketPath, facts }: { socket: string; facts: { api: string } },
  id: string,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const asked = request({
    ...{ socketPath, path: `/v${facts.api}/session`, method: 'POST', signal, agent: false },
    headers: {
      host: 'engine',
      connection: 'Upgrade',
      upgrade: 'h2c',
      'x-docker-expose-session-uuid': id,
      'x-docker-expose-session-name': 'lockstep',
      'x-docker-expose-session-sharedkey': '',
      'x-docker-expose-session-grpc-method': Object.keys(methods),
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  asked.once('error', (error) => reject(signal.aborted ? signal.reason : error));
  asked.once('upgrade', (_response, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket as Socket);
  });
  asked.once('response', (response: IncomingMessage) => {
    response.resume();
    reject(new EngineRefusal(response.statusCode ?? 0, 'the engine opens no session for a build'));
  });
  asked.end();
  return promise;
}

async function answer(stream: ServerHttp2Stream, path: string, answers: BuildAnswers): Promise<void> {
  stream.on('error', () => {});
  const question = await questionOf(stream);
  const method = Object.hasOwn(methods, path) ? methods[path] : undefined;
  const said =
    method === undefined
      ? { code: code.unknownMethod, message: 'not answered here' }
      : question === null
        ? { code: code.invalid, message: 'no question' }
        : method(fieldsOf(question), answers);
  if (stream.destroyed) return;
  const trailers =
    'body' in said ? { 'grpc-status': '0' } : { 'grpc-status': String(said.code), 'grpc-message': said.message };
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end('body' in said ? framed(said.body) : undefined);
}

/** One message, not compressed: five bytes before it. null: it is none. */
async function questionOf(stream: ServerHttp2Stream): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostQuestionBytes) return null;
      chunks.push(chunk);
    }
  } catch {
    return null; // it was given up
  }
  const whole = Buffer.concat(chunks);
  if (whole.length < 5 || whole[0] !== 0 || whole.readUInt32BE(1) !== whole.length - 5) return null;
  return whole.subarray(5);
}

function framed(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

async function closed(session: ServerHttp2Session, socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  const end = new Promise((resolve) => socket.once('close', resolve));
  session.destroy();
  socket.destroy();
  await end;
}
