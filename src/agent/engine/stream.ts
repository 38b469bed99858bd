// A question to the engine whose answer comes line by line for as long as the work takes: a build, a log, events. Giving it up closes the
// connection, by which the engine ends the work. An engine that says nothing for too long, or a line without end, ends it too.
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from '../../lib/http.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';
import { workOf } from './ask.ts';

export type EngineStream = {
  socketPath: string;
  path: string;
  method?: string;
  /** A tar stream. */
  body?: AsyncIterable<Buffer>;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

const mostLineBytes = 1024 ** 2;

/** Yields lines of an answer with status 200. @throws EngineRefusal for another status; what node says of a socket; the signal's reason */
export async function* engineLines({
  socketPath,
  path,
  method = 'GET',
  body,
  headers: more = {},
  signal,
}: EngineStream): AsyncGenerator<string> {
  signal.throwIfAborted();
  const at = isArmed && method !== 'GET' ? enter('engine', workOf(method, path)) : null;
  const headers = { host: 'engine', ...(body ? { 'content-type': 'application/x-tar' } : {}), ...more };
  const asked = request({ socketPath, path, method, headers, signal, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  });
  answered.catch(() => {});
  // An engine that refuses may answer before it has read everything.
  let wentWrong: unknown = null;
  const sent = body
    ? pipeline(Readable.from(body, { objectMode: false }), asked).catch((error: unknown) => {
        wentWrong = error;
        asked.destroy();
      })
    : Promise.resolve(asked.end());
  try {
    const response = await answered;
    if (response.statusCode !== 200) throw new EngineRefusal(response.statusCode ?? 0, await messageOf(response));
    yield* linesOf(response);
    await sent;
    if (isArmed) leave(at);
  } catch (error) {
    signal.throwIfAborted();
    // What the body's own source threw says more than a socket that was closed for it.
    throw wentWrong instanceof Error &&
      !('code' in wentWrong && wentWrong.code === 'EPIPE') &&
      !(error instanceof EngineRefusal)
      ? wentWrong
      : error;
  } finally {
    asked.destroy();
    await sent;
  }
}

/**
 * The answer itself, of a kind that has no lines (logs). Whoever asked reads it, at its own pace, and destroys it.
 * @throws EngineRefusal for another status than 200; what node says of a socket; the signal's reason
 */
export async function engineBytes({ socketPath, path, signal }: EngineStream): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const asked = request({ socketPath, path, method: 'GET', headers: { host: 'engine' }, signal, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.on('error', reject);
  });
  asked.end();
  const response = await answered;
  if (response.statusCode === 200) return response;
  throw new EngineRefusal(response.statusCode ?? 0, await messageOf(response));
}

/** The engine understood and said no. */
export class EngineRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineRefusal';
    this.status = status;
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8').trim();
      rest = rest.subarray(end + 1);
      if (line !== '') yield line;
    }
    if (rest.length > mostLineBytes) throw new Error('the engine answers with a line without end');
  }
  const last = rest.toString('utf8').trim();
  if (last !== '') yield last;
}

/** `{"message": …}`, as the engine refuses. */
async function messageOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > 64 * 1024) break;
  }
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
