// The container engine as a partner: its answers as values, in the version of its interface that both speak, and one error for all the ways
// of not answering. What it refuses is an EngineRefusal with its words. Nothing is asked before somebody needs it.
import type { IncomingMessage } from 'node:http';
import { fail, isFailure, type LockstepError } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { negotiate } from './api-version.ts';
import { askEngine } from './ask.ts';
import { jsonOf } from './json-of.ts';
import { EngineRefusal, engineBytes } from './stream.ts';

export type EngineCall = {
  json?: unknown;
  /** Statuses beside 2xx that are answers; 304 always is. */
  fine?: readonly number[];
  /** 10 s unless told. */
  timeoutMs?: number;
  signal?: AbortSignal;
};

export type Engine = {
  /** `body` null: the answer has none, or it is no JSON. @throws engine-away, EngineRefusal */
  ask(method: string, path: string, call?: EngineCall): Promise<{ status: number; body: unknown }>;
  /** An answer that lasts (logs, events): the caller reads it. @throws engine-away, EngineRefusal, the signal's reason */
  bytes(path: string, signal: AbortSignal): Promise<IncomingMessage>;
};

const askMs = 10_000;

export function engineAt(socketPath: string): Engine {
  /** Of the engine that answered last; another one may come in its place. */
  let api: Promise<string> | null = null;
  const versioned = async (path: string): Promise<string> => {
    api ??= apiOf(socketPath);
    return `/v${await api}${path}`;
  };
  const speaking = async <T>(talk: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await talk();
    } catch (error) {
      if (error instanceof EngineRefusal || signal?.aborted) throw error;
      api = null;
      throw isFailure(error) ? error : away(error as Error);
    }
  };
  return {
    ask: (method, path, { json, fine = [], timeoutMs = askMs, signal } = {}) =>
      speaking(async () => {
        const answer = await askEngine(socketPath, await versioned(path), {
          ...{ method, json, timeoutMs },
          ...(signal && { signal }),
        });
        const { status } = answer;
        const body = jsonOf(answer.body);
        if ((status >= 200 && status < 300) || status === 304 || fine.includes(status)) return { status, body };
        const said = (body as { message?: unknown } | null)?.message;
        throw new EngineRefusal(status, typeof said === 'string' ? said : answer.body.slice(0, 500));
      }, signal),
    bytes: (path, signal) =>
      speaking(async () => engineBytes({ socketPath, path: await versioned(path), signal }), signal),
  };
}

async function apiOf(socketPath: string): Promise<string> {
  const { body } = await askEngine(socketPath, '/version', { timeoutMs: askMs });
  const said = jsonOf(body) as { ApiVersion?: unknown; MinAPIVersion?: unknown } | null;
  const spoken = negotiate({ newest: String(said?.ApiVersion), oldest: String(said?.MinAPIVersion) });
  if (spoken === null) throw away(new Error('what answers is no container engine'));
  if ('refused' in spoken)
    throw away(new Error(`it speaks ${spoken.refused === 'too-old' ? 'older' : 'newer'} versions only`));
  return spoken.version;
}

const away = (cause: Error): LockstepError =>
  fail('engine-away', `The container engine does not answer: ${printable(cause.message)}`, {
    advice: 'Start it again; lockstep doctor says what was found of it.',
    cause,
  });
