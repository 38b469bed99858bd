// The queues of merge requests, one an app: whatever happens wakes the app's, which reads the whole state anew, asks the plan, and does
// what it says. A signal that is lost only delays: every queue with somebody in it looks by itself now and then. It remembers
// nothing but which gate runs; everything else is in the store, so that the next control goes on where this one ended.
import type { App } from '../../domain/app.ts';
import type { AppId, ChangeId } from '../../domain/ids.ts';
import { everyApp } from '../../store/apps.ts';
import { findChange, runningChanges } from '../../store/changes.ts';
import type { World } from '../world.ts';
import { endRequest } from './end-request.ts';
import { sweepPins } from './pins.ts';
import { type Action, plan } from './plan.ts';
import { type InHand, readState } from './read-state.ts';
import { runBatch } from './run-batch.ts';

const lookEveryMs = 30_000;
/** After a look that failed. */
const againMs = 2000;

export class MergeQueues {
  readonly #world: World;
  readonly #queues = new Map<AppId, AppQueue>();

  constructor(world: World) {
    this.#world = world;
    const timer = setInterval(() => this.wakeAll(), lookEveryMs);
    timer.unref();
    world.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** Returns at once. */
  wake(id: AppId): void {
    const queue = this.#queues.get(id) ?? new AppQueue(this.#world, id);
    this.#queues.set(id, queue);
    queue.wake();
  }

  /** Every app that has merge requests on their way. */
  wakeAll(): void {
    if (this.#world.signal.aborted) return;
    const ids = runningChanges(this.#world.database).flatMap(({ how, appId }) => (how === 'merge' ? [appId] : []));
    for (const id of new Set(ids)) this.wake(id);
  }

  /** At a start, after recovery: what waits goes on, and what held commits of requests that have ended is let go. */
  takeUp(): void {
    this.wakeAll();
    const { log, signal } = this.#world;
    const sweep = async (): Promise<void> => {
      for (const app of everyApp(this.#world.database)) {
        if (signal.aborted) return;
        await sweepPins(this.#world, app).catch((error: Error) =>
          log({ level: 'warn', message: `pins of ${app.id} stay: ${error.message}` }),
        );
      }
    };
    void sweep();
  }

  forget(id: AppId): void {
    this.#queues.delete(id);
  }
}

class AppQueue {
  readonly #world: World;
  readonly #id: AppId;
  #isAwake = false;
  #isWoken = false;
  #isWaiting = false;
  /** The app's turn and a gate's slot. */
  #turn: Disposable | null = null;
  #running: (InHand & { stop: AbortController; isStopped: boolean }) | null = null;
  #pauseUntil = 0;

  constructor(world: World, id: AppId) {
    this.#world = world;
    this.#id = id;
  }

  wake(): void {
    this.#isWoken = true;
    if (!this.#isAwake) void this.#look();
  }

  async #look(): Promise<void> {
    const { signal, log } = this.#world;
    this.#isAwake = true;
    try {
      while (this.#isWoken && !signal.aborted) {
        this.#isWoken = false;
        await this.#act();
      }
    } catch (error) {
      if (!signal.aborted) {
        log({ level: 'error', message: `the queue of ${this.#id}: ${(error as Error).message}` });
        this.#wakeIn(againMs);
      }
      this.#leave();
    } finally {
      this.#isAwake = false;
    }
  }

  async #act(): Promise<void> {
    const app = everyApp(this.#world.database).find(({ id }) => id === this.#id);
    if (!app) {
      this.#running?.stop.abort(new Error('the app was destroyed'));
      this.#leave();
      return;
    }
    const state = await readState(this.#world, app, { inHand: this.#running, mayStart: this.#turn !== null });
    const actions = plan(state);
    for (const action of actions) this.#do(app, action);
    if (actions.some((one) => one.do === 'end')) this.#isWoken = true;
    if (this.#running) return;
    if (state.queued.length === 0 || this.#turn) this.#leave();
    else this.#enter();
  }

  #do(app: App, action: Action): void {
    if (action.do === 'end') {
      const change = findChange(this.#world.database, app.id, action.id);
      if (change?.state === 'received') endRequest(this.#world, app, change, action.state, action.reason);
    } else if (action.do === 'stop') {
      this.#running!.isStopped = true;
      this.#running!.stop.abort(new Error(action.reason));
    } else this.#start(app, action.ids);
  }

  #start(app: App, ids: readonly ChangeId[]): void {
    const turn = this.#turn!;
    this.#turn = null;
    const stop = new AbortController();
    this.#running = { ids, isStopped: false, stop };
    void runBatch(this.#world, app, ids, stop.signal)
      .then(({ pauseMs }) => this.#pause(pauseMs))
      .catch((error: Error) => {
        this.#world.log({ level: 'error', message: `the gate of ${ids.join(', ')}: ${error.message}` });
        this.#pause(againMs);
      })
      .finally(() => {
        turn[Symbol.dispose]();
        this.#running = null;
        this.wake();
      });
  }

  #pause(ms: number): void {
    this.#pauseUntil = performance.now() + ms;
  }

  /** Waits for the app's turn and a gate, in the background. While the agent is away nothing is started. */
  #enter(): void {
    if (this.#isWaiting) return;
    const leftMs = this.#pauseUntil - performance.now();
    if (leftMs > 0) {
      this.#wakeIn(leftMs);
      return;
    }
    this.#isWaiting = true;
    const { signal, observations, gateSlots } = this.#world;
    const wait = async (): Promise<void> => {
      await observations.waitFor(() => (observations.isConnected ? true : null), signal);
      using held = new DisposableStack();
      held.use(await this.#world.lockOf(this.#id).take(signal));
      held.use(await gateSlots.take(signal));
      this.#turn = held.move();
    };
    void wait()
      .catch(() => {})
      .finally(() => {
        this.#isWaiting = false;
        this.wake();
      });
  }

  #leave(): void {
    this.#turn?.[Symbol.dispose]();
    this.#turn = null;
  }

  #wakeIn(ms: number): void {
    setTimeout(() => this.wake(), ms).unref();
  }
}
