// A route snapshot as it arrives (over the socket or from disk), checked whole before anything believes it, and built anew
// from what was checked: two snapshots that say the same are the same text. An unknown key is refused: what a snapshot may
// say is settled by its protocol number.
import { isIP } from 'node:net';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';
import { type Route, type RouteSnapshot, type RouteState, routerProtocol, type Upstream } from '../domain/route.ts';
import { patched, readPatch, sameList } from '../lib/list-patch.ts';
import { readList } from '../lib/list-text.ts';
import { normaliseHost } from './match.ts';

type Fields<T> = Record<keyof T, unknown>;

const states: readonly unknown[] = ['serving', 'starting', 'empty', 'stopped'] satisfies RouteState[];

/**
 * The snapshot when `value` is one; every host in it is in its normal form and in one place only.
 * @throws bad-request naming the path of the first thing that is wrong
 */
export function parseSnapshot(value: unknown): RouteSnapshot {
  const known = ['protocol', 'generation', 'platformHosts', 'routes'] as const;
  const snapshot: Fields<RouteSnapshot> = record(value, 'snapshot', known);
  const { protocol, generation } = snapshot;
  if (protocol !== routerProtocol)
    throw wrong(
      `protocol ${typeof protocol === 'number' ? protocol : `of type ${typeof protocol}`} is not spoken here`,
    );
  if (!isWhole(generation)) throw wrong('generation is not a whole number');
  const platformHosts = parseHosts(snapshot.platformHosts, 'platformHosts');
  const routes = list(snapshot.routes, 'routes').map((item, at) => parseRoute(item, `routes[${at}]`));
  return alone({ protocol: routerProtocol, generation, platformHosts, routes });
}

/**
 * The same for texts, again and again (`lib/list-text.ts`): a route whose text is that of the last snapshot is not parsed again.
 * @throws bad-request
 */
export function snapshotReader(): (text: string) => RouteSnapshot {
  const read = readList('routes', (value) => parseRoute(value, 'routes[]'));
  return (text) => {
    const listed = read(text);
    if (listed === null) return parseSnapshot(parseJson(text));
    const snapshot = parseSnapshot({ ...(listed.head as object), routes: [] });
    return alone({ ...snapshot, routes: listed.items });
  };
}

/** The snapshot with what the text changes of it (`lib/list-patch.ts`). @throws bad-request */
export function patchSnapshot(present: RouteSnapshot, text: string): RouteSnapshot {
  const patch = readPatch(text);
  if (patch === null) throw wrong('it is no change of one');
  const said = { ...present, ...patch.head };
  // A thousand hosts that are those of the present one have been looked at.
  const hosts = sameList(present.platformHosts, said.platformHosts);
  const parsed = parseSnapshot({ ...said, routes: [], ...(hosts && { platformHosts: [] }) });
  const head = { ...parsed, ...(hosts && { platformHosts: hosts }) };
  const changed = patch.items.map(([at, route]) => [at, parseRoute(route, `routes[${at}]`)] as const);
  const routes = patched(present.routes, changed);
  if (routes === null) throw wrong('it changes a route that is not there');
  const next = { ...head, routes };
  const areNamesKept =
    present.platformHosts === head.platformHosts &&
    changed.every(([at, { appId, hosts }]) => {
      const before = present.routes[at]!;
      return appId === before.appId && isSame(hosts, before.hosts);
    });
  if (!areNamesKept) return alone(next);
  // Then only the instances may be there twice.
  const taken = new Map(placesOf(present));
  for (const [at] of changed) for (const { instanceId } of present.routes[at]!.upstreams) taken.delete(instanceId);
  for (const [at, { upstreams }] of changed)
    for (const [one, { instanceId }] of upstreams.entries()) {
      if (taken.has(instanceId))
        throw wrong(`routes[${at}].upstreams[${one}].instanceId: ${printable(instanceId)} is there twice`);
      taken.set(instanceId, at);
    }
  instancePlaces.set(next, taken);
  return next;
}

/** Of a snapshot: which route an instance belongs to. */
const instancePlaces = new WeakMap<RouteSnapshot, ReadonlyMap<string, number>>();

function placesOf(snapshot: RouteSnapshot): ReadonlyMap<string, number> {
  const known = instancePlaces.get(snapshot);
  if (known !== undefined) return known;
  const places = new Map<string, number>();
  for (const [at, { upstreams }] of snapshot.routes.entries())
    for (const { instanceId } of upstreams) places.set(instanceId, at);
  return places;
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, at) => text === other[at]);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fail('bad-request', 'The body is not JSON');
  }
}

/** Every host, app and instance is there once. */
function alone(snapshot: RouteSnapshot): RouteSnapshot {
  const hosts = new Set<string>();
  const apps = new Set<string>();
  const instances = new Set<string>();
  for (const [at, host] of snapshot.platformHosts.entries()) once(hosts, host, `platformHosts[${at}]`);
  for (const [at, route] of snapshot.routes.entries()) {
    for (let one = 0; one < route.upstreams.length; one += 1)
      once(instances, route.upstreams[one]!.instanceId, `routes[${at}].upstreams[${one}].instanceId`);
    for (let one = 0; one < route.hosts.length; one += 1) once(hosts, route.hosts[one]!, `routes[${at}].hosts[${one}]`);
    once(apps, route.appId, `routes[${at}].appId`);
  }
  return snapshot;
}

function parseRoute(value: unknown, path: string): Route {
  const known = [
    'appId',
    'teamId',
    'name',
    'hosts',
    'state',
    'setId',
    'releaseLabel',
    'upstreams',
    'concurrency',
  ] as const;
  const route: Fields<Route> = record(value, path, known);
  const { state, releaseLabel, concurrency } = route;
  if (!states.includes(state)) throw wrong(`${path}.state is not one of ${states.join(', ')}`);
  if (releaseLabel !== null && !(isText(releaseLabel) && /^[\x21-\x7e]{1,100}$/.test(releaseLabel))) {
    throw wrong(`${path}.releaseLabel cannot be the value of a header`);
  }
  if (!isWhole(concurrency) || concurrency < 1) throw wrong(`${path}.concurrency is not 1 or more`);
  const upstreams = list(route.upstreams, `${path}.upstreams`).map((item, at) =>
    parseUpstream(item, `${path}.upstreams[${at}]`),
  );
  if (state === 'serving' && upstreams.length === 0) throw wrong(`${path} is serving with no upstream`);
  return {
    appId: text(route.appId, `${path}.appId`) as Route['appId'],
    teamId: text(route.teamId, `${path}.teamId`) as Route['teamId'],
    name: text(route.name, `${path}.name`) as Route['name'],
    hosts: parseHosts(route.hosts, `${path}.hosts`),
    state: state as RouteState,
    setId: route.setId === null ? null : (text(route.setId, `${path}.setId`) as NonNullable<Route['setId']>),
    releaseLabel,
    upstreams,
    concurrency,
  };
}

/** An upstream is an address, never a name: the router asks no name server on the way of a request. */
function parseUpstream(value: unknown, path: string): Upstream {
  const upstream: Fields<Upstream> = record(value, path, ['instanceId', 'host', 'port']);
  const { host, port } = upstream;
  if (!isText(host) || isIP(host) === 0) throw wrong(`${path}.host is not an IP address`);
  if (!isWhole(port) || port < 1 || port > 65_535) throw wrong(`${path}.port is not a port`);
  return { instanceId: text(upstream.instanceId, `${path}.instanceId`) as Upstream['instanceId'], host, port };
}

function parseHosts(value: unknown, path: string): Route['hosts'] {
  return list(value, path).map((host, at) => {
    if (!isText(host) || normaliseHost(host) !== host) throw wrong(`${path}[${at}] is not a host in its normal form`);
    return host as Route['hosts'][number];
  });
}

function once(seen: Set<string>, item: string, path: string): void {
  if (seen.has(item)) throw wrong(`${path}: ${printable(item)} is there twice`);
  seen.add(item);
}

function record<K extends string>(value: unknown, path: string, known: readonly K[]): Record<K, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${path} is not an object`);
  const stranger = Object.keys(value).find((key) => !(known as readonly string[]).includes(key));
  if (stranger !== undefined) throw wrong(`${path} has an unknown key ${printable(stranger)}`);
  return value as Record<K, unknown>;
}

function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(`${path} is not a list`);
  return value;
}

function text(value: unknown, path: string): string {
  if (!isText(value)) throw wrong(`${path} is not a text of 1 to 253 characters`);
  return value;
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 253;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const wrong = (what: string) =>
  fail('bad-request', `Not a route snapshot: ${what}`, { advice: 'Send the whole table of this protocol.' });
