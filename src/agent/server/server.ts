// HTTP over the agent's Unix socket, for control alone (the socket's mode and owner say so). Errors are
// `{code, message, advice, details}` with the registry's status; what is not of the registry shows an id and no more.
import { randomUUID } from 'node:crypto';
import { chmod, chown, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { agentProtocol } from '../../domain/desired.ts';
import { diskFailure } from '../../domain/disk-failure.ts';
import { errorRegistry, fail, isFailure } from '../../domain/errors.ts';
import { hearOut } from '../../lib/hear-out.ts';
import { createServer } from '../../lib/http.ts';
import type { AgentLog } from '../agent-parts.ts';
import { sendBytes, sendLines } from './ndjson.ts';
import { agentRoutes, type ServerParts } from './routes.ts';

export type AgentServer = { close(): Promise<void> };

/**
 * Listens at `socketPath` from now on, which also says that this home has its agent; what is asked before `ready` waits.
 * @throws home-in-use when another agent answers there
 */
export async function serveAgent(
  ready: Promise<ServerParts>,
  where: { socketPath: string; controlUid: number | null; log: AgentLog; diskIsFull(): void },
): Promise<AgentServer> {
  if (await answers(where.socketPath))
    throw fail('home-in-use', 'Another agent serves this home.', {
      advice: 'Stop it first, or use another LOCKSTEP_HOME.',
    });
  await rm(where.socketPath, { force: true });
  // A tree of the largest size may come slowly; a head may not.
  const server = createServer({ requestTimeout: 600_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 });
  server.on('request', (request, response) => void answer(request, response, ready, where));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Closed to others from the first moment on.
    const before = process.umask(0o177);
    server.listen(where.socketPath, resolve);
    process.umask(before);
  });
  await chmod(where.socketPath, 0o600);
  if (where.controlUid !== null && process.getuid?.() === 0) await chown(where.socketPath, where.controlUid, -1);
  return { close: () => closeServer(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  ready: Promise<ServerParts>,
  { log, diskIsFull }: { log: AgentLog; diskIsFull(): void },
): Promise<void> {
  // An upload that is refused is not taken, and its sender still hears why.
  hearOut(request, response);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  response.setHeader('x-lockstep-protocol', String(agentProtocol));
  const toError = (thrown: unknown): { code: keyof typeof errorRegistry; [key: string]: unknown } => {
    const error = diskFailure(thrown) ?? thrown;
    if (isFailure(error, 'disk-full')) diskIsFull();
    if (isFailure(error))
      return { code: error.code, message: error.message, advice: error.advice, details: error.details };
    const id = randomUUID().slice(0, 8);
    log('error', 'a request failed', {
      id,
      method: request.method,
      url: request.url,
      error: (error as Error)?.stack ?? String(error),
    });
    return {
      code: 'internal',
      message: `An error of the agent (${id})`,
      advice: 'See the log of the agent.',
      details: {},
    };
  };
  try {
    const spoken = request.headers['x-lockstep-protocol'];
    if (spoken !== undefined && spoken !== String(agentProtocol))
      throw fail('bad-request', `Protocol ${spoken} is not spoken here`, {
        advice: 'Restart control and agent from one version.',
      });
    const url = new URL(request.url ?? '/', 'http://agent');
    const matching = agentRoutes
      .map((one) => ({ one, match: one.path.exec(url.pathname) }))
      .filter(({ match }) => match !== null);
    const found = matching.find(({ one }) => one.method === request.method);
    if (found === undefined) throw fail('not-found', `${request.method} ${url.pathname} is not spoken here`);
    const params = found.match!.slice(1);
    const given = await found.one.answer({ request, params, query: url.searchParams, gone: gone.signal }, await ready);
    if ('lines' in given) await sendLines(response, given.lines, toError);
    else if ('bytes' in given) await sendBytes(response, given.bytes, given.headers);
    else if ('status' in given) response.writeHead(given.status).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(given.json));
  } catch (error) {
    const body = toError(error);
    if (response.headersSent) return void response.destroy();
    response
      .writeHead(errorRegistry[body.code].status, { 'content-type': 'application/json' })
      .end(JSON.stringify(body));
  }
}

/** True when somebody accepts connections there. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
