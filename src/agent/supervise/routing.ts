// Keeps the router at the newest snapshot. The agent decides the routes, the router's generation only grows: a snapshot
// always gets a number above whatever the router holds, so an agent that has forgotten the last number asks for it first,
// and an older snapshot never replaces a newer one. A router that is away gets the present one as soon as it is back.
import { setTimeout as pause } from 'node:timers/promises';
import type { DesiredState } from '../../domain/desired.ts';
import { fail, isFailure } from '../../domain/errors.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { ObservedInstance } from '../../domain/observed.ts';
import type { Route, RouterHello, RouteSnapshot } from '../../domain/route.ts';
import type { RouterEvidence } from '../../domain/survey.ts';
import { areAnyArmed, failpoint } from '../../lib/failpoint.ts';
import { changedRoutes, nextSnapshot, routesMaker } from '../desired/routes.ts';

/** What the agent needs of the router; `src/main/agent-wiring.ts` ties it to the socket. Every call may throw `router-away`. */
export type RouterPort = {
  hello(limitMs?: number): Promise<RouterHello>;
  putSnapshot(snapshot: RouteSnapshot): Promise<{ generation: number }>;
  /** What it serves now, by host; every host when none is named. */
  routes(hosts: readonly string[]): Promise<RouterEvidence>;
  /** True when the instances have nothing in flight; false when the limit passed first. */
  drained(ids: readonly InstanceId[], limitMs: number): Promise<boolean>;
  letGo(ids: readonly InstanceId[]): Promise<unknown>;
};

export type RoutingParts = {
  router: RouterPort;
  /** These routes are others than before, or new. */
  willRoute(routes: readonly Route[]): void;
  acknowledged(snapshot: RouteSnapshot): void;
  warn(message: string, details: Record<string, unknown>): void;
  /** Between two looks whether the router is the same one; 500 unless told. */
  lookMs?: number;
};

const [firstBackOffMs, longestBackOffMs] = [10, 500];

export class Routing {
  readonly #parts: RoutingParts;
  readonly #routesOf = routesMaker();
  readonly #end = new AbortController();
  /** What the router should hold; its generation is provisional until it is sent. */
  #wanted: RouteSnapshot | null = null;
  #wantedSerial = 0;
  #takenSerial = 0;
  /** What the router took last from this agent. */
  #taken: RouteSnapshot | null = null;
  #generation = 0;
  /** Which router took it: another one gets it again. */
  #routerStart: string | null = null;
  #wake: () => void = () => {};
  readonly #waiting = new Set<() => void>();

  constructor(parts: RoutingParts) {
    this.#parts = parts;
  }

  /** The generation that the router last acknowledged. */
  get generation(): number {
    return this.#generation;
  }

  /** Makes the routes that follow from both the wanted ones. True when they are not what was wanted before. */
  update(desired: DesiredState, instances: readonly ObservedInstance[], addresses: Map<InstanceId, string>): boolean {
    const before = this.#wanted?.routes ?? [];
    const next = nextSnapshot(this.#wanted, desired, this.#routesOf(desired, instances, addresses));
    if (next === null) return false;
    this.#wanted = next;
    this.#wantedSerial += 1;
    this.#parts.willRoute(changedRoutes(before, next.routes));
    this.#wake();
    return true;
  }

  /** Begins to bring the router up to date, for ever. */
  start(): void {
    void this.#keepUp().catch((error: unknown) => this.#parts.warn('routing has stopped', { error: String(error) }));
  }

  /** Resolves when the router holds what is wanted now, with its generation. @throws router-away after the limit */
  async settled(limitMs: number): Promise<number> {
    const serial = this.#wantedSerial;
    const limit = AbortSignal.timeout(limitMs);
    while (this.#takenSerial < serial) {
      if (limit.aborted || this.#end.signal.aborted) {
        throw fail('router-away', 'The router has not taken the new routes yet', {
          advice: 'They are kept, and given to it as soon as it is back.',
        });
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiting.delete(done);
          limit.removeEventListener('abort', done);
          resolve();
        };
        this.#waiting.add(done);
        limit.addEventListener('abort', done, { once: true });
      });
    }
    return this.#generation;
  }

  /** The router gets the present routes again, whatever it says that it has. */
  again(): void {
    if (this.#wanted === null) return;
    this.#takenSerial = -1;
    this.#wake();
  }

  stop(): void {
    this.#end.abort();
    this.#wake();
    for (const done of [...this.#waiting]) done();
  }

  async #keepUp(): Promise<void> {
    let backOffMs = firstBackOffMs;
    let isAway = false;
    while (!this.#end.signal.aborted) {
      try {
        if (this.#routerStart === null) await this.#meet();
        if (this.#takenSerial < this.#wantedSerial) await this.#send();
        if (isAway) this.#parts.warn('the router is back', { generation: this.#generation });
        isAway = false;
        backOffMs = firstBackOffMs;
        if (this.#takenSerial < this.#wantedSerial) continue;
        await this.#rest(this.#parts.lookMs ?? 500);
        if (this.#takenSerial === this.#wantedSerial) await this.#meet();
      } catch (error) {
        this.#routerStart = null;
        if (!isAway && !isFailure(error, 'router-away'))
          this.#parts.warn('the router did not take the routes', { error: String(error) });
        isAway = true;
        await pause(backOffMs, undefined, { signal: this.#end.signal, ref: false }).catch(() => {});
        backOffMs = Math.min(longestBackOffMs, backOffMs * 2);
      }
    }
  }

  /** Asks which router it is; one that we have not met, or that lost our snapshot, gets the present one. */
  async #meet(): Promise<void> {
    const hello = await this.#parts.router.hello();
    const start = `${hello.pid} ${hello.startedAtMs}`;
    const isKnown = start === this.#routerStart && hello.generation === this.#generation;
    this.#routerStart = start;
    this.#generation = Math.max(this.#generation, hello.generation);
    if (!isKnown && this.#wanted !== null) this.#takenSerial = -1;
  }

  async #send(): Promise<void> {
    const serial = this.#wantedSerial;
    const snapshot = { ...this.#wanted!, generation: this.#generation + 1 };
    if (areAnyArmed && this.#taken !== null && switches(this.#taken, snapshot))
      await failpoint('agent.before-route-switch');
    const { generation } = await this.#parts.router.putSnapshot(snapshot);
    // Else what it serves still may be what we are about to stop.
    if (generation < snapshot.generation) throw new Error(`the router serves generation ${generation} still`);
    this.#generation = snapshot.generation;
    this.#takenSerial = serial;
    this.#taken = snapshot;
    for (const done of [...this.#waiting]) done();
    // Who waits is answered first.
    setImmediate(() => this.#parts.acknowledged(snapshot));
  }

  /** Until there is something to send, or `ms` have passed. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#end.signal.aborted) this.#wake();
    });
  }
}

/** True when an app is served by another set than before. */
function switches(before: RouteSnapshot, after: RouteSnapshot): boolean {
  const others = after.routes.filter((route, at) => route !== before.routes[at] && route.setId !== null);
  return others.some(({ appId, setId }) => before.routes.find((one) => one.appId === appId)?.setId !== setId);
}
