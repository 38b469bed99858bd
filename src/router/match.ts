// Which route a Host header means. The table is built once for a snapshot and never changed: a swap replaces it whole.
import { isIPv6 } from 'node:net';
import type { Route, RouteSnapshot } from '../domain/route.ts';
import { sameList } from '../lib/list-patch.ts';

export type Match = { kind: 'app'; route: Route } | { kind: 'platform' } | { kind: 'unknown' };

export type RouteTable = {
  readonly snapshot: RouteSnapshot;
  readonly index: ReadonlyMap<string, number>;
  find(host: string): Match;
};

const unknown: Match = { kind: 'unknown' };
const platform: Match = { kind: 'platform' };
const atPlatform = -1;

/**
 * The one form in which hosts are compared: lower case, without port and trailing dot, an IPv6 literal in brackets in its
 * short form; null when it is no host at all.
 */
export function normaliseHost(header: string): string | null {
  const name = /^([a-z0-9._-]+?)\.?(?::\d{0,5})?$/.exec(header.toLowerCase())?.[1];
  if (name !== undefined) return name.length <= 253 ? name : null;
  const literal = /^\[([0-9a-f:.]{2,45})\](?::\d{0,5})?$/.exec(header.toLowerCase())?.[1];
  return literal !== undefined && isIPv6(literal) ? new URL(`http://[${literal}]`).hostname : null;
}

/**
 * The lookup table of one snapshot. `find` takes a normalised host.
 * @param before the one that this follows: where every host still belongs to the same place of the list, its index serves again
 */
export function routeTable(snapshot: RouteSnapshot, before: RouteTable | null = null): RouteTable {
  const { routes } = snapshot;
  const index = before !== null && areHostsKept(before.snapshot, snapshot) ? before.index : indexOf(snapshot);
  const matches = new Map<Route, Match>();
  const matchOf = (route: Route): Match => {
    const match: Match = { kind: 'app', route };
    matches.set(route, match);
    return match;
  };
  const find = (host: string): Match => {
    const at = index.get(host);
    if (at === undefined) return unknown;
    return at === atPlatform ? platform : (matches.get(routes[at]!) ?? matchOf(routes[at]!));
  };
  return { snapshot, index, find };
}

/** By host the place of its route; `atPlatform` for the platform's own. */
function indexOf({ routes, platformHosts }: RouteSnapshot): Map<string, number> {
  const index = new Map<string, number>();
  for (const [at, { hosts }] of routes.entries()) for (const host of hosts) index.set(host, at);
  for (const host of platformHosts) index.set(host, atPlatform);
  return index;
}

function areHostsKept(before: RouteSnapshot, after: RouteSnapshot): boolean {
  if (before.platformHosts !== after.platformHosts || before.routes.length !== after.routes.length) return false;
  return after.routes.every((route, at) => {
    const other = before.routes[at]!;
    return route === other || sameList(other.hosts, route.hosts) !== null;
  });
}
