// From "may go" to "is stopped": an instance that was routed is stopped only after the router took a snapshot without it, and either
// nothing is in flight there or the drain's time is over. Time runs from the moment the router has let go: until then the instance
// may still be asked. A router that is away is asked again after its next snapshot, or time ends the wait.
import type { InstanceId } from '../../domain/ids.ts';
import type { RouteSnapshot } from '../../domain/route.ts';
import type { InstanceView } from '../desired/converge.ts';
import type { Instance } from './instance.ts';
import type { Timings } from './instance-parts.ts';

export type DrainParts = {
  instanceOf(id: InstanceId): Instance | undefined;
  isClosed(): boolean;
  timings: Pick<Timings, 'drainMs'>;
  nowMs(): number;
  /** Resolves when the router has nothing in flight for the instance; false when the limit passed first. */
  drained(id: InstanceId, limitMs: number): Promise<boolean>;
  /** The router ends what would last for ever at the instance: WebSockets, event streams. */
  letGo(id: InstanceId): Promise<void>;
};

/** How long the end of a drained instance waits for a router that does not take the snapshot without it. */
const unacknowledgedMs = 300_000;

export class Drains {
  readonly #parts: DrainParts;
  /** Upstreams of the snapshot that the router took last; null: none yet. */
  #acknowledged: ReadonlySet<InstanceId> | null = null;
  readonly #asked = new Set<InstanceId>();
  readonly #lettingGo = new Set<InstanceId>();

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  /** The router has taken a snapshot: of `views`, what drains and is not named any more may end. */
  acknowledged(snapshot: RouteSnapshot, views: readonly InstanceView[]): void {
    this.#acknowledged = upstreamsOf(snapshot);
    for (const view of views) if (view.state === 'draining') this.#ask(view.id);
  }

  /** The views with the time of a drain beginning when the router has let go. */
  timed(views: readonly InstanceView[], nowMs: number): InstanceView[] {
    return views.map((view) => {
      const waits = view.state === 'draining' && !this.#isLetGo(view.id) && nowMs - view.sinceMs < unacknowledgedMs;
      return waits ? { ...view, sinceMs: nowMs } : view;
    });
  }

  begin(instance: Instance): void {
    instance.change({ state: 'draining' });
    this.#ask(instance.view.id);
  }

  /** The drain's time is over: who would stay for ever is told to come back, then the instance is stopped. */
  end(instance: Instance): void {
    const { id } = instance.view;
    if (this.#lettingGo.has(id)) return;
    this.#lettingGo.add(id);
    this.#parts
      .letGo(id)
      .catch(() => {}) // without a router nobody is left to be told
      .finally(() => {
        this.#lettingGo.delete(id);
        if (!this.#parts.isClosed() && instance.view.state === 'draining') instance.stop();
      });
  }

  forget(id: InstanceId): void {
    this.#asked.delete(id);
  }

  #isLetGo(id: InstanceId): boolean {
    return this.#acknowledged !== null && !this.#acknowledged.has(id);
  }

  #ask(id: InstanceId): void {
    if (this.#asked.has(id) || !this.#isLetGo(id)) return;
    this.#asked.add(id);
    // From now on the drain's time runs, in the record too.
    this.#parts.instanceOf(id)?.note({ sinceMs: this.#parts.nowMs() });
    this.#parts.drained(id, this.#parts.timings.drainMs).then(
      (isDrained) => {
        const instance = this.#parts.instanceOf(id);
        if (!this.#parts.isClosed() && isDrained && instance?.view.state === 'draining') instance.stop();
      },
      () => this.#asked.delete(id), // the router is away: asked again after its next snapshot, or time ends it
    );
  }
}

export function upstreamsOf({ routes }: Pick<RouteSnapshot, 'routes'>): Set<InstanceId> {
  const upstreams = new Set<InstanceId>();
  for (const route of routes) for (const { instanceId } of route.upstreams) upstreams.add(instanceId);
  return upstreams;
}
