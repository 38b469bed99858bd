// What an instance hears of its run, handed on: health to who judges it, what it runs into to who counts it, the end to the instance, which
// decides what becomes of it. A run that cannot be watched any more is over, unless its end has been told.
import type { InstanceView } from '../desired/converge.ts';
import { messageOf } from './exit-reason.ts';
import type { InstanceHealth } from './instance-health.ts';
import type { InstanceOrigin, InstanceParts } from './instance-parts.ts';
import type { RunParts } from './instance-run.ts';
import type { InstanceTrouble } from './instance-trouble.ts';

export type RunHearing = {
  parts: Pick<InstanceParts, 'timings' | 'nowMs' | 'warn'>;
  view: InstanceView;
  limits: InstanceOrigin['limits'];
  address(): string;
  outputTail(): string[];
  health: InstanceHealth;
  trouble: InstanceTrouble;
  /** What is told of it has changed. */
  changed(): void;
  /** Nothing of this run is left. */
  over(reason: string, notes: string[], isOutOfMemory: boolean): void;
};

const ended = ['stopping', 'stopped', 'failed', 'backing-off'];

export function hearRun(hearing: RunHearing): RunParts {
  const { parts, view, limits, address, outputTail, health, trouble, changed, over } = hearing;
  const { timings, nowMs } = parts;
  return {
    ...{ timings, nowMs, view, memoryBytes: limits.memoryBytes, address, outputTail },
    healthy: (found) => health.answered(found),
    health: (status, why) => health.changed(status, why),
    memoryKill: () => trouble.memoryKill(),
    reached: (what) => trouble.reached(what),
    flapping(failed) {
      trouble.flapping(failed);
      changed();
    },
    over({ reason, notes, isOutOfMemory, status }) {
      if (status !== undefined) view.healthStatus = status;
      over(reason, notes, isOutOfMemory);
    },
    failed(error) {
      parts.warn('an instance could not be watched', { id: view.id, error: messageOf(error) });
      if (!ended.includes(view.state)) over(`could not be watched: ${messageOf(error)}`, [], false);
    },
  };
}
