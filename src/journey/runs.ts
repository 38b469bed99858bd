// `run`: a command of the owner's with the live release's code, config, volumes and identity. What it says is kept, so that
// whoever follows sees it from the beginning; a run whose follower has gone goes on to its deadline.
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { AppId, JobId } from '../domain/ids.ts';
import type { JobEvent, JobResult } from '../domain/job.ts';
import { liveJob } from './release-command.ts';
import { nowMs, type World } from './world.ts';

const deadlineMs = 60 * 60_000;
/** Of one run: what a follower who comes late sees. */
const keptLines = 50_000;
const keptBytes = 8 * 1024 * 1024;
/** Of one app at once. */
const mostRunning = 10;
const keptRuns = 30;

type Run = { appId: AppId; events: JobEvent[]; isEnded: boolean; stop: AbortController; wake: Set<() => void> };

export class Runs {
  readonly #world: World;
  readonly #runs = new Map<JobId, Run>();

  constructor(world: World) {
    this.#world = world;
  }

  /** @throws no-release, busy */
  start(app: App, argv: readonly string[]): { id: JobId } {
    const runnable = this.#world.desired.liveRunnable(app);
    if (!runnable) throw fail('no-release', `${app.name} has no release yet`, { advice: 'Push main first.' });
    if ([...this.#runs.values()].filter((one) => one.appId === app.id && !one.isEnded).length >= mostRunning) {
      throw fail('busy', `${app.name} runs ${mostRunning} commands already`, {
        advice: 'Wait for one of them, or cancel it.',
      });
    }
    const spec = liveJob({ app, runnable }, 'run', { argv }, deadlineMs);
    const run: Run = { appId: app.id, events: [], isEnded: false, stop: new AbortController(), wake: new Set() };
    this.#runs.set(spec.id, run);
    for (const [id, old] of this.#runs) {
      if (this.#runs.size <= keptRuns) break;
      if (old.isEnded) this.#runs.delete(id);
    }
    let bytes = 0;
    let isCut = false;
    const add = (event: JobEvent): void => {
      const isFull = run.events.length >= keptLines || bytes > keptBytes;
      bytes += 'line' in event ? event.line.length : 0;
      if (!isFull || 'result' in event) run.events.push(event);
      else if (!isCut)
        run.events.push({ line: 'lockstep: the rest of the output is not kept; write it to a file in a volume' });
      isCut ||= isFull;
      if ('result' in event) run.isEnded = true;
      for (const wake of run.wake) wake();
    };
    const signal = AbortSignal.any([run.stop.signal, this.#world.signal]);
    this.#world.agent.runJob(spec, { signal, onLine: (line) => add({ line }) }).then(
      (result) => add({ result }),
      (error: Error) => add({ result: lostResult(spec.id, error.message) }),
    );
    return { id: spec.id };
  }

  /** @throws not-found */
  async *follow(app: App, id: JobId, signal: AbortSignal): AsyncGenerator<JobEvent> {
    const run = this.#find(app, id);
    for (let at = 0; !signal.aborted; ) {
      const event = run.events[at];
      if (event) {
        at += 1;
        yield event;
        if ('result' in event) return;
        continue;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          run.wake.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        run.wake.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  cancel(app: App, id: JobId): void {
    this.#find(app, id).stop.abort();
  }

  #find(app: App, id: JobId): Run {
    const run = this.#runs.get(id);
    if (run?.appId !== app.id)
      throw fail('not-found', 'there is no such run', { advice: 'Runs are kept for a while only.' });
    return run;
  }
}

function lostResult(id: JobId, why: string): JobResult {
  return {
    id,
    exitCode: null,
    signal: null,
    endedBy: 'lost',
    outputTail: [why],
    outputBytes: 0,
    reports: {},
    startedAtMs: nowMs(),
    durationMs: 0,
  };
}
