// The two servers: the public one (strangers; limits on header size, header time and body idle, none on the whole request)
// and the private one on a Unix socket (the agent). A snapshot is persisted before it is in force.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorRegistry, fail, isFailure } from '../domain/errors.ts';
import type { RouterHello, RouteSnapshot } from '../domain/route.ts';
import { type ProxyLimits, type ProxyLog, platformApp, proxyLimits } from './admit.ts';
import { drain } from './drain.ts';
import { type LCode, lAnswer } from './l-codes.ts';
import { createPools } from './pool.ts';
import { createProxy } from './proxy.ts';
import { createRoutes } from './routes.ts';
import { saveSnapshot } from './snapshot-file.ts';
import { parseSnapshot } from './snapshot-parse.ts';
import { createStats } from './stats.ts';
import { createUpgrade, headText, isUpgrade } from './upgrade.ts';

export type RouterOptions = {
  first: RouteSnapshot | null;
  snapshotFile: string;
  controlSocket: string;
  log: ProxyLog;
  limits?: Partial<ProxyLimits>;
  headerBytes?: number;
  headerMs?: number;
  hello: () => Omit<RouterHello, 'generation'>;
};

export type Router = {
  publicServer: Server;
  privateServer: Server;
  apply(snapshot: RouteSnapshot): Promise<void>;
  /** Takes no new connection, lets what is in flight end for up to `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
};

const snapshotBytes = 64 * 1024 * 1024;

export function createRouter(options: RouterOptions): Router {
  const routes = createRoutes(options.first);
  const stats = createStats();
  const pools = createPools();
  const parts = {
    routes,
    stats,
    pools,
    controlSocket: options.controlSocket,
    log: options.log,
    limits: { ...proxyLimits, ...options.limits },
  };
  const publicServer = createServer(
    {
      maxHeaderSize: options.headerBytes ?? 32 * 1024,
      headersTimeout: options.headerMs ?? 10_000,
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: Math.min(1000, options.headerMs ?? 1000),
      requireHostHeader: false,
      shouldUpgradeCallback: isUpgrade,
    },
    createProxy(parts),
  );
  const tunnels = new Set<Duplex>();
  const upgrade = createUpgrade(parts);
  publicServer.on('upgrade', (request, socket, head) => {
    tunnels.add(socket);
    socket.once('close', () => tunnels.delete(socket));
    upgrade(request, socket, head);
  });
  publicServer.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const codes: Record<string, LCode> = { HPE_HEADER_OVERFLOW: 'L12', ERR_HTTP_REQUEST_TIMEOUT: 'L13' };
    const code = codes[error.code ?? ''] ?? 'L02';
    const requestId = randomUUID();
    options.log({ code, host: '', path: '', requestId, detail: error.message });
    const answer = lAnswer(code, { accept: '', release: null, requestId });
    socket.end(headText(answer.status, [...answer.headers, 'connection', 'close']) + answer.body, () =>
      socket.destroy(),
    );
  });

  let saving: Promise<unknown> = Promise.resolve();
  const apply = (snapshot: RouteSnapshot): Promise<void> => {
    const mine = saving.then(async () => {
      routes.assertNotOlder(snapshot);
      await saveSnapshot(options.snapshotFile, snapshot);
      routes.swap(snapshot);
      pools.retain(new Set(snapshot.routes.flatMap((route) => route.upstreams.map((upstream) => upstream.instanceId))));
      stats.forget(new Set([platformApp, ...snapshot.routes.map((route) => route.appId)]));
    });
    saving = mine.catch(() => {});
    return mine;
  };

  const answerPrivate = async (request: IncomingMessage, gone: AbortSignal): Promise<unknown> => {
    const url = new URL(request.url ?? '/', 'http://router');
    switch (`${request.method} ${url.pathname}`) {
      case 'PUT /v1/snapshot':
        await apply(parseSnapshot(await readJson(request)));
        return { generation: routes.generation };
      case 'GET /v1/hello':
        return { ...options.hello(), generation: routes.generation };
      case 'GET /v1/stats':
        return stats.report(routes.generation);
      case 'GET /v1/drained': {
        const timeoutMs = Number(url.searchParams.get('timeoutMs') ?? 30_000);
        if (!(timeoutMs >= 0 && timeoutMs <= 3_600_000))
          throw fail('bad-request', 'timeoutMs is not between 0 and an hour');
        return drain(stats, (url.searchParams.get('instances') ?? '').split(',').filter(Boolean), timeoutMs, gone);
      }
      default:
        throw fail('not-found', `${request.method} ${url.pathname} is not spoken here`);
    }
  };
  const privateServer = createServer({ requestTimeout: 30_000 }, (request, response: ServerResponse) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    answerPrivate(request, gone.signal).then(
      (value) => send(200, value),
      (error: Error) => {
        const code = isFailure(error) ? error.code : 'internal';
        send(errorRegistry[code].status, { code, message: error.message });
      },
    );
  });

  return {
    publicServer,
    privateServer,
    apply,
    async close(graceMs) {
      const ended = Promise.all(
        [publicServer, privateServer].map((server) => new Promise((resolve) => server.close(resolve))),
      );
      const timer = setTimeout(() => {
        publicServer.closeAllConnections();
        privateServer.closeAllConnections();
        for (const socket of tunnels) socket.destroy();
      }, graceMs);
      await ended;
      clearTimeout(timer);
      pools.close();
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > snapshotBytes) throw fail('too-large', `A snapshot is larger than ${snapshotBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw fail('bad-request', 'The body is not JSON');
  }
}
