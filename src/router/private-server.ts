// The server on the router's own Unix socket, for the agent: a new table, and what is going on. Only the socket's owner and
// root reach it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { errorRegistry, fail, isFailure } from '../domain/errors.ts';
import type { RouterHello, RouterStats, RouteSnapshot } from '../domain/route.ts';
import type { RouterEvidence } from '../domain/survey.ts';
import { type Drained, drain } from './drain.ts';
import { normaliseHost, type RouteTable } from './match.ts';
import type { Stats } from './stats.ts';

export type PrivateParts = {
  hello(): RouterHello;
  report(): RouterStats;
  stats: Stats;
  /** @throws bad-request */
  read(text: string): RouteSnapshot;
  /** The table in force; null before the first. */
  table(): RouteTable | null;
  letGo(instances: readonly string[]): Promise<{ ended: number }>;
  /** Resolves when the snapshot is on disk and in force. */
  apply(snapshot: RouteSnapshot): Promise<{ generation: number }>;
};

const snapshotBytes = 16 * 1024 * 1024;
const longestDrainMs = 3_600_000;

export function createPrivateServer(parts: PrivateParts): Server {
  return createServer({ requestTimeout: 30_000 }, (request, response: ServerResponse) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    answer(parts, request, gone.signal).then(
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
  request: IncomingMessage,
  gone: AbortSignal,
): Promise<{ generation: number } | RouterHello | RouterStats | RouterEvidence | Drained | { ended: number }> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const search = new URLSearchParams(query);
  switch (`${request.method} ${path}`) {
    case 'PUT /v1/snapshot':
      return parts.apply(parts.read(await readText(request)));
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
          'PUT /v1/snapshot, GET /v1/hello, /v1/stats, /v1/routes, /v1/drained?instance=ID&timeoutMs=N, POST /v1/let-go?instance=ID.',
      });
  }
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
