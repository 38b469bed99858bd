// Which route a Host header means. The table is built once for a snapshot and never changed: a swap replaces it whole.
import { isIPv6 } from 'node:net';
import type { Route, RouteSnapshot } from '../domain/route.ts';

export type Match = { kind: 'app'; route: Route } | { kind: 'platform' } | { kind: 'unknown' };

export type RouteTable = { readonly snapshot: RouteSnapshot; find(host: string): Match };

const unknown: Match = { kind: 'unknown' };
const platform: Match = { kind: 'platform' };

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

/** The lookup table of one snapshot. `find` takes a normalised host. */
export function routeTable(snapshot: RouteSnapshot): RouteTable {
  const byHost = new Map<string, Match>();
  for (const route of snapshot.routes) for (const host of route.hosts) byHost.set(host, { kind: 'app', route });
  for (const host of snapshot.platformHosts) byHost.set(host, platform);
  return { snapshot, find: (host) => byHost.get(host) ?? unknown };
}
