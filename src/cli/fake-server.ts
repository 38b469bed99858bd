// A small real server for the commands' tests: it answers by a table of routes and remembers what was asked. What the real
// routes answer is proven elsewhere (contract.test.ts); here a test says exactly what goes wrong.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Asked = { method: string; path: string; headers: IncomingMessage['headers']; body: string };
/** Answers itself, or returns the JSON to send with 200. */
export type FakeRoute = (asked: Asked, response: ServerResponse) => unknown;

export type FakeServer = {
  url: string;
  asked: Asked[];
  /** By `METHOD /path` without the query. */
  routes: Record<string, FakeRoute>;
  close(): Promise<void>;
};

/** Listens on a free port of 127.0.0.1. */
export async function startFakeServer(routes: Record<string, FakeRoute> = {}): Promise<FakeServer> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '/';
    const one = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    asked.push(one);
    const route = fake.routes[`${one.method} ${path.split('?')[0]}`];
    const answer = route
      ? route(one, response)
      : problem(response, 404, 'not-found', 'there is nothing at this address');
    if (answer !== undefined && !response.headersSent) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }
  });
  const fake: FakeServer = {
    url: '',
    asked,
    routes,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

/** Answers with an RFC 9457 problem. */
export function problem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  advice = 'Do this.',
): void {
  const body = { type: `/docs/errors#${code}`, title: code, status, detail, code, advice };
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
}

/** Answers with these events; then ends, or breaks the connection. */
export function sendEvents(response: ServerResponse, events: readonly [string, unknown][], isBroken = false): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const text = events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
  response.write(`: beat\n\n${text}`, () => (isBroken ? response.destroy() : response.end()));
}
