// Requests that wait for their app to start. They hold a place of their app (and one of `held`), nothing of their body is
// read, and the wait ends when the route says something else than `starting`, at the limit, or when the client leaves.
import type { EventEmitter } from 'node:events';
import type { Route } from '../domain/route.ts';
import type { Routes } from './routes.ts';

export type Hold = {
  /** The route once it is no longer `starting`, or as it is when the wait is over; null when it went away, or with no room. */
  until(host: string, route: Route, client: EventEmitter): Promise<Route | null>;
  readonly held: number;
};

/** @param limits.held at once @param limits.holdMs each */
export function createHold(routes: Routes, limits: { held: number; holdMs: number }): Hold {
  let held = 0;
  const now = (host: string, appId: string): Route | null => {
    const match = routes.table?.find(host);
    return match?.kind === 'app' && match.route.appId === appId ? match.route : null;
  };
  return {
    get held() {
      return held;
    },
    async until(host, route, client) {
      if (held >= limits.held) return route;
      held += 1;
      const over = Promise.withResolvers<void>();
      let isOver = false;
      const end = () => {
        isOver = true;
        over.resolve();
      };
      const timer = setTimeout(end, limits.holdMs);
      client.once('close', end);
      try {
        let current: Route | null = route;
        while (current?.state === 'starting' && !isOver) {
          const changed = Promise.withResolvers<void>();
          const takeBack = routes.onceChanged(changed.resolve);
          await Promise.race([changed.promise, over.promise]);
          takeBack();
          current = now(host, route.appId);
        }
        return current;
      } finally {
        held -= 1;
        clearTimeout(timer);
        client.off('close', end);
      }
    },
  };
}
