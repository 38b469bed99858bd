// How the agent speaks to the router: the private Unix socket, typed, every call with a limit. Connections are kept; a call
// that died with one that the router had already given up is made once more, for every verb here may be made twice.
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { type ErrorCode, errorRegistry, fail, isFailure } from '../domain/errors.ts';
import type { RouterHello, RouterStats, RouteSnapshot } from '../domain/route.ts';
import type { RouterEvidence } from '../domain/survey.ts';
import { Agent, request as httpRequest } from '../lib/http.ts';
import { patchSender } from '../lib/patch-sender.ts';
import type { Drained } from './drain.ts';

export type RouterClient = {
  /** @param limitMs another limit than the client's */
  hello(limitMs?: number): Promise<RouterHello>;
  stats(): Promise<RouterStats>;
  /** What serves these hosts now; every host when none is named. */
  routes(hosts: readonly string[]): Promise<RouterEvidence>;
  /** Resolves when the snapshot is in force, and no end of the router can lose it. @throws conflict when it is older */
  putSnapshot(snapshot: RouteSnapshot): Promise<{ generation: number }>;
  /** Resolves when the instances have nothing in flight, or `timeoutMs` have passed (`drained` is then false). */
  drained(instances: readonly string[], timeoutMs: number): Promise<Drained>;
  /** Ends the WebSockets and event streams of instances that are about to be stopped; resolves when all were told. */
  letGo(instances: readonly string[]): Promise<{ ended: number }>;
};

/** @throws (every call) router-away when nobody answers, timed-out when the answer takes too long */
export function createRouterClient(socketPath: string, limitMs = 5000): RouterClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });
  const call = async <T>(method: string, path: string, body?: unknown, forMs = limitMs): Promise<T> => {
    const asked = { socketPath, agent, method, path, body, limitMs: forMs };
    const answer = await ask<T>(asked);
    if (answer !== stale) return answer;
    return (await ask({ ...asked, agent: false })) as T;
  };
  const snapshotPath = (names: Record<string, string>) => `/v1/snapshot?${new URLSearchParams(names)}`;
  const sendSnapshot = patchSender<{ generation: number }>('routes', {
    whole: (text, tag) => call('PUT', snapshotPath({ tag }), text),
    patch: (text, base, tag) => call('PATCH', snapshotPath({ base, tag }), text),
    isRefusal: (error) => isFailure(error, 'conflict', 'not-found', 'bad-request'),
  });
  return {
    hello: (forMs) => call('GET', '/v1/hello', undefined, forMs),
    stats: () => call('GET', '/v1/stats'),
    routes: (hosts) => call('GET', `/v1/routes?${new URLSearchParams(hosts.map((host) => ['host', host]))}`),
    putSnapshot: ({ routes, ...head }) => sendSnapshot(head, routes),
    drained: (instances, timeoutMs) =>
      call(
        'GET',
        `/v1/drained?${new URLSearchParams([...instances.map((id) => ['instance', id]), ['timeoutMs', `${timeoutMs}`]])}`,
        undefined,
        limitMs + timeoutMs,
      ),
    letGo: (instances) => call('POST', `/v1/let-go?${new URLSearchParams(instances.map((id) => ['instance', id]))}`),
  };
}

type Asked = {
  socketPath: string;
  /** false: a connection of its own. */
  agent: HttpAgent | false;
  method: string;
  path: string;
  body: unknown;
  limitMs: number;
};

/** A kept connection was gone before anything was answered. */
const stale = Symbol('stale');

function ask<T>({ socketPath, agent, method, path, body, limitMs }: Asked): Promise<T | typeof stale> {
  return new Promise((resolve, reject) => {
    const away = (cause: unknown) =>
      fail('router-away', 'The router does not answer', {
        advice: 'It is started again by the agent; see its log.',
        cause,
      });
    const request = httpRequest({
      socketPath,
      method,
      path,
      agent,
      headers: { 'content-type': 'application/json' },
    });
    const timer = setTimeout(() => {
      reject(fail('timed-out', `The router did not answer ${method} ${path.split('?')[0]} in ${limitMs} ms`));
      request.destroy();
    }, limitMs);
    request.once('close', () => clearTimeout(timer));
    request.once('error', (error: NodeJS.ErrnoException) => {
      if (request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) resolve(stale);
      else reject(away(error));
    });
    request.once('response', (answer) => {
      read(answer)
        .then((text) => {
          const value = JSON.parse(text);
          if (answer.statusCode === 200) resolve(value);
          else
            reject(fail(value.code in errorRegistry ? (value.code as ErrorCode) : 'internal', String(value.message)));
        })
        .catch((error) => reject(away(error)));
    });
    request.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  });
}

async function read(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
