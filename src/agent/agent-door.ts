// One request to the agent's socket, and its answer as text or as lines: how it is sent, for how long it is waited for, and what the
// many ways of not being answered mean. A request that died with a connection which the agent had already given up is sent once
// more, unless it carries a stream.
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { agentProtocol } from '../domain/desired.ts';
import { type ErrorCode, errorRegistry, fail, isFailure, type LockstepError } from '../domain/errors.ts';
import { request as httpRequest } from '../lib/http.ts';
import type { Vigil } from './vigil.ts';

export type Call = {
  method: string;
  path: string;
  body?: unknown;
  stream?: Readable;
  /** The answer begins while the stream is still being sent. */
  isTalkedOver?: boolean;
  signal?: AbortSignal;
  /** null: none. */
  limitMs?: number | null;
};

export type Door = { socketPath: string; pool: HttpAgent; vigil: Vigil };

/** @param okStatuses of 300 and above, those that are no failure. @throws agent-away, cancelled; what the agent says */
export async function send(door: Door, call: Call, okStatuses: readonly number[] = []): Promise<IncomingMessage> {
  for (let isSecond = false; ; isSecond = true) {
    const outcome = await once(door, call);
    if (outcome === 'stale connection' && !isSecond) continue;
    if (outcome === 'stale connection') throw away(new Error(outcome));
    const status = outcome.statusCode ?? 0;
    if (status < 300 || okStatuses.includes(status)) return outcome;
    throw failureOf(await textOf(outcome), status);
  }
}

function once({ socketPath, pool, vigil }: Door, call: Call): Promise<IncomingMessage | 'stale connection'> {
  const { method, path, body, stream, isTalkedOver, signal, limitMs } = call;
  return new Promise((resolve, reject) => {
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    const request = httpRequest({
      socketPath,
      method,
      path,
      // A stream cannot be sent twice, so it gets a connection of its own.
      agent: stream === undefined ? pool : false,
      headers: {
        'x-lockstep-protocol': String(agentProtocol),
        ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const timer =
      limitMs === null || limitMs === undefined
        ? null
        : setTimeout(() => {
            reject(away(new Error(`no answer to ${method} ${path.split('?')[0]} in ${limitMs} ms`)));
            request.destroy();
          }, limitMs);
    let isAnswered = false;
    let answered: IncomingMessage | null = null;
    if (timer === null) {
      const leave = vigil.over((error) => {
        reject(away(error));
        answered?.destroy(error);
        request.destroy(error);
      });
      request.once('close', leave);
    }
    request.once('response', (answer) => {
      isAnswered = true;
      answered = answer;
      if (timer !== null) clearTimeout(timer);
      resolve(answer);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (timer !== null) clearTimeout(timer);
      if (isAnswered) return;
      if (signal?.aborted) return reject(fail('cancelled', 'Nobody waits for the answer any more', { cause: error }));
      const isStale =
        request.reusedSocket && stream === undefined && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '');
      if (isStale) resolve('stale connection');
      else reject(away(error));
    });
    if (stream === undefined) return void request.end(text ?? undefined);
    // What ends the stream early is the caller's own error, and the one to tell.
    stream.once('error', (error) => {
      if (!isAnswered) reject(error);
      request.destroy();
    });
    // A refusal may come before all is sent: then the rest is not.
    request.once('response', ({ statusCode = 0 }) => {
      if (isTalkedOver && statusCode < 300) return;
      stream.unpipe(request);
      stream.destroy();
    });
    // Nobody takes the rest.
    request.once('close', () => stream.destroy());
    stream.pipe(request);
  });
}

export async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (error) {
    throw away(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** JSON values, one a line; a line with `error` is thrown as what it was. @throws agent-away, cancelled */
export async function* linesOf<T>(
  answer: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  let held = '';
  answer.setEncoding('utf8');
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      const parts = (held + chunk).split('\n');
      held = parts.pop()!;
      for (const part of parts) {
        const value = JSON.parse(part) as Awaited<T> & { error?: unknown };
        if (typeof value === 'object' && value !== null && 'error' in value)
          throw failureOf(JSON.stringify(value.error), 500);
        yield value;
      }
    }
  } catch (error) {
    if (isFailure(error)) throw error;
    if (signal?.aborted) throw fail('cancelled', 'Nobody listens any more', { cause: error });
    throw away(error);
  } finally {
    answer.destroy();
  }
}

function failureOf(text: string, status: number): LockstepError {
  try {
    const { code, message, advice, details } = JSON.parse(text);
    const known = (typeof code === 'string' && code in errorRegistry ? code : 'internal') as ErrorCode;
    return fail(known, String(message), { advice: typeof advice === 'string' ? advice : null, details: details ?? {} });
  } catch {
    return fail('internal', `The agent answered ${status} and no reason`);
  }
}

export function away(cause: unknown): LockstepError {
  return fail('agent-away', 'The agent does not answer', {
    advice: 'Apps go on without it; start it again, and see its log.',
    cause,
  });
}
