// A route snapshot as it arrives (over the socket or from disk), checked whole before anything believes it.
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';
import { type RouteSnapshot, routerProtocol } from '../domain/route.ts';

const states = ['serving', 'starting', 'empty', 'stopped'];

/**
 * The snapshot when `value` is one, every host in it being in one place only.
 * @throws bad-request
 */
export function parseSnapshot(value: unknown): RouteSnapshot {
  const snapshot = record(value, 'snapshot');
  if (snapshot['protocol'] !== routerProtocol)
    throw wrong(`protocol ${JSON.stringify(snapshot['protocol'])} is not spoken here`);
  if (!whole(snapshot['generation'])) throw wrong('generation is not a whole number');
  const seen = new Set<string>();
  checkHosts(snapshot['platformHosts'], 'platformHosts', seen);
  const apps = new Set<unknown>();
  for (const [at, item] of list(snapshot['routes'], 'routes').entries()) {
    checkRoute(record(item, `routes[${at}]`), `routes[${at}]`, seen, apps);
  }
  return value as RouteSnapshot;
}

function checkRoute(route: Record<string, unknown>, path: string, seen: Set<string>, apps: Set<unknown>): void {
  for (const key of ['appId', 'teamId', 'name']) if (!text(route[key])) throw wrong(`${path}.${key} is not a text`);
  if (apps.has(route['appId'])) throw wrong(`${path}.appId is there twice`);
  apps.add(route['appId']);
  checkHosts(route['hosts'], `${path}.hosts`, seen);
  if (!states.includes(route['state'] as string)) throw wrong(`${path}.state is not one of ${states.join(', ')}`);
  for (const key of ['setId', 'releaseLabel']) {
    if (route[key] !== null && !text(route[key])) throw wrong(`${path}.${key} is neither a text nor null`);
  }
  if (route['releaseLabel'] !== null && !/^[\x21-\x7e]{1,100}$/.test(route['releaseLabel'] as string)) {
    throw wrong(`${path}.releaseLabel cannot be a header's value`);
  }
  if (!whole(route['concurrency']) || (route['concurrency'] as number) < 1)
    throw wrong(`${path}.concurrency is not 1 or more`);
  const upstreams = list(route['upstreams'], `${path}.upstreams`);
  if (route['state'] === 'serving' && upstreams.length === 0) throw wrong(`${path} is serving with no upstream`);
  for (const item of upstreams) {
    const upstream = record(item, `${path}.upstreams`);
    const port = upstream['port'] as number;
    if (!text(upstream['instanceId']) || !text(upstream['host'])) throw wrong(`${path}.upstreams has one with no name`);
    if (!whole(port) || port < 1 || port > 65535) throw wrong(`${path}.upstreams has a port that is none`);
  }
}

function checkHosts(value: unknown, path: string, seen: Set<string>): void {
  for (const host of list(value, path)) {
    if (typeof host !== 'string' || !/^[a-z0-9.:[\]-]+$/.test(host))
      throw wrong(`${path} holds something that is no host`);
    if (seen.has(host)) throw wrong(`${printable(host)} is there twice`);
    seen.add(host);
  }
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${path} is not an object`);
  return value as Record<string, unknown>;
}

function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(`${path} is not a list`);
  return value;
}

const text = (value: unknown) => typeof value === 'string' && value !== '';
const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const wrong = (what: string) => fail('bad-request', `Not a route snapshot: ${what}`);
