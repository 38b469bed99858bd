// For the tests: a real router on a free port with a home of its own, real upstreams on loopback, and clients that show every
// byte. Whatever it starts ends with it.
import { mkdtemp, rm } from 'node:fs/promises';
import {
  type Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, connect, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Route, type RouteSnapshot, routerProtocol, type Upstream } from '../domain/route.ts';
import { createRouterClient, type RouterClient } from './client.ts';
import type { LCode } from './l-codes.ts';
import type { RouterLimits } from './limits.ts';
import { type RunningRouter, startRouter } from './start-router.ts';

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string };
export type Asking = {
  host?: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
  agent?: Agent;
};

export type TestRouter = {
  home: string;
  running: RunningRouter;
  client: RouterClient;
  logged: { code: LCode; path: string; detail: string }[];
  /** A real HTTP server as the instance `id`. */
  upstream(id: string, listener: RequestListener): Promise<{ at: Upstream; server: Server }>;
  /** Any server, put on a free port of loopback, and ended with the router. */
  listen(server: NetServer): Promise<number>;
  /** Takes control's place on its socket. */
  control(listener: RequestListener): Promise<Server>;
  /** Puts the next generation. */
  put(...routes: Route[]): Promise<RouteSnapshot>;
  ask(path: string, asking?: Asking): Promise<Answer>;
  /** A connection of its own, `text` sent as it is. */
  dial(text?: string): Promise<RawClient>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type RawClient = {
  socket: Socket;
  /** What came so far. */
  text(): string;
  /** Resolves when what came matches. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with everything when the other side has closed. */
  closed(): Promise<string>;
};

/** A route of the app `blog` unless told otherwise. */
export function routeOf(more: Partial<Omit<Route, 'hosts' | 'name'>> & { hosts?: string[]; name?: string }): Route {
  const upstreams = more.upstreams ?? [];
  return {
    appId: 'app_blog',
    teamId: 'tea_default',
    name: 'blog',
    hosts: ['blog.localhost'],
    state: upstreams.length > 0 ? 'serving' : 'empty',
    setId: null,
    releaseLabel: 'v1',
    concurrency: 200,
    ...more,
    upstreams,
  } as unknown as Route;
}

export function snapshotOf(generation: number, routes: Route[], platformHosts = ['127.0.0.1', 'lockstep.localhost']) {
  return { protocol: routerProtocol, generation, platformHosts, routes } as unknown as RouteSnapshot;
}

export async function testRouter(limits: Partial<RouterLimits> = {}): Promise<TestRouter> {
  const home = await mkdtemp(join(tmpdir(), 'lockstep-router-'));
  const logged: TestRouter['logged'] = [];
  const log = (line: TestRouter['logged'][number]) => void logged.push(line);
  const running = await startRouter({ home, port: 0, bindAddress: '127.0.0.1', identity: null, log, limits });
  const client = createRouterClient(join(home, 'run', 'router.sock'));
  const ends: (() => void)[] = [];
  let { generation } = running;
  const own = (server: NetServer): NetServer => {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    ends.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return server;
  };
  const bind = (server: NetServer, where: object) =>
    new Promise<void>((resolve, reject) => own(server).once('error', reject).listen(where, resolve));
  const listen = async (server: NetServer) => {
    await bind(server, { port: 0, host: '127.0.0.1' });
    return (server.address() as AddressInfo).port;
  };
  return {
    home,
    running,
    client,
    logged,
    listen,
    async upstream(id, listener) {
      const server = createServer(listener);
      const port = await listen(server);
      return { at: { instanceId: id as Upstream['instanceId'], host: '127.0.0.1', port }, server };
    },
    async control(listener) {
      const server = createServer({ requestTimeout: 0 }, listener);
      await bind(server, { path: join(home, 'run', 'control.sock') });
      return server;
    },
    async put(...routes) {
      generation += 1;
      const snapshot = snapshotOf(generation, routes);
      await client.putSnapshot(snapshot);
      return snapshot;
    },
    ask: (path, asking) => ask(running.port, path, asking),
    async dial(text = '') {
      const raw = rawClient(running.port);
      ends.push(() => raw.socket.destroy());
      raw.socket.write(text, 'latin1');
      return raw;
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends) end();
      await running.close(0);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** One request on a connection of its own, unless an agent is given; the Host is `blog.localhost` unless another is. */
export function ask(port: number, path: string, asking: Asking = {}): Promise<Answer> {
  const { host = 'blog.localhost', method = 'GET', headers = {}, body, agent } = asking;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { host, ...length, ...headers },
      agent: agent ?? false,
    });
    request.once('error', reject);
    request.once('response', (answer) => {
      textOf(answer).then(
        (text) => resolve({ status: answer.statusCode!, headers: answer.headers, body: text }),
        reject,
      );
    });
    request.end(body);
  });
}

export async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

export function rawClient(port: number): RawClient {
  const socket = connect({ host: '127.0.0.1', port });
  let seen = '';
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of [...watchers]) watcher();
  };
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    tell();
  });
  socket.on('error', () => {});
  socket.once('close', tell);
  const when = (isThere: () => boolean) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const isDone = isThere();
        if (!isDone && !socket.destroyed) return;
        watchers.delete(look);
        if (isDone) resolve(seen);
        else reject(new Error(`closed after ${JSON.stringify(seen)}`));
      };
      watchers.add(look);
      look();
    });
  return {
    socket,
    text: () => seen,
    until: (pattern) => when(() => pattern.test(seen)),
    closed: () => when(() => socket.destroyed),
  };
}
