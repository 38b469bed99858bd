// An image from a context, by the engine's BuildKit over its API. What the build says comes line by line, up to a limit; an end is a value,
// whatever it is. Giving up closes the connection, by which the engine ends what runs. A session is opened only for a build that has something to
// ask back (secrets, private images to begin from); of a secret nothing is in what is said. A frontend of its own is refused before it is asked for.

import { type BuildAnswers, certificatesId } from '../../domain/build-inputs.ts';
import type { EngineFacts } from '../../domain/engine.ts';
import { fail } from '../../domain/errors.ts';
import { makeRedactor } from '../../lib/redact.ts';
import { BuildLog } from './build-log.ts';
import { openSession } from './session.ts';
import { EngineRefusal, engineLines } from './stream.ts';

export type BuildRequest = {
  engine: { socket: string; facts: Pick<EngineFacts, 'api'> };
  /** A tar stream with a Dockerfile at its top. */
  context: AsyncIterable<Buffer>;
  /** null: the last stage. */
  target: string | null;
  labels: Readonly<Record<string, string>>;
  /** A name for it, with a tag; null: none. */
  tag: string | null;
  buildArgs: Readonly<Record<string, string>>;
  /** What the builder may ask back; null or left out: nothing. */
  answers?: BuildAnswers | null;
  /** No step comes from a cache. */
  isUncached: boolean;
  deadlineMs: number;
  signal: AbortSignal;
  onLine: (line: string) => void;
};

export type BuildEnd =
  | { end: 'built'; imageId: string; cachedSteps: number }
  /** The Dockerfile's own fault; `tail` is what was said last. */
  | { end: 'failed'; why: string; tail: readonly string[] }
  | { end: 'cancelled' }
  | { end: 'timed-out' }
  /** The engine went away or broke off: neither built nor failed. */
  | { end: 'lost'; why: string };

/** @throws bad-config for a build argument that would name another builder; what the context's source throws */
export async function buildImage(asked: BuildRequest): Promise<BuildEnd> {
  const reserved = Object.keys(asked.buildArgs).find((name) => /^BUILDKIT_/i.test(name));
  if (reserved !== undefined)
    throw fail('bad-config', `the build argument ${reserved} steers the builder itself`, {
      advice: 'Give it another name.',
    });
  const limit = AbortSignal.timeout(asked.deadlineMs);
  const { answers = null } = asked;
  // Certificates are public, and thousands of lines.
  const secrets = Object.entries(answers?.secrets ?? {}).filter(([name]) => name !== certificatesId);
  const proxies = Object.entries(asked.buildArgs).filter(([name]) => /_proxy$/i.test(name));
  const accounts = proxies.flatMap(([, address]) => /\/\/([^@/]+)@/.exec(address)?.[1] ?? []);
  const redact = makeRedactor([...secrets.map(([, value]) => value), ...accounts]);
  const log = new BuildLog(asked.onLine, redact);
  let imageId: string | null = null;
  let contextError: unknown = null;
  // Whose error an end is: the tree's own is the caller's to hear.
  const context = (async function* () {
    try {
      yield* asked.context;
    } catch (error) {
      contextError = error;
      throw error;
    }
  })();
  try {
    const signal = AbortSignal.any([asked.signal, limit]);
    const { socket, facts } = asked.engine;
    await using session = answers && (await openSession(asked.engine, answers, signal));
    const lines = engineLines({
      socketPath: socket,
      path: `/v${facts.api}/build?${queryOf(asked, session?.id ?? null)}`,
      method: 'POST',
      body: context,
      signal,
    });
    for await (const line of lines) {
      const { id, aux, error } = messageOf(line);
      if (error !== null) {
        log.end();
        return { end: 'failed', why: redact(log.failure ?? error), tail: log.tail() };
      }
      if (id === 'moby.image.id') imageId = (aux as { ID?: string } | null)?.ID ?? null;
      else if (id === 'moby.buildkit.trace' && typeof aux === 'string') log.add(Buffer.from(aux, 'base64'));
    }
    log.end();
    if (imageId !== null && /^sha256:[0-9a-f]{64}$/.test(imageId))
      return { end: 'built', imageId, cachedSteps: log.cachedSteps };
    return { end: 'lost', why: 'the engine ended the build and named no image' };
  } catch (error) {
    log.end();
    if (contextError !== null) throw contextError;
    if (asked.signal.aborted) return { end: 'cancelled' };
    if (limit.aborted) return { end: 'timed-out' };
    if (error instanceof EngineRefusal && error.status < 500)
      return { end: 'failed', why: redact(error.message), tail: log.tail() };
    return { end: 'lost', why: (error as Error).message };
  }
}

function queryOf({ target, labels, tag, buildArgs, isUncached }: BuildRequest, session: string | null): string {
  return new URLSearchParams({
    ...{ version: '2', dockerfile: 'Dockerfile', rm: '1', forcerm: '1' },
    ...{ labels: JSON.stringify(labels), buildargs: JSON.stringify(buildArgs) },
    ...(target === null ? {} : { target }),
    ...(tag === null ? {} : { t: tag }),
    ...(isUncached ? { nocache: '1' } : {}),
    ...(session === null ? {} : { session }),
  }).toString();
}

function messageOf(line: string): { id: string | null; aux: unknown; error: string | null } {
  try {
    const said = JSON.parse(line) as { id?: unknown; aux?: unknown; error?: unknown };
    return {
      id: typeof said.id === 'string' ? said.id : null,
      aux: said.aux ?? null,
      error: typeof said.error === 'string' ? said.error : null,
    };
  } catch {
    return { id: null, aux: null, error: null };
  }
}
