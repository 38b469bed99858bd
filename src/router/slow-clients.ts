// Clients that hold a place of an app by their own slowness: a body that trickles in, an answer that is not taken. One that is
// slower than `slowBytesPerS` for too long is ended. And before an app that is full turns somebody away, the slowest of these
// gives its place up. What is slow because the app is slow is none of this.
import type { RouterLimits } from './limits.ts';

export type Watch = { moved(bytes: number): void; stop(): void };

export type SlowClients = {
  /**
   * Watches until `stop`.
   * @param isItsTurn it is the client that is waited for
   * @param end frees the place; called at most once, and not after `stop`
   */
  watch(app: string, limitMs: number, isItsTurn: () => boolean, end: () => void): Watch;
  /** Ends the slowest client of the app. False: none is slow. */
  makeRoom(app: string): boolean;
};

type Watched = {
  app: string;
  limitMs: number;
  bytes: number;
  /** Whole windows in a row in which it was too slow; -1 before its first whole one. */
  windows: number;
  isItsTurn: () => boolean;
  end: () => void;
};

export function createSlowClients(limits: Pick<RouterLimits, 'slowBytesPerS' | 'slowWindowMs'>): SlowClients {
  const { slowBytesPerS, slowWindowMs } = limits;
  const leastBytes = (slowBytesPerS * slowWindowMs) / 1000;
  const byApp = new Map<string, Set<Watched>>();
  let timer: NodeJS.Timeout | null = null;
  const remove = (one: Watched): boolean => {
    const ofApp = byApp.get(one.app);
    if (ofApp?.delete(one) !== true) return false;
    if (ofApp.size === 0) byApp.delete(one.app);
    return true;
  };
  const endOne = (one: Watched): void => {
    if (remove(one)) one.end();
  };
  const look = (one: Watched): void => {
    const isSlow = one.windows >= 0 && one.isItsTurn() && one.bytes < leastBytes;
    one.windows = isSlow ? one.windows + 1 : 0;
    one.bytes = 0;
    if (one.windows * slowWindowMs >= one.limitMs) endOne(one);
  };
  const lookAtAll = (): void => {
    for (const ofApp of [...byApp.values()]) for (const one of [...ofApp]) look(one);
    if (byApp.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
  return {
    watch(app, limitMs, isItsTurn, end) {
      const one: Watched = { app, limitMs, bytes: 0, windows: -1, isItsTurn, end };
      const ofApp = byApp.get(app);
      if (ofApp === undefined) byApp.set(app, new Set([one]));
      else ofApp.add(one);
      timer ??= setInterval(lookAtAll, slowWindowMs).unref();
      return {
        moved(bytes) {
          one.bytes += bytes;
        },
        stop: () => void remove(one),
      };
    },
    makeRoom(app) {
      let slowest: Watched | null = null;
      for (const one of byApp.get(app) ?? []) if (one.windows > (slowest?.windows ?? 0)) slowest = one;
      if (slowest !== null) endOne(slowest);
      return slowest !== null;
    },
  };
}
