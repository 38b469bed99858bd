// One instance's life, from the first start over restarts to the last trace of it. Whoever holds it decides when it
// starts, drains and stops (`desired/converge.ts`); this carries it out, hears from each run (`instance-run.ts`), and tells
// each change once (`instance-state.ts`). States and what ends them: the head of `desired/converge.ts`.
import type { DesiredApp, DesiredSet } from '../../domain/desired.ts';
import { isFailure } from '../../domain/errors.ts';
import type { ObservedInstance } from '../../domain/observed.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { afterExit, type InstanceView } from '../desired/converge.ts';
import type { DiskLevel } from '../disk/disk-level.ts';
import { removeTree } from '../remove-tree.ts';
import type { OutputSink, Place, Running, Runtime } from '../runtimes/runtime.ts';
import { messageOf, startFailure } from './exit-reason.ts';
import { type IncidentTeller, incidentTeller } from './incident-teller.ts';
import { InstanceDisk } from './instance-disk.ts';
import { liveIdentityOf, makeInstanceFolders } from './instance-folders.ts';
import { InstanceHealth } from './instance-health.ts';
import { InstanceOutput } from './instance-output.ts';
import type { InstanceOrigin, InstanceParts } from './instance-parts.ts';
import type { InstanceRecord } from './instance-record.ts';
import { InstanceRun } from './instance-run.ts';
import { InstanceState } from './instance-state.ts';
import { InstanceTrouble } from './instance-trouble.ts';
import { hearRun } from './run-hearing.ts';

export class Instance {
  readonly view: InstanceView;
  readonly origin: InstanceOrigin;
  readonly #parts: InstanceParts;
  readonly #state: InstanceState;
  #run: InstanceRun | null = null;
  #launching: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;
  readonly #output: InstanceOutput;
  readonly #trouble: InstanceTrouble;
  readonly #health: InstanceHealth;
  readonly #disk: InstanceDisk;
  readonly #tell: IncidentTeller;

  constructor(parts: InstanceParts, view: InstanceView, origin: InstanceOrigin) {
    this.#parts = parts;
    this.view = view;
    this.origin = origin;
    this.#state = new InstanceState({ ...parts, notes: () => this.#trouble.notes() }, view, origin);
    const { id: instanceId, type } = view;
    this.#output = new InstanceOutput({ instanceId, type, release: origin.releaseLabel }, parts.wallMs);
    this.#tell = incidentTeller(parts, view, this.#output);
    this.#trouble = new InstanceTrouble({ limits: origin.limits, view, nowMs: parts.nowMs, tell: this.#tell });
    this.#health = new InstanceHealth(this.#state, this.#tell, () => this.#output.tail, parts.nowMs);
    this.#disk = new InstanceDisk({
      diskBytes: origin.limits.diskBytes,
      level: () => parts.diskLevel(view.appId),
      pids: () => this.pids(),
      kill: () => this.#run?.kill(),
    });
  }

  /** Where it listens. */
  get address(): string {
    return this.#state.address;
  }

  /** What it runs on, for as long as it is there. */
  get #runtime(): Runtime {
    return this.origin.image ? this.#parts.containers : this.#parts.runtime;
  }

  /** Its processes now. */
  pids(): number[] {
    return this.#run?.pids() ?? [];
  }

  /** null: on this machine's own network, or it does not run. */
  get place(): Place | null {
    return this.#run?.place ?? null;
  }

  /** Where it writes besides the app's own folders. */
  get folders(): readonly string[] {
    return this.#run?.folders ?? [];
  }

  usage(): { memoryBytes: number; cpuSeconds: number; processes: number } | null {
    return this.#run?.usage() ?? null;
  }

  observed(): ObservedInstance {
    return this.#state.observed();
  }

  /** What its processes may write from now on. */
  async holdDisk(level: DiskLevel): Promise<void> {
    if (this.#run !== null) await this.#disk.hold(level);
  }

  /** At what it runs into, and whether its record says so; called every second or so. */
  look(): void {
    this.#state.look();
    this.#run?.look();
    this.#trouble.dropped(this.#output.takeDropped());
  }

  change(patch: Partial<InstanceView>): void {
    this.#state.change(patch);
  }

  note(patch: Partial<Pick<InstanceView, 'wasRouted' | 'sinceMs'>>): void {
    this.#state.note(patch);
  }

  /** Begins a run; never rejects: a start that fails is a state. */
  start(app: DesiredApp, set: DesiredSet): void {
    const isAgain = this.view.restarts > 0;
    this.#output.clear();
    this.change({
      state: 'starting',
      startedAtMs: this.#parts.nowMs(),
      healthyAtMs: null,
      healthStatus: null,
      ...(isAgain ? {} : { reason: null, logTail: [] }),
      notes: [],
      lacks: [],
    });
    this.#state.isLaunching = true;
    this.#launching = this.#launch(app, set, isAgain)
      .catch((error: unknown) => {
        if (!isFailure(error))
          this.#parts.warn('an instance could not be started', { id: this.view.id, error: messageOf(error) });
        const { reason, notes, lacks, isWaiting } = startFailure(error);
        this.view.lacks = lacks;
        this.#over(reason, notes, false, isWaiting);
      })
      .finally(() => {
        this.#state.isLaunching = false;
      });
  }

  /**
   * Takes up what an earlier agent left. False: it had not begun to run, and is to be forgotten. Never rejects.
   * @param set null: nothing wants it any more, and only its end is watched
   */
  async adopt(record: InstanceRecord, set: DesiredSet | null): Promise<boolean> {
    try {
      return await this.#adopt(record, set);
    } catch (error) {
      // One that cannot be watched must not run; the others are taken up all the same.
      const { id } = this.view;
      this.#parts.warn('an instance could not be taken up', { id, error: messageOf(error) });
      await this.#runtime.sweep(id).catch(() => {});
      this.#over(`could not be taken up: ${messageOf(error)}`, [], false);
      return true;
    }
  }

  async #adopt(record: InstanceRecord, set: DesiredSet | null): Promise<boolean> {
    const runtime = this.#runtime;
    const { view } = this;
    this.#state.address = record.address;
    if (['backing-off', 'failed', 'stopped'].includes(view.state)) return true;
    const running =
      record.isLaunching || view.pid === null || view.startTicks === null
        ? null
        : await runtime.adopt(
            view.id,
            { pid: view.pid, startTicks: view.startTicks },
            record.limits,
            await this.#sink(),
          );
    if (running === null) {
      await runtime.sweep(view.id);
      // Between record and process nobody has heard of it.
      if (record.isLaunching && view.state === 'starting') return false;
      await this.#output.recall(await this.#parts.logOf(view.appId));
      this.#over('ended while the agent was away', [], false);
      return true;
    }
    this.#run = this.#runOf(running);
    await this.#output.recall(await this.#parts.logOf(view.appId));
    if (view.state === 'stopping') this.stop();
    else this.#run.watch(set);
    return true;
  }

  /** It was taken up when nothing was known to want it; now it is. */
  want(set: DesiredSet): void {
    this.#run?.want(set);
  }

  /** SIGTERM, grace, SIGKILL; the state is `stopped` when nothing of it is left. */
  stop(graceMs = this.#parts.timings.stopGraceMs): void {
    if (this.#stopping !== null) return;
    if (this.view.state !== 'stopping') this.change({ state: 'stopping' });
    const leftMs = Math.max(0, graceMs - (this.#parts.nowMs() - this.view.sinceMs));
    this.#stopping = (async () => {
      await this.#launching;
      await this.#run?.end(leftMs);
      this.#run = null;
      this.change({ state: 'stopped', pid: null, startTicks: null });
    })()
      .catch((error: unknown) =>
        this.#parts.warn('an instance could not be stopped', { id: this.view.id, error: messageOf(error) }),
      )
      .finally(() => {
        this.#stopping = null;
      });
  }

  /** Ends at once, whatever it was about to do. Resolves when nothing of it runs. */
  async end(graceMs: number): Promise<void> {
    if (!['stopped', 'failed', 'backing-off'].includes(this.view.state)) this.stop(graceMs);
    await this.#stopping;
  }

  /** Removes every trace, the record last. Nothing of it may run. */
  async forget(): Promise<void> {
    await this.#stopping;
    this.#state.retire();
    const { folders, records } = this.#parts;
    (await this.#parts.logOf(this.view.appId)).instanceEnded(this.view.id);
    await this.#runtime.clean(this.view.id);
    await removeTree(folders.instance(this.view.appId, this.view.id));
    await records.remove(this.view.id);
  }

  /** Looks away: it runs on for the next agent. Resolves when its record says all that the next one must know. */
  async leave(): Promise<void> {
    await this.#launching;
    this.#run?.leave();
    await this.#state.save();
  }

  async #launch(app: DesiredApp, set: DesiredSet, isAgain: boolean): Promise<void> {
    await makeInstanceFolders(this.#parts.folders, app, this.view.id);
    const { port, ...command } = await this.#parts.prepare(app, set, this.view);
    this.view.port = port;
    await this.#state.save();
    if (this.view.state !== 'starting') return;
    this.#disk.assertMayStart();
    const spec = { id: this.view.id, ...command, limits: set.limits, identity: liveIdentityOf(app) };
    const running = await this.#runtime.start(spec, await this.#sink());
    await failpoint('agent.after-launch');
    this.#run = this.#runOf(running);
    this.#state.isLaunching = false;
    await this.#disk.started();
    if (this.view.state !== 'starting') {
      Object.assign(this.view, { pid: running.pid, startTicks: running.startTicks });
      await this.#state.save();
      return;
    }
    if (isAgain) this.#tell('restarted', `start ${this.view.restarts + 1}`);
    const isWeb = this.view.type === 'web';
    this.change({
      pid: running.pid,
      startTicks: running.startTicks,
      ...(isWeb ? {} : { state: 'healthy', healthyAtMs: this.#parts.nowMs() }),
    });
    this.#run.watch(set);
  }

  #runOf(running: Running): InstanceRun {
    const { view, origin } = this;
    const heard = hearRun({
      ...{ parts: this.#parts, view, limits: origin.limits, health: this.#health, trouble: this.#trouble },
      address: () => this.#state.address,
      outputTail: () => this.#output.tail,
      changed: () => this.change({}),
      over: (reason, notes, isOutOfMemory) => this.#over(reason, notes, isOutOfMemory),
    });
    return new InstanceRun(heard, running);
  }

  /** Nothing of this run is left: what becomes of the instance. */
  #over(ownReason: string, notes: string[], isOutOfMemory: boolean, isWaiting = false): void {
    const { view } = this;
    const wasServing = view.healthyAtMs !== null;
    const next =
      view.state === 'stopping' || view.state === 'stopped'
        ? { state: 'stopped' as const, restarts: view.restarts }
        : afterExit(view, this.#parts.nowMs());
    this.#run = null;
    const reason = this.#disk.endReason() ?? ownReason;
    let crash: Partial<InstanceView> = {};
    // What waits for its files (`lacks`) or for the engine has not crashed.
    if (next.state !== 'stopped' && !view.lacks?.length && !isWaiting && (view.stage === 'live' || wasServing)) {
      this.#tell(isOutOfMemory ? 'out-of-memory' : 'crashed', reason);
      crash = this.#trouble.crashed();
    }
    this.change({ ...next, ...crash, pid: null, startTicks: null, reason, notes, logTail: this.#output.tail });
  }

  async #sink(): Promise<OutputSink> {
    return this.#output.sink(await this.#parts.logOf(this.view.appId));
  }
}
