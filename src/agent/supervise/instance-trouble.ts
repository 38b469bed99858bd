// What an instance runs into while it lives, in the words that people read in its log, the app's events and its status. What
// goes on and on is told at once and then rarely; crashes are remembered for an hour, across restarts of the agent.
import type { Incident } from '../../domain/observed.ts';
import type { Limits } from '../../domain/plan.ts';
import { megabytes } from '../../lib/megabytes.ts';
import { ToldRarely } from '../../lib/told-rarely.ts';
import { crashLoops, type InstanceView, recentCrashes, withCrash } from '../desired/converge.ts';
import { openFilesLimit } from '../process/limit-means.ts';
import type { Reached } from '../process/reached.ts';

/** Less than this dropped is a busy moment, not a flood. */
const floodBytes = 1024 * 1024;

const words: Readonly<Record<Reached, (limits: Limits) => string>> = {
  processes: ({ pids }) => `process limit reached (${pids})`,
  'open-files': () => `open files limit reached (${openFilesLimit})`,
};

export type TroubleParts = {
  limits: Limits;
  view: InstanceView;
  nowMs(): number;
  tell(what: Incident, reason: string): void;
};

export class InstanceTrouble {
  readonly #parts: TroubleParts;
  readonly #rarely = new ToldRarely();
  #droppedBytes = 0;
  #flaps: string | null = null;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  reached(what: readonly Reached[]): void {
    for (const each of what) this.#tellRarely(each, 'limit-reached', () => words[each](this.#parts.limits));
  }

  /** The kernel ended one of its processes; the rest goes on. */
  memoryKill(): void {
    const reason = `out of memory (limit ${megabytes(this.#parts.limits.memoryBytes)}): one of its processes was ended`;
    this.#tellRarely('memory', 'out-of-memory', () => reason);
  }

  /** So much of its output was dropped since the last call. */
  dropped(bytes: number): void {
    this.#droppedBytes += bytes;
    if (this.#droppedBytes < floodBytes) return;
    this.#tellRarely('flood', 'limit-reached', () => {
      const reason = `log flood: ${megabytes(this.#droppedBytes)} dropped`;
      this.#droppedBytes = 0;
      return reason;
    });
  }

  /** null: its probes are answered well again. */
  flapping(failed: { count: number; of: number } | null): void {
    this.#flaps = failed === null ? null : `its health flaps: ${failed.count} of the last ${failed.of} probes failed`;
    if (this.#flaps !== null) this.#tellRarely('flapping', 'flapping', () => this.#flaps!);
  }

  /** It ended and nobody had asked it to. What its view remembers of that. */
  crashed(): Pick<InstanceView, 'crashedAtMs'> {
    const { view, nowMs } = this.#parts;
    const crashedAtMs = withCrash(view.crashedAtMs ?? [], nowMs());
    if (
      crashLoops.some((count) => count === crashedAtMs.length) &&
      crashedAtMs.length > (view.crashedAtMs?.length ?? 0)
    )
      this.#parts.tell(
        'crash-loop',
        `crashed ${crashedAtMs.length} times within an hour; it is started again with back-off`,
      );
    return { crashedAtMs };
  }

  /** For its status, one line each. */
  notes(): string[] {
    const { view, nowMs } = this.#parts;
    const crashes = recentCrashes(view.crashedAtMs ?? [], nowMs()).length;
    const loop = crashes >= crashLoops[0] ? [`crashed ${crashes} times in the last hour`] : [];
    return [...loop, ...(this.#flaps === null ? [] : [this.#flaps])];
  }

  #tellRarely(key: string, what: Incident, reason: () => string): void {
    if (this.#rarely.isDue(key, this.#parts.nowMs())) this.#parts.tell(what, reason());
  }
}
