// The server on the router's own Unix socket, for the agent: a new table, and what is going on. Only the socket's owner and
// root reach it.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { errorRegistry, fail, isFailure } from '../domain/errors.ts';
import type { RouterHello, RouterStats, RouteSnapshot } from '../domain/route.ts';
import type { RouterEvidence } from '../domain/survey.ts';
import { createServer } from '../lib/http.ts';
import { type Drained, drain } from './drain.ts';
import { normaliseHost, type RouteTable } from './match.ts';
import type { Stats } from './stats.ts';

export type PrivateParts = {
  hello(): RouterHello;
  report(): RouterStats;
  stats: Stats;
  /** @throws bad-request */
  read(text: string): RouteSnapshot;
  /** The snapshot with what the text changes of it. @throws bad-request */
  patch(present: RouteSnapshot, text: string): RouteSnapshot;
  /** The table in force; null before the first. */
  table(): RouteTable | null;
  letGo(instances: readonly string[]): Promise<{ ended: number }>;
  /** Resolves when the snapshot is written and in force. */
  apply(snapshot: RouteSnapshot): Promise<{ generation: number }>;
};

const snapshotBytes = 16 * 1024 * 1024;
const longestDrainMs = 3_600_000;

export function createPrivateServer(parts: PrivateParts): Server {
  const held = holdByName(parts);
  return createServer({ requestTimeout: 30_000 }, (request, response: ServerResponse) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    answer(parts, held, request, gone.signal).then(
      (value) => send(200, value),
      (error: Error) => {
        const code = isFailure(error) ? error.code : 'internal';
        const advice = isFailure(error) ? error.advice : null;
        send(errorRegistry[code].status, { code, message: error.message, advice });
      },
    );
  });
}

async function answer(
  parts: PrivateParts,
  held: Held,
  request: IncomingMessage,
  gone: AbortSignal,
): Promise<{ generation: number } | RouterHello | RouterStats | RouterEvidence | Drained | { ended: number }> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const search = new URLSearchParams(query);
  switch (`${request.method} ${path}`) {
    case 'PUT /v1/snapshot':
      return held.take(parts.read(await readText(request)), search.get('tag'));
    case 'PATCH /v1/snapshot': {
      const text = await readText(request);
      return held.take(parts.patch(held.by(search.get('base')), text), search.get('tag'));
    }
    case 'GET /v1/hello':
      return parts.hello();
    case 'GET /v1/stats':
      return parts.report();
    case 'GET /v1/routes':
      return routesNow(parts, search.getAll('host'));
    case 'GET /v1/drained': {
      const timeoutMs = Number(search.get('timeoutMs') ?? 30_000);
      if (!(timeoutMs >= 0 && timeoutMs <= longestDrainMs))
        throw fail('bad-request', `timeoutMs is not between 0 and ${longestDrainMs}`);
      return drain(parts.stats, search.getAll('instance'), timeoutMs, gone);
    }
    case 'POST /v1/let-go':
      return parts.letGo(search.getAll('instance'));
    default:
      throw fail('not-found', `${request.method} ${path} is not spoken here`, {
        advice:
          'PUT or PATCH /v1/snapshot, GET /v1/hello, /v1/stats, /v1/routes, /v1/drained?instance=ID&timeoutMs=N, POST /v1/let-go?instance=ID.',
      });
  }
}

/** The last snapshot, by the name that its sender gave it (`lib/patch-sender.ts`). */
type Held = {
  /** @throws conflict when that is not the one that is held */
  by(base: string | null): RouteSnapshot;
  take(snapshot: RouteSnapshot, tag: string | null): Promise<{ generation: number }>;
};

function holdByName({ apply }: PrivateParts): Held {
  let last: { tag: string; snapshot: RouteSnapshot } | null = null;
  return {
    by(base) {
      if (last !== null && last.tag === base) return last.snapshot;
      throw fail('conflict', 'The change is upon a snapshot that is not held here', { advice: 'Send it whole.' });
    },
    async take(snapshot, tag) {
      const answer = await apply(snapshot);
      last = tag === null ? null : { tag, snapshot };
      return answer;
    },
  };
}

/** By the very table that requests are matched with. */
function routesNow({ hello, table }: PrivateParts, wanted: readonly string[]): RouterEvidence {
  const { generation, pid } = hello();
  const now = table();
  const { routes = [], platformHosts = [] } = now?.snapshot ?? {};
  const hosts = wanted.length > 0 ? wanted : [...routes.flatMap((route) => route.hosts), ...platformHosts];
  const found = hosts.flatMap((host) => {
    const match = now?.find(normaliseHost(host) ?? '');
    if (match === undefined || match.kind === 'unknown') return [];
    return [[host, match.kind === 'app' ? match.route : ('platform' as const)] as const];
  });
  return { generation, pid, routes: Object.fromEntries(found) };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > snapshotBytes) throw fail('too-large', `A snapshot is larger than ${snapshotBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
