// One question over HTTP to whoever listens on a Unix socket, answered whole: with a limit on time and on bytes, so that one that hangs or floods
// costs an answer and nothing more. Streams are not asked here.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from './http.ts';

export type SocketAnswer = { status: number; body: string; headers: Readonly<Record<string, string | undefined>> };

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
export async function askSocket(socketPath: string, path: string, question: Question): Promise<SocketAnswer> {
  const { method = 'GET', body, json, timeoutMs, mostBytes = 4 * 1024 ** 2 } = question;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = question.signal ? AbortSignal.any([limit, question.signal]) : limit;
  const headers = { host: 'localhost', ...typeOf(question), ...question.headers };
  const asked = request({ socketPath, path, method, headers, signal, agent: false });
  const answered = new Promise<SocketAnswer>((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostBytes) response.destroy(new Error('the answer is larger than is read'));
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
    return await answered;
  } catch (error) {
    await answered.catch(() => {});
    // node names an abort, whose reason is the limit.
    throw signal.aborted ? signal.reason : error;
  }
}

const typeOf = ({ body, json }: Question): Record<string, string> =>
  body ? { 'content-type': 'application/x-tar' } : json === undefined ? {} : { 'content-type': 'application/json' };
