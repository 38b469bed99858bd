// The router's snapshot, made from what is wanted and what is there. Pure. Only instances of the routed set that have
// been healthy are upstreams; one that stopped answering is left out as long as another answers.
import type { DesiredApp, DesiredState } from '../../domain/desired.ts';
import type { AppId, InstanceId } from '../../domain/ids.ts';
import type { ObservedInstance } from '../../domain/observed.ts';
import { type Route, type RouteSnapshot, routerProtocol } from '../../domain/route.ts';
import { sameList } from '../../lib/list-patch.ts';
import { textOfItem } from '../../lib/list-text.ts';

type Addresses = ReadonlyMap<InstanceId, string>;

/** @param addresses where an instance listens when that is not 127.0.0.1 */
export const routesOf = (
  desired: DesiredState,
  instances: readonly ObservedInstance[],
  addresses: Addresses = new Map(),
): readonly Route[] => routesMaker()(desired, instances, addresses);

/**
 * The same, again and again: only what has changed, and the apps with instances, are looked at, so a change of one app among a
 * thousand costs about as much as a change of the only one. A route that says what it said is the same object, and so is the list.
 */
export function routesMaker(): (
  desired: DesiredState,
  instances: readonly ObservedInstance[],
  addresses: Addresses,
) => readonly Route[] {
  let apps: readonly DesiredApp[] = [];
  let made: Made[] = [];
  let routes: readonly Route[] = [];
  let placeOf = new Map<AppId, number>();
  /** Where the route of each app stands: the apps come as they were made, the routes by their ids. */
  let ranks: number[] = [];
  /** Apps that had instances. */
  let busy: number[] = [];
  return (desired, instances, addresses) => {
    const changed = changedPlaces(apps, desired.apps);
    if (changed === null) {
      made = [];
      placeOf = new Map(desired.apps.map(({ id }, at) => [id, at]));
      ranks = ranksOf(desired.apps);
    }
    apps = desired.apps;
    const bySet = Map.groupBy(instances, ({ setId }) => setId);
    const nowBusy = [...new Set(instances.flatMap(({ appId }) => placeOf.get(appId) ?? []))];
    const due = changed === null ? apps.keys() : new Set([...changed, ...busy, ...nowBusy]);
    busy = nowBusy;
    const others: number[] = [];
    for (const at of due) {
      const app = apps[at]!;
      const before = made[at];
      made[at] = madeOf(before, app, (app.routed && bySet.get(app.routed)) || [], addresses);
      if (made[at].route !== before?.route) others.push(at);
    }
    if (changed !== null && others.length === 0) return routes;
    const list = changed === null ? new Array<Route>(apps.length) : routes.slice();
    for (const at of others) list[ranks[at]!] = made[at]!.route;
    routes = list;
    return routes;
  };
}

function ranksOf(apps: readonly DesiredApp[]): number[] {
  const order = [...apps.keys()].sort((one, other) => (apps[one]!.id < apps[other]!.id ? -1 : 1));
  const ranks = new Array<number>(apps.length);
  for (const [rank, at] of order.entries()) ranks[at] = rank;
  return ranks;
}

/** Where another document says something else; null: its apps are others, or in another order. */
function changedPlaces(before: readonly DesiredApp[], after: readonly DesiredApp[]): number[] | null {
  const changed: number[] = [];
  if (before === after) return changed;
  if (before.length !== after.length) return null;
  for (let at = 0; at < after.length; at += 1) {
    if (before[at] === after[at]) continue;
    if (before[at]!.id !== after[at]!.id) return null;
    changed.push(at);
  }
  return changed;
}

/** The next snapshot, or null when `last` already says the same. */
export function nextSnapshot(
  last: RouteSnapshot | null,
  desired: DesiredState,
  routes: readonly Route[],
): RouteSnapshot | null {
  const platformHosts = (last && sameList(last.platformHosts, desired.platformHosts)) ?? desired.platformHosts;
  const isSame =
    last !== null && last.platformHosts === platformHosts && changedRoutes(last.routes, routes).length === 0;
  if (isSame && last.routes.length === routes.length) return null;
  return { protocol: routerProtocol, generation: (last?.generation ?? 0) + 1, platformHosts, routes };
}

/** The routes that are others than those in their places before. */
export function changedRoutes(before: readonly Route[], after: readonly Route[]): Route[] {
  const changed: Route[] = [];
  if (before === after) return changed;
  for (let at = 0; at < after.length; at += 1) {
    const [route, other] = [after[at]!, before[at]];
    if (route === other || (other !== undefined && textOfItem(route) === textOfItem(other))) continue;
    changed.push(route);
  }
  return changed;
}

/** A route, and what it was made from. */
type Made = { app: DesiredApp; from: string; route: Route };

/** @param instances those of the routed set */
function madeOf(
  last: Made | undefined,
  app: DesiredApp,
  instances: readonly ObservedInstance[],
  addresses: Addresses,
): Made {
  const web = instances.filter((one) => one.type === 'web');
  const from = web
    .map((one) => `${one.id} ${one.state} ${one.port} ${one.healthyAtMs !== null} ${addresses.get(one.id)}`)
    .join();
  if (last?.app === app && last.from === from) return last;
  const route = routeOf(app, web, addresses);
  // What says what it said is the same object, whose text is made once.
  return { app, from, route: last && textOfItem(last.route) === textOfItem(route) ? last.route : route };
}

function routeOf(app: DesiredApp, web: readonly ObservedInstance[], addresses: Addresses): Route {
  const set = app.sets.find((one) => one.id === app.routed) ?? null;
  const reachable = web.filter((one) => one.port !== null && one.healthyAtMs !== null);
  const healthy = reachable.filter((one) => one.state === 'healthy');
  const chosen = healthy.length > 0 ? healthy : reachable.filter((one) => one.state === 'unhealthy');
  const upstreams = chosen
    .map((one) => ({ instanceId: one.id, host: addresses.get(one.id) ?? '127.0.0.1', port: one.port! }))
    .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
  return {
    appId: app.id,
    teamId: app.teamId,
    name: app.name,
    hosts: app.hosts,
    state: stateOf(),
    setId: set?.id ?? null,
    releaseLabel: set?.releaseLabel ?? null,
    upstreams,
    concurrency: app.concurrency,
  };

  function stateOf(): Route['state'] {
    if (app.routed === null) return 'empty';
    if (upstreams.length > 0) return 'serving';
    const wantsWeb = set?.processes.some((one) => one.type === 'web' && one.count > 0) ?? false;
    // A live set is always started again; a candidate whose instances all failed is not.
    const isFinal =
      set?.stage === 'candidate' &&
      web.length > 0 &&
      web.every((one) => one.state === 'failed' || one.state === 'stopped');
    return wantsWeb && !isFinal ? 'starting' : 'stopped';
  }
}
