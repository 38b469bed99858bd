// What long work says, line by line, so that whoever follows it (also late) sees it from its beginning to its end. Bounded:
// the newest works are kept, and of each so many lines; what is older is answered from the store.
import type { ChangeId, ReleaseId } from '../domain/ids.ts';

export type ProgressEnd = {
  ok: boolean;
  state: string;
  reason: string | null;
  version: number | null;
  durationMs: number;
};
export type ProgressStep = { line: string } | { end: ProgressEnd };

type Work = { steps: ProgressStep[]; isEnded: boolean; wake: Set<() => void> };

const keptWorks = 200;
const keptLines = 2000;

export class ProgressBook {
  readonly #works = new Map<string, Work>();

  /** Begins the record of a work, or goes on with one that has not ended. */
  open(id: ChangeId | ReleaseId): { say(line: string): void; end(end: ProgressEnd): void } {
    const running = this.#works.get(id);
    const work: Work = running && !running.isEnded ? running : { steps: [], isEnded: false, wake: new Set() };
    this.#works.set(id, work);
    for (const oldest of this.#works.keys()) {
      if (this.#works.size <= keptWorks) break;
      this.#works.delete(oldest);
    }
    const add = (step: ProgressStep): void => {
      if (work.isEnded || work.steps.length > keptLines) return;
      work.steps.push(step);
      for (const wake of work.wake) wake();
    };
    return {
      say: (line) => add({ line }),
      end(end) {
        if (work.steps.length > keptLines) work.steps.pop();
        add({ end });
        work.isEnded = true;
      },
    };
  }

  /** null: it is not known here (any more). */
  follow(id: ChangeId | ReleaseId, signal: AbortSignal): AsyncIterable<ProgressStep> | null {
    const work = this.#works.get(id);
    return work ? stepsOf(work, signal) : null;
  }
}

async function* stepsOf(work: Work, signal: AbortSignal): AsyncGenerator<ProgressStep> {
  for (let at = 0; !signal.aborted; ) {
    const step = work.steps[at];
    if (step) {
      at += 1;
      yield step;
      if ('end' in step) return;
      continue;
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        work.wake.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      work.wake.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
