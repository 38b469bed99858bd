// The REST API as the commands use it: a question, a list, a request that changes something, a stream. Changes carry an
// Idempotency-Key, so that the one retry after a broken connection can never do the work twice.
import type { IncomingMessage } from 'node:http';
import { fail } from '../../domain/errors.ts';
import { BrokenConnection, dial, networkFailure } from './dial.ts';
import { problemOf } from './problem.ts';
import { type SseEvent, sseParser } from './sse.ts';

/** The longest silence of an ordinary answer: destroying an app waits for its drain (30 s) and stop. */
const answerIdleMs = 120_000;
/** Streams send a beat every 15 s; three missed beats and more mean that the connection is dead. */
const streamIdleMs = 60_000;
const answerBytes = 64 * 1024 * 1024;
const pageSize = 200;
/** The router's word for: control does not answer. */
const controlAway = 'L16';
const patienceMs = 5_000;

export type Api = ReturnType<typeof openApi>;

/** A client of one server; nothing is sent until a method is called. */
export function openApi(server: { url: string; token: string }) {
  const at = (path: string): URL => new URL(path, server.url);
  const own = (headers: Record<string, string> = {}) => ({ authorization: `Bearer ${server.token}`, ...headers });

  async function once(method: string, url: URL, body: string | null, key: string | null): Promise<IncomingMessage> {
    return dial({
      method,
      url,
      headers: own({
        accept: 'application/json',
        ...(body === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      }),
      body,
      signal: null,
      idleMs: answerIdleMs,
    });
  }

  async function ask(method: string, path: string, body: unknown): Promise<Answer> {
    const url = at(path);
    const text = body === undefined ? null : JSON.stringify(body);
    const key = method === 'POST' || method === 'PATCH' ? crypto.randomUUID() : null;
    const answer = await persistently(server.url, async () => {
      const message = await once(method, url, text, key);
      const { 'content-type': type = '', 'x-lockstep-code': lCode } = message.headers;
      return { status: message.statusCode ?? 0, type, isAway: lCode === controlAway, body: await read(message) };
    });
    if (answer.status < 200 || answer.status > 299) {
      throw problemOf(answer.status, answer.type, answer.body, url.origin);
    }
    return answer;
  }

  async function exchange<T>(method: string, path: string, body: unknown): Promise<{ status: number; body: T }> {
    const answer = await ask(method, path, body);
    return { status: answer.status, body: (answer.body === '' ? null : parse(answer.body, at(path))) as T };
  }

  return {
    url: server.url,
    /** @throws whatever code the server names, router-away, timed-out */
    get: async <T>(path: string): Promise<T> => (await exchange<T>('GET', path, undefined)).body,
    /** An answer that is a file, as it is. */
    text: async (path: string): Promise<string> => (await ask('GET', path, undefined)).body,
    /** POST, PATCH or DELETE; the body of a 204 is null. */
    send: <T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) => exchange<T>(method, path, body),
    /** The first `count` items of a list, page by page. */
    async list<T>(path: string, count: number): Promise<T[]> {
      const items: T[] = [];
      let cursor: string | null = null;
      do {
        const url = at(path);
        url.searchParams.set('limit', String(Math.min(pageSize, count - items.length)));
        if (cursor !== null) url.searchParams.set('cursor', cursor);
        const page: { items: T[]; next: string | null } = (
          await exchange<{ items: T[]; next: string | null }>('GET', url.pathname + url.search, undefined)
        ).body;
        items.push(...page.items);
        cursor = page.items.length === 0 ? null : page.next;
      } while (cursor !== null && items.length < count);
      return items.slice(0, count);
    },
    /** A file as it comes: whoever asked reads it, within the limit on silence. @throws whatever code the server names */
    async bytes(path: string, signal: AbortSignal): Promise<IncomingMessage> {
      const url = at(path);
      const answer = await dial({ method: 'GET', url, headers: own(), body: null, signal, idleMs: answerIdleMs });
      if (answer.statusCode === 200) return answer;
      throw problemOf(answer.statusCode ?? 0, answer.headers['content-type'] ?? '', await read(answer), url.origin);
    },
    /**
     * One connection's events, until the server ends it or the signal aborts it.
     * @throws BrokenConnection when it ends in the middle; the caller decides about another
     */
    async *stream(path: string, options: { signal: AbortSignal; onOpen?: () => void }): AsyncGenerator<SseEvent> {
      const url = at(path);
      const headers = own({ accept: 'text/event-stream' });
      const { signal } = options;
      const answer = await dial({ method: 'GET', url, headers, body: null, signal, idleMs: streamIdleMs });
      if (answer.statusCode !== 200) {
        throw problemOf(answer.statusCode ?? 0, answer.headers['content-type'] ?? '', await read(answer), url.origin);
      }
      options.onOpen?.();
      const parser = sseParser();
      answer.setEncoding('utf8');
      try {
        for await (const chunk of answer) {
          for (const event of parser(chunk as string)) {
            if (event.type === 'error') throw problemOf(500, 'application/json', event.data, url.origin);
            yield event;
          }
        }
      } catch (error) {
        throw networkFailure(error, url.origin, options.signal);
      }
    },
  };

  async function read(answer: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of answer) {
        bytes += (chunk as Buffer).length;
        if (bytes > answerBytes) {
          throw fail('too-large', `an answer of ${server.url} is larger than ${answerBytes} bytes`);
        }
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      throw networkFailure(error, server.url, null);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

type Answer = { status: number; type: string; isAway: boolean; body: string };

/**
 * Control is back within a second or two of its end: while the router says that it is away we wait. A broken connection is
 * tried once more; what changes something is safe by its key.
 */
async function persistently(server: string, attempt: () => Promise<Answer>): Promise<Answer> {
  const patientUntil = performance.now() + patienceMs;
  let wasBroken = false;
  for (let pauseMs = 50; ; pauseMs *= 2) {
    try {
      const answer = await attempt();
      if (!answer.isAway || performance.now() > patientUntil) return answer;
    } catch (error) {
      if (!(error instanceof BrokenConnection)) throw error;
      if (wasBroken) {
        throw fail('router-away', `the connection to ${server} broke twice`, {
          advice: 'See whether it is running (lockstep up), then try again.',
          cause: error,
        });
      }
      wasBroken = true;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function parse(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fail('internal', `${url.origin} did not answer in JSON`, {
      advice: 'Is this address a Lockstep? Check it.',
      cause,
    });
  }
}
