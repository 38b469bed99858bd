// Keeps the agent's desired state equal to what the store says, plus the candidates that are being proved. One document at a
// time goes out; whoever asks while one is on its way shares the next.

import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../domain/agent.ts';
import type { App } from '../domain/app.ts';
import { agentProtocol, type DesiredApp, type DesiredState } from '../domain/desired.ts';
import { isFailure } from '../domain/errors.ts';
import type { AppId, InstanceSetId, NodeId } from '../domain/ids.ts';
import type { Hostname } from '../domain/names.ts';
import { composeApp, composeSet, type Runnable } from '../release/compose.ts';
import { configOf } from '../store/app-config.ts';
import { everyApp } from '../store/apps.ts';
import { findArtifact, liveRelease } from '../store/releases.ts';

export type DesiredOptions = {
  database: DatabaseSync;
  agent: Pick<Agent, 'putDesired' | 'alive' | 'hello'>;
  platformHosts: readonly Hostname[];
  /** The host of an app's documentation, routed to control as well; null: there is none. */
  docsHostOf: ((app: Pick<DesiredApp, 'name'>) => Hostname) | null;
  publicPort: number | null;
  log: (line: Record<string, unknown>) => void;
};

export class DesiredPublisher {
  readonly #options: DesiredOptions;
  readonly #apps = new Map<AppId, DesiredApp>();
  readonly #candidates = new Map<AppId, Map<InstanceSetId, Runnable>>();
  /** Past the commit point, and not yet written as live in the store. */
  readonly #going = new Map<AppId, Runnable>();
  #version = 0;
  /** The platform's, and those of the apps' documentation; null: an app has come, gone, or got another name. */
  #hosts: readonly Hostname[] | null = null;
  /** What was asked of the document, and how much of it the agent has: equal when nothing is on its way. */
  #asked = 1;
  #taken = 0;
  /** The agent says which machine it is. */
  #nodeId: NodeId | null = null;
  #queued: Promise<void> | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: DesiredOptions) {
    this.#options = options;
    for (const app of everyApp(options.database)) this.#note(app);
  }

  /** The version that the agent must have applied to be up to date. */
  get version(): number {
    return this.#version;
  }

  /** The agent has what was asked last; false until this process has sent its first document. */
  get isTaken(): boolean {
    return this.#taken === this.#asked;
  }

  startCandidate(app: App, runnable: Runnable): Promise<void> {
    const sets = this.#candidates.get(app.id) ?? new Map<InstanceSetId, Runnable>();
    this.#candidates.set(app.id, sets.set(runnable.release.setId, runnable));
    return this.publish(app);
  }

  dropCandidate(app: App, setId: InstanceSetId): Promise<void> {
    if (!this.#candidates.get(app.id)?.delete(setId)) return Promise.resolve();
    return this.publish(app);
  }

  /**
   * Routes the app to this set and keeps at it until the router serves it: main has moved, there is no way back.
   * The set that was live leaves the document, and is drained.
   */
  async switchTo(app: App, runnable: Runnable, signal: AbortSignal): Promise<void> {
    this.#candidates.get(app.id)?.delete(runnable.release.setId);
    this.#going.set(app.id, runnable);
    await this.publishUntilDone(app, signal);
  }

  /** The store says now what `switchTo` said. */
  settled(app: App): void {
    this.#going.delete(app.id);
    this.#note(app);
  }

  forget(id: AppId): Promise<void> {
    this.#apps.delete(id);
    this.#hosts = null;
    this.#candidates.delete(id);
    this.#going.delete(id);
    return this.publish(null);
  }

  /** Sends the present document. Rejects with `agent-away`, or `router-away` when only the router has not taken it. */
  publish(app: App | null): Promise<void> {
    if (app) this.#note(app);
    this.#asked += 1;
    this.#queued ??= this.#enqueue();
    return this.#queued;
  }

  /** Rejects with the signal's reason only: what was decided is not given up for an error. */
  async publishUntilDone(app: App | null, signal: AbortSignal): Promise<void> {
    let said = '';
    for (let pauseMs = 10; ; pauseMs = Math.min(500, pauseMs * 2)) {
      try {
        return await this.publish(app);
      } catch (error) {
        const { message } = error as Error;
        if (message !== said) this.#options.log({ level: 'warn', message: `the desired state waits: ${message}` });
        said = message;
        // Nobody announces that a dead neighbour is back, or that a full disk has room: this is the back-off.
        await sleep(pauseMs, undefined, { signal });
      }
    }
  }

  #enqueue(): Promise<void> {
    const sent = this.#tail.then(() => {
      this.#queued = null;
      return this.#send();
    });
    this.#tail = sent.catch(() => {});
    return sent;
  }

  async #send(): Promise<void> {
    const { agent } = this.#options;
    this.#nodeId ??= (await agent.hello()).nodeId;
    if (this.#version === 0) this.#version = (await agent.alive().catch(() => ({ desiredVersion: 0 }))).desiredVersion;
    try {
      await this.#put();
    } catch (error) {
      // The agent knows a later document than ours (a database restored, a control that ran twice): go past it.
      if (!isFailure(error, 'conflict')) throw error;
      this.#version = Math.max(this.#version, (await agent.alive()).desiredVersion);
      await this.#put();
    }
  }

  async #put(): Promise<void> {
    const asked = this.#asked;
    try {
      await this.#options.agent.putDesired(this.#document());
    } catch (error) {
      // Only the router lacks it then, and the agent sees to that.
      if (isFailure(error, 'router-away')) this.#taken = asked;
      throw error;
    }
    this.#taken = asked;
  }

  #document(): DesiredState {
    this.#version += 1;
    const { docsHostOf, platformHosts } = this.#options;
    const apps = [...this.#apps.values()];
    this.#hosts ??= [...platformHosts, ...(docsHostOf === null ? [] : apps.map(docsHostOf))];
    return {
      protocol: agentProtocol,
      version: this.#version,
      nodeId: this.#nodeId!,
      platformHosts: this.#hosts,
      apps,
    };
  }

  /** What the document says of the app from now on. */
  #note(app: App): void {
    const composed = this.#compose(app);
    if (this.#apps.get(app.id)?.name !== composed.name) this.#hosts = null;
    this.#apps.set(app.id, composed);
  }

  #compose(app: App): DesiredApp {
    const { publicPort } = this.#options;
    const live = this.#going.get(app.id) ?? this.liveRunnable(app);
    const candidates = [...(this.#candidates.get(app.id)?.values() ?? [])];
    return composeApp(app, live?.release.setId ?? null, [
      ...(live ? [composeSet(app, live, 'live', publicPort)] : []),
      ...candidates.map((one) => composeSet(app, one, 'candidate', publicPort)),
    ]);
  }

  /** What the store says is live; null before the first release. */
  liveRunnable(app: App): Runnable | null {
    const { database } = this.#options;
    const release = liveRelease(database, app.id);
    const artifact = release && findArtifact(database, app.id, release.artifactDigest);
    if (!release || !artifact) return null;
    const { entries } = configOf(database, app.id, release.configVersion);
    return { release, label: `v${release.version}`, artifact, config: entries };
  }
}
