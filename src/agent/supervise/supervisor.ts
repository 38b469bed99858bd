// Holds the instances of this machine and brings them towards the desired state: looks, asks `converge`, acts, looks
// again at every change and when time alone makes something due. It never decides what should run, and never moves a
// route: it says when instances changed, and waits for the router before it ends one that was routed.

import { availableParallelism } from 'node:os';
import type { InstanceUsage } from '../../domain/agent.ts';
import type { DesiredApp, DesiredSet, DesiredState } from '../../domain/desired.ts';
import type { AppId, InstanceId } from '../../domain/ids.ts';
import type { AgentEvent, ObservedInstance } from '../../domain/observed.ts';
import type { Route, RouteSnapshot } from '../../domain/route.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';
import { admit } from '../desired/admit.ts';
import { type Action, converge, type InstanceView, nextDueMs } from '../desired/converge.ts';
import type { DiskLevel } from '../disk/disk-level.ts';
import type { Looked } from '../survey/processes.ts';
import { type DrainParts, Drains, upstreamsOf } from './drains.ts';
import { Instance } from './instance.ts';
import type { InstanceOrigin, InstanceParts } from './instance-parts.ts';
import { LimitLooks, lookEveryMs } from './limit-looks.ts';
import { newView, originOf } from './new-view.ts';
import { notInFuture } from './not-in-future.ts';
import { setsOf, type WantedSets } from './wanted-sets.ts';

export type SupervisorParts = Omit<InstanceParts, 'emit' | 'changed'> &
  Pick<DrainParts, 'drained' | 'letGo'> & {
    emit(event: AgentEvent): void;
    /** Instances changed: the routes may follow. */
    changed(): void;
  };

/** Between two looks that time alone asks for, at least. */
const shortestLookMs = 20;
/** While starts wait for their turn; the end of another start is a look, too. */
const heldBackLookMs = 1000;
export const startsAtOnce = 2 * availableParallelism();

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #instanceParts: InstanceParts;
  readonly #instances = new Map<InstanceId, Instance>();
  readonly #leaving = new Set<Promise<void>>();
  /** Of these something is left that could not be removed. */
  readonly #unfinished = new Set<Instance>();
  #desired: DesiredState | null = null;
  /** Those of `#desired`. */
  #sets: WantedSets = new Map();
  #timer: NodeJS.Timeout | null = null;
  readonly #looks = new LimitLooks(() => this.#instances.values());
  readonly #lookTimer = setInterval(() => this.#looks.turn(), lookEveryMs).unref();
  #isLookDue = false;
  #isClosed = false;
  readonly #drains: Drains;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#drains = new Drains({
      ...{ timings: parts.timings, nowMs: parts.nowMs, drained: parts.drained, letGo: parts.letGo },
      instanceOf: (id) => this.#instances.get(id),
      isClosed: () => this.#isClosed,
    });
    this.#instanceParts = {
      ...parts,
      changed: () => {
        parts.changed();
        this.#look();
      },
    };
  }

  /** Takes up every instance that an earlier agent left; call once, before `apply`. */
  async adopt(desired: DesiredState | null): Promise<{ adopted: number; unreadable: string[] }> {
    const { records, unreadable } = await this.#parts.records.loadAll();
    const sets = setsOf(desired);
    await Promise.all(
      records.map(async (record) => {
        Object.assign(record.view, notInFuture(record.view, this.#parts.nowMs()));
        const instance = this.#make(record.view, record);
        // Of an earlier boot of this machine: nothing of it can run.
        if (record.kernelBoot !== this.#parts.kernelBoot) return this.#leaveNothing(instance);
        this.#instances.set(record.view.id, instance);
        if (await instance.adopt(record, sets.get(record.view.setId)?.set ?? null)) return;
        // It never began: another takes its place, as if nothing had happened.
        this.#instances.delete(record.view.id);
        await this.#leaveNothing(instance);
      }),
    );
    return { adopted: this.#instances.size, unreadable };
  }

  /** Makes `desired` what is wanted; the first actions have begun when it returns. */
  apply(desired: DesiredState): void {
    const at = isArmed ? enter('agent.apply') : null;
    this.#desired = desired;
    const sets = setsOf(desired);
    this.#sets = sets;
    for (const instance of this.#instances.values()) {
      const wanted = sets.get(instance.view.setId);
      if (wanted !== undefined) instance.want(wanted.set);
    }
    this.#act();
    if (isArmed) leave(at);
  }

  /** A tree or a layer of the app has come: what waited for one tries again at once. */
  supplied(appId: AppId): void {
    for (const one of this.#instances.values()) {
      const { view } = one;
      if (view.appId === appId && view.state === 'backing-off' && view.lacks?.length) one.note({ sinceMs: 0 });
    }
    this.#look();
  }

  /** The container engine was away and is back: what waits to be started on it tries again at once. */
  engineIsBack(): void {
    for (const one of this.#instances.values())
      if (one.origin.image && one.view.state === 'backing-off') one.note({ sinceMs: 0 });
    for (const one of [...this.#unfinished]) void this.#leaveNothing(one);
    this.#look();
  }

  views(): InstanceView[] {
    return [...this.#instances.values()].map(({ view }) => view);
  }

  observed(): ObservedInstance[] {
    return [...this.#instances.values()].map((one) => one.observed());
  }

  /** Where instances listen, when that is not 127.0.0.1. */
  addresses(): Map<InstanceId, string> {
    const others = [...this.#instances.values()].filter(({ address }) => address !== '127.0.0.1');
    return new Map(others.map(({ view, address }) => [view.id, address]));
  }

  portsInUse(): Set<number> {
    return new Set(this.views().flatMap(({ port }) => (port === null ? [] : [port])));
  }

  usage(appId: AppId): InstanceUsage[] {
    return [...this.#instances.values()].flatMap((one) => {
      const usage = one.view.appId === appId ? one.usage() : null;
      return usage === null ? [] : [{ instanceId: one.view.id, ...usage }];
    });
  }

  /** The instances of one app, or of all, with their processes now. */
  looked(appId: AppId | null): Looked[] {
    const ours = [...this.#instances.values()].filter(({ view }) => appId === null || view.appId === appId);
    return ours.map((one) => ({
      ...{ view: one.view, address: one.address, pids: one.pids() },
      ...{ place: one.place, isImage: Boolean(one.origin.image) },
    }));
  }

  /** Where instances of an app write besides its own folders. */
  foldersOf(appId: AppId): string[] {
    return [...this.#instances.values()].flatMap((one) => (one.view.appId === appId ? one.folders : []));
  }

  /** Tells the instances of an app what they may write. */
  async holdDisk(appId: AppId, level: DiskLevel): Promise<void> {
    for (const one of this.#instances.values()) if (one.view.appId === appId) await one.holdDisk(level);
  }

  /** What the instances of an app stand on: not to be removed under them. */
  artifactsInUse(appId: AppId): { treeIds: Set<string>; layerKeys: Set<string> } {
    const ours = [...this.#instances.values()].filter(({ view }) => view.appId === appId);
    return {
      treeIds: new Set(ours.map(({ origin }) => origin.treeId)),
      layerKeys: new Set(ours.flatMap(({ origin }) => [origin.layerKey ?? [], origin.builtKey ?? []].flat())),
    };
  }

  /** Before new routes go out: what they name is drained before it is stopped, also by the next agent. */
  willRoute(routes: readonly Route[]): void {
    for (const id of upstreamsOf({ routes })) {
      const instance = this.#instances.get(id);
      if (instance !== undefined && !instance.view.wasRouted) instance.note({ wasRouted: true });
    }
  }

  /** The router has taken a snapshot: what it no longer names may end. */
  acknowledged(snapshot: RouteSnapshot): void {
    this.#drains.acknowledged(snapshot, this.views());
    this.#look();
  }

  /** Ends everything that runs. What is wanted stays on disk for the next start. */
  async stopAll(): Promise<void> {
    this.#close();
    const { stopGraceMs } = this.#parts.timings;
    const all = [...this.#instances.values()];
    await Promise.all(
      all.map(async (one) => {
        await one.end(stopGraceMs);
        await this.#leaveNothing(one);
      }),
    );
    this.#instances.clear();
    await Promise.all(this.#leaving);
  }

  /** Leaves everything running for the next agent. */
  async leave(): Promise<void> {
    this.#close();
    await Promise.all([...this.#instances.values()].map((one) => one.leave()));
    await Promise.all(this.#leaving);
  }

  #close(): void {
    this.#isClosed = true;
    clearInterval(this.#lookTimer);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** One look for however many changes of this turn. */
  #look(): void {
    if (this.#isLookDue || this.#isClosed) return;
    this.#isLookDue = true;
    queueMicrotask(() => {
      this.#isLookDue = false;
      this.#act();
    });
  }

  #act(): void {
    if (this.#isClosed || this.#desired === null) return;
    const nowMs = this.#parts.nowMs();
    const { drainMs } = this.#parts.timings;
    const views = this.#drains.timed(this.views(), nowMs);
    const actions = converge(this.#desired, views, nowMs, drainMs);
    const { now, heldBack } = admit(actions, this.#desired, views, startsAtOnce, nowMs);
    for (const action of now) this.#do(action, this.#sets);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const dueMs = Math.min(
      nextDueMs(this.#drains.timed(this.views(), nowMs), nowMs, drainMs) ?? Infinity,
      heldBack > 0 ? heldBackLookMs : Infinity,
    );
    this.#timer = dueMs === Infinity ? null : setTimeout(() => this.#act(), Math.max(shortestLookMs, dueMs));
    this.#timer?.unref();
  }

  #do(action: Action, sets: WantedSets): void {
    if (action.do === 'start') {
      const { app, set } = sets.get(action.setId)!;
      const instance = action.id === null ? this.#makeNew(app, set, action.type) : this.#instances.get(action.id);
      instance?.start(app, set);
      return;
    }
    const instance = this.#instances.get(action.id);
    if (instance === undefined) return;
    if (action.do === 'promote') instance.change({ stage: 'live' });
    else if (action.do === 'stop' && instance.view.state === 'draining') this.#drains.end(instance);
    else if (action.do === 'stop' || action.do === 'kill') instance.stop();
    else if (action.do === 'drain') this.#drains.begin(instance);
    else if (action.do === 'forget') this.#forget(instance);
  }

  #forget(instance: Instance): void {
    const { id, setId, appId } = instance.view;
    this.#instances.delete(id);
    this.#drains.forget(id);
    this.#parts.emit({ type: 'instance-gone', id, setId, appId });
    this.#parts.changed();
    const work: Promise<void> = this.#leaveNothing(instance).finally(() => this.#leaving.delete(work));
    this.#leaving.add(work);
  }

  /** Never rejects: what could not be removed keeps its record, and the next agent tries again. */
  async #leaveNothing(instance: Instance): Promise<void> {
    const { id } = instance.view;
    this.#unfinished.delete(instance);
    await instance.forget().catch((error: unknown) => {
      this.#unfinished.add(instance);
      this.#parts.warn('an instance left something behind', { id, error: String(error) });
    });
  }

  /** Resolves when nothing is left of those that were forgotten so far. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  #makeNew(app: DesiredApp, set: DesiredSet, type: string): Instance {
    const view = newView(app, set, type, this.#parts.nowMs());
    const instance = this.#make(view, originOf(set));
    this.#instances.set(view.id, instance);
    return instance;
  }

  #make(view: InstanceView, origin: InstanceOrigin): Instance {
    const { releaseLabel, treeId, layerKey, builtKey = null, image = null, limits } = origin;
    return new Instance(this.#instanceParts, view, { releaseLabel, treeId, layerKey, builtKey, image, limits });
  }
}
