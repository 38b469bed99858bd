// An image by its digest, pulled by the engine from a registry. What goes on is told in a few lines (an engine writes thousands); an end is a
// value. Giving up closes the connection, by which the engine ends the pull. A login goes in a header of this one request, and nowhere else.
import type { EngineFacts } from '../../domain/engine.ts';
import { type ImageReference, repositoryOf } from '../../domain/image-reference.ts';
import type { ImageLogin } from '../../domain/pull.ts';
import { registryAuth, registryTrouble } from './registry-refusal.ts';
import { EngineRefusal, engineLines } from './stream.ts';

export type PullRequest = {
  engine: { socket: string; facts: Pick<EngineFacts, 'api'> };
  /** It names a digest. */
  image: ImageReference;
  login: ImageLogin;
  deadlineMs: number;
  /** Of what is downloaded. */
  mostBytes: number;
  signal: AbortSignal;
  onLine: (line: string) => void;
};

export type PullEnd =
  | { end: 'pulled' }
  /** The registry's answer, or a limit. */
  | { end: 'refused'; why: string }
  /** The registry could not be asked; it may be back. */
  | { end: 'away'; why: string }
  | { end: 'cancelled' }
  | { end: 'timed-out' }
  /** The engine went away or broke off. */
  | { end: 'lost'; why: string };

export async function pullImage(asked: PullRequest): Promise<PullEnd> {
  const { engine, image, login, mostBytes, onLine } = asked;
  const limit = AbortSignal.timeout(asked.deadlineMs);
  const query = new URLSearchParams({ fromImage: repositoryOf(image), tag: image.digest! });
  const layers = new Map<string, number>();
  try {
    const lines = engineLines({
      ...{ socketPath: engine.socket, method: 'POST', path: `/v${engine.facts.api}/images/create?${query}` },
      headers: { 'x-registry-auth': registryAuth(login, image.host) },
      signal: AbortSignal.any([asked.signal, limit]),
    });
    for await (const line of lines) {
      const said = messageOf(line);
      if (said.error !== null) return endOf(said.error);
      if (said.id !== null && said.totalBytes > 0 && said.status === 'Downloading') {
        if (!layers.has(said.id)) onLine(`${said.id}: ${megabytes(said.totalBytes)}`);
        layers.set(said.id, said.totalBytes);
        const bytes = [...layers.values()].reduce((sum, one) => sum + one, 0);
        if (bytes > mostBytes) return { end: 'refused', why: `it is larger than ${megabytes(mostBytes)}` };
      }
    }
    return { end: 'pulled' };
  } catch (error) {
    if (asked.signal.aborted) return { end: 'cancelled' };
    if (limit.aborted) return { end: 'timed-out' };
    if (error instanceof EngineRefusal) return endOf(error.message);
    return { end: 'lost', why: (error as Error).message };
  }
}

function endOf(message: string): PullEnd {
  const trouble = registryTrouble(message);
  return trouble === 'refused' ? { end: 'refused', why: message } : { end: trouble ?? 'lost', why: message };
}

const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

type Said = { id: string | null; status: string; totalBytes: number; error: string | null };

function messageOf(line: string): Said {
  try {
    const { id, status, error, progressDetail } = JSON.parse(line) as Record<string, unknown>;
    const { total } = Object(progressDetail) as { total?: unknown };
    return {
      // Of a layer: twelve hexadecimal digits.
      id: typeof id === 'string' && /^[0-9a-f]{12}$/.test(id) ? id : null,
      status: typeof status === 'string' ? status : '',
      totalBytes: typeof total === 'number' ? total : 0,
      error: typeof error === 'string' ? error : null,
    };
  } catch {
    return { id: null, status: '', totalBytes: 0, error: null };
  }
}
