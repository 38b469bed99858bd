// One question to a container engine over its socket, answered whole: with a limit on time and on bytes, so that an engine that hangs or floods
// costs an answer and nothing more. Streams (builds, logs, events) are not asked here. What changes something in the engine is a seam, here and
// where streams are asked (`src/lib/seam.ts`).
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { enter, isArmed, leave } from '../../lib/seam.ts';

export type EngineAnswer = { status: number; body: string; headers: Readonly<Record<string, string | undefined>> };

export type Question = {
  method?: string;
  /** A tar stream. */
  body?: Readable;
  /** Sent as JSON. */
  json?: unknown;
  headers?: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal?: AbortSignal;
  /** The most that the answer may hold; 4 MiB unless told. */
  mostBytes?: number;
};

/** @throws what node says of a socket (ENOENT, ECONNREFUSED, EACCES), or a TimeoutError */
export async function askEngine(socketPath: string, path: string, question: Question): Promise<EngineAnswer> {
  const { method = 'GET', body, json, timeoutMs, mostBytes = 4 * 1024 ** 2 } = question;
  const at = isArmed && method !== 'GET' ? enter('engine', workOf(method, path)) : null;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = question.signal ? AbortSignal.any([limit, question.signal]) : limit;
  const headers = { host: 'engine', ...typeOf(question), ...question.headers };
  const asked = request({ socketPath, path, method, headers, signal, agent: false });
  const answered = new Promise<EngineAnswer>((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostBytes) response.destroy(new Error('the engine answers more than is read'));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          headers: response.headers as Record<string, string | undefined>,
        }),
      );
    });
  });
  try {
    if (body) await pipeline(body, asked);
    else asked.end(json === undefined ? undefined : JSON.stringify(json));
    const answer = await answered;
    if (isArmed) leave(at);
    return answer;
  } catch (error) {
    await answered.catch(() => {});
    // node names an abort, whose reason is the limit.
    throw signal.aborted ? signal.reason : error;
  }
}

const verbs = /^(?:create|start|kill|wait|prune)$/;
/** `POST containers/create`: what is asked of the engine, whichever one it is done to. */
export function workOf(method: string, path: string): string {
  const words = path.replace(/^\/(?:v[\d.]+\/)?|\?.*$/g, '').split('/');
  const verb = words.at(-1)!;
  return `${method} ${words[0]}${words.length > 1 && verbs.test(verb) ? `/${verb}` : ''}`;
}

const typeOf = ({ body, json }: Question): Record<string, string> =>
  body ? { 'content-type': 'application/x-tar' } : json === undefined ? {} : { 'content-type': 'application/json' };

/** Whether an engine answers there, within a second. */
export async function pings(socketPath: string): Promise<boolean> {
  const answer = await askEngine(socketPath, '/_ping', { timeoutMs: 1000 }).catch(() => null);
  return answer?.status === 200 && answer.body === 'OK';
}
