// The router's snapshot, made from what is wanted and what is there. Pure. Only instances of the routed set that have
// been healthy are upstreams; one that stopped answering is left out as long as another answers.
import type { DesiredApp, DesiredState, ObservedInstance } from '../../domain/desired.ts';
import type { InstanceId } from '../../domain/ids.ts';
import { type Route, type RouteSnapshot, routerProtocol } from '../../domain/route.ts';
import { sameList } from '../../lib/list-patch.ts';
import { textOfItem } from '../../lib/list-text.ts';

/** @param addresses where an instance listens when that is not 127.0.0.1 */
export function routesOf(
  desired: DesiredState,
  instances: readonly ObservedInstance[],
  addresses: ReadonlyMap<InstanceId, string> = new Map(),
): Route[] {
  const bySet = Map.groupBy(instances, ({ setId }) => setId);
  const routes: Route[] = [];
  let isSorted = true;
  for (const app of desired.apps) {
    if (isSorted && routes.length > 0 && routes.at(-1)!.appId > app.id) isSorted = false;
    routes.push(app.routed === null ? emptyRouteOf(app) : routeOf(app, bySet.get(app.routed) ?? [], addresses));
  }
  return isSorted ? routes : routes.sort((a, b) => (a.appId < b.appId ? -1 : 1));
}

/** The next snapshot, or null when `last` already says the same. */
export function nextSnapshot(
  last: RouteSnapshot | null,
  desired: DesiredState,
  routes: readonly Route[],
): RouteSnapshot | null {
  const platformHosts = (last && sameList(last.platformHosts, desired.platformHosts)) ?? desired.platformHosts;
  // A route that says what it said is the same object, whose text is made once.
  const kept = routes.map((route, at) => {
    const before = last?.routes[at];
    return before !== undefined && before !== route && textOfItem(before) === textOfItem(route) ? before : route;
  });
  const isSame =
    last !== null &&
    last.platformHosts === platformHosts &&
    last.routes.length === kept.length &&
    kept.every((route, at) => route === last.routes[at]);
  if (isSame) return null;
  return { protocol: routerProtocol, generation: (last?.generation ?? 0) + 1, platformHosts, routes: kept };
}

const emptyRoutes = new WeakMap<DesiredApp, Route>();

/** Before the first release the route follows from the app alone. */
function emptyRouteOf(app: DesiredApp): Route {
  const known = emptyRoutes.get(app);
  if (known !== undefined) return known;
  const route = routeOf(app, [], new Map());
  emptyRoutes.set(app, route);
  return route;
}

/** @param instances those of the routed set */
function routeOf(
  app: DesiredApp,
  instances: readonly ObservedInstance[],
  addresses: ReadonlyMap<InstanceId, string>,
): Route {
  const set = app.sets.find((one) => one.id === app.routed) ?? null;
  const web = set === null ? [] : instances.filter((one) => one.type === 'web');
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
