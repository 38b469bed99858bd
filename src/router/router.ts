// The router without its process: the two servers and what they share. A snapshot is written before it is in force, and in
// force before it is answered.
import type { Server } from 'node:http';
import type { RouterHello, RouteSnapshot } from '../domain/route.ts';
import { failpoint } from '../lib/failpoint.ts';
import { enter, isArmed, leave } from '../lib/seam.ts';
import { noApp, type ProxyLog, type ProxyParts, platformApp } from './admit.ts';
import { createHold } from './hold.ts';
import { createLasting } from './lasting.ts';
import { type RouterLimits, routerLimits } from './limits.ts';
import { createPools } from './pool.ts';
import { createPrivateServer } from './private-server.ts';
import { createPublicServer } from './public-server.ts';
import { createRoutes } from './routes.ts';
import { createSlowClients } from './slow-clients.ts';
import type { SnapshotFile } from './snapshot-file.ts';
import { patchSnapshot, snapshotReader } from './snapshot-parse.ts';
import { createStats } from './stats.ts';

export type RouterOptions = {
  /** What it boots with; null: every request is answered with L01 until a snapshot comes. */
  first: RouteSnapshot | null;
  /** True when `first` is what the current file on disk holds (and not the one before it). */
  isFirstSaved: boolean;
  file: Pick<SnapshotFile, 'save'>;
  /** Called when the first snapshot is written; it is in force when that is over. */
  markBoot(): Promise<void>;
  controlSocket: string;
  log: ProxyLog;
  limits?: Partial<RouterLimits>;
  hello: () => Omit<RouterHello, 'generation'>;
};

export type Router = {
  publicServer: Server;
  privateServer: Server;
  /** Connections that have nothing to say. */
  readonly atRest: number;
  /** @throws conflict when the snapshot is older, disk-full */
  apply(snapshot: RouteSnapshot): Promise<{ generation: number }>;
  /** Takes no new connection, lets what is in flight end for up to `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
};

/** After what lasts was told to end, before what is left is cut. */
const farewellMs = 250;

export function createRouter(options: RouterOptions): Router {
  const limits = { ...routerLimits, ...options.limits };
  const routes = createRoutes(options.first);
  const stats = createStats();
  const pools = createPools(limits);
  let isClosing = false;
  const { controlSocket, log } = options;
  const hold = createHold(routes, limits);
  const lasting = createLasting();
  const slowClients = createSlowClients(limits);
  const isGoing = () => isClosing;
  const parts: ProxyParts = {
    routes,
    stats,
    pools,
    hold,
    lasting,
    slowClients,
    limits,
    controlSocket,
    log,
    isClosing: isGoing,
  };

  let saving: Promise<unknown> = Promise.resolve();
  let saved: RouteSnapshot | null = options.isFirstSaved ? options.first : null;
  /** What is on disk may not be in force: an error came between. */
  let inForce = saved;
  const apply = (snapshot: RouteSnapshot): Promise<{ generation: number }> => {
    const mine = saving.then(async () => {
      routes.assertNotOlder(snapshot);
      const isSaved = saved?.generation === snapshot.generation && (saved === inForce || isSame(saved, snapshot));
      if (!isSaved) {
        await failpoint('router.before-persist');
        await options.file.save(snapshot);
        await options.markBoot();
        saved = snapshot;
        await failpoint('router.before-swap');
      }
      if (inForce?.generation !== snapshot.generation) {
        const at = isArmed ? enter('router.swap') : null;
        routes.swap(snapshot);
        inForce = snapshot;
        if (isArmed) leave(at);
        // Who waits is answered first.
        setImmediate(letGoOthers, snapshot);
      }
      return { generation: routes.generation };
    });
    saving = mine.catch(() => {});
    return mine;
  };

  /** Connections and counts of what this snapshot does not name, unless another is in force. */
  const letGoOthers = (snapshot: RouteSnapshot): void => {
    if (snapshot !== inForce) return;
    const { routes: list } = snapshot;
    const kept = new Set<string>();
    for (const route of list) for (const { instanceId } of route.upstreams) kept.add(instanceId);
    pools.retain(kept);
    lasting.retain(kept, stats.inFlightOf);
    stats.forget(new Set([platformApp, noApp, ...list.map((route) => route.appId)]));
  };

  const { server: publicServer, tunnels, atRest } = createPublicServer(parts);
  const privateServer = createPrivateServer({
    read: snapshotReader(),
    patch: patchSnapshot,
    hello: () => ({ ...options.hello(), generation: routes.generation }),
    report: () => stats.report(routes.generation),
    stats,
    table: () => routes.table,
    letGo: (instances) => lasting.letGo(instances),
    apply,
  });
  return {
    publicServer,
    privateServer,
    get atRest() {
      return atRest.size;
    },
    apply,
    async close(graceMs) {
      isClosing = true;
      atRest.close();
      const servers = [publicServer, privateServer];
      const ended = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      const cut = () => {
        for (const server of servers) server.closeAllConnections();
        for (const socket of tunnels) socket.destroy();
        atRest.cut();
      };
      let timer = setTimeout(() => {
        lasting.endAll();
        timer = setTimeout(cut, graceMs === 0 ? 0 : farewellMs);
      }, graceMs);
      await ended;
      clearTimeout(timer);
      pools.close();
    },
  };
}

const isSame = (one: RouteSnapshot, other: RouteSnapshot): boolean => JSON.stringify(one) === JSON.stringify(other);
