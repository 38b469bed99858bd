// What lasts at each instance, so that one that is about to be stopped can be let go of in good order: what would go on for
// ever (a WebSocket, an event stream) is ended by us in a way that its client understands, and what is only slow goes on for
// as long as the instance does. What such an instance then leaves unanswered is said to be that (L19).
import { setTimeout as pause } from 'node:timers/promises';

/** Ends what lasts. Called at most once. */
export type Part = () => void;

export type Lasting = {
  /** The result takes it back. */
  begin(instance: string, part: Part): () => void;
  /** Ends what lasts at the instances, one after the other: those who come back at once do not come all together. */
  letGo(instances: readonly string[]): Promise<{ ended: number }>;
  /** Forgets the instances that are not in `kept` and have nothing under way. */
  retain(kept: ReadonlySet<string>, inFlightOf: (instance: string) => number): void;
  /** Ends what lasts anywhere, at once. */
  endAll(): void;
  /** It has been let go of: it will be stopped in a moment. */
  isLetGo(instance: string): boolean;
};

/** Between two ends, as long as all of them together take no more than `spreadMs`. */
const stepMs = 10;
const spreadMs = 2000;

export function createLasting(): Lasting {
  const byInstance = new Map<string, Set<Part>>();
  const gone = new Set<string>();
  return {
    begin(instance, part) {
      let parts = byInstance.get(instance);
      if (parts === undefined) {
        parts = new Set();
        byInstance.set(instance, parts);
      }
      parts.add(part);
      return () => parts.delete(part);
    },
    retain(kept, inFlightOf) {
      for (const [instance, { size }] of byInstance) if (size === 0 && !kept.has(instance)) byInstance.delete(instance);
      for (const instance of gone) if (inFlightOf(instance) === 0) gone.delete(instance);
    },
    async letGo(instances) {
      for (const instance of instances) gone.add(instance);
      const parts = instances.flatMap((instance) =>
        [...(byInstance.get(instance) ?? [])].map((part) => ({ instance, part })),
      );
      const everyMs = Math.min(stepMs, spreadMs / Math.max(1, parts.length));
      const startedAt = performance.now();
      let ended = 0;
      for (const { instance, part } of parts) {
        if (byInstance.get(instance)?.delete(part) !== true) continue;
        part();
        ended += 1;
        const aheadMs = ended * everyMs - (performance.now() - startedAt);
        if (aheadMs >= 1) await pause(aheadMs);
      }
      return { ended };
    },
    endAll() {
      const parts = [...byInstance.values()].flatMap((all) => [...all]);
      byInstance.clear();
      for (const part of parts) part();
    },
    isLetGo: (instance) => gone.has(instance),
  };
}
