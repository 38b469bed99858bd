// The agent: what is asked of it, in one place, and how the parts answer together. It acts on documents and ids that
// control gives; it decides nothing about releases. The socket's server (`server/`) and `src/main/agent.ts` call it.
import { readdir, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AppRef, InstanceUsage } from '../domain/agent.ts';
import { agentProtocol, type DesiredState } from '../domain/desired.ts';
import { fail } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import { type AppId, parseId, type TreeId } from '../domain/ids.ts';
import type { AgentEvent, ObservedState } from '../domain/observed.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { AgentCoreParts } from './agent-parts.ts';
import { collectApp } from './collect.ts';
import { DesiredDocument, type Names } from './desired/desired-document.ts';
import { diskApps } from './disk/disk-apps.ts';
import { DiskWatch } from './disk/disk-watch.ts';
import type { HomeFolders } from './folders.ts';
import { AppLogs } from './logs/app-logs.ts';
import { removeTree } from './remove-tree.ts';
import { EventHub } from './supervise/event-hub.ts';
import { Routing } from './supervise/routing.ts';
import { Supervisor } from './supervise/supervisor.ts';
import { linkVolumes } from './supervise/volumes.ts';
import { Inspection } from './survey/inspection.ts';
import { TreeStore } from './tree/tree-store.ts';

const aliveMs = 5000;

type Taken = { version: number; routeGeneration: number };

export class AgentCore {
  readonly logs: AppLogs;
  readonly trees: TreeStore;
  /** Fresh looks at everything, and what mends what they find. */
  readonly inspection: Inspection;
  readonly #parts: AgentCoreParts;
  readonly #events = new EventHub();
  readonly #supervisor: Supervisor;
  readonly #routing: Routing;
  readonly #disk: DiskWatch;
  readonly #folders: HomeFolders;
  readonly #document: DesiredDocument;
  #desired: DesiredState | null = null;
  /** What was wrong with the document on disk when we started. */
  #alarm: string | null = null;
  /** Applies the document before the last one, unless control sends the present one first. */
  #fallBack: NodeJS.Timeout | null = null;
  #puts: Promise<unknown> = Promise.resolve();
  #areRoutesDue = false;

  private constructor(parts: AgentCoreParts) {
    this.#parts = parts;
    this.#folders = parts.folders;
    this.#document = new DesiredDocument(parts.folders.desired, parts.nodeId);
    this.logs = new AppLogs(parts.folders);
    const warn = (message: string, details: Record<string, unknown>) => parts.log('warn', message, details);
    this.#routing = new Routing({
      router: parts.router,
      willRoute: (routes) => this.#supervisor.willRoute(routes),
      acknowledged: (snapshot) => this.#supervisor.acknowledged(snapshot),
      warn,
    });
    this.#disk = new DiskWatch({
      apps: (step) =>
        diskApps(this.#desired, parts.folders, parts.jobFolders, step, (id) => this.#supervisor.foldersOf(id)),
      hold: async (appId, level) => {
        await this.#supervisor.holdDisk(appId, level);
        if (level === 'over') await parts.endForDisk(appId, 'live');
      },
      endChecks: (appId) => parts.endForDisk(appId, 'gate'),
      tell: (appId, what, reason) =>
        this.#events.emit({ type: 'incident', appId, instanceId: null, what, reason, atMs: parts.nowMs() }),
      nowMs: parts.nowMs,
      failed: (error) => warn("an app's disk could not be measured", { error: String(error) }),
      restMs: parts.diskRestMs,
    });
    this.#supervisor = new Supervisor({
      ...parts,
      prepare: parts.prepare({ portsInUse: () => this.#supervisor.portsInUse() }),
      logOf: (appId) => this.logs.of(appId),
      emit: (event) => this.#events.emit(event),
      diskLevel: (appId) => this.#disk.levelOf(appId),
      changed: () => this.#routesAreDue(),
      drained: (id, limitMs) => parts.router.drained([id], limitMs),
      letGo: async (id) => void (await parts.router.letGo([id])),
      warn,
    });
    this.trees = new TreeStore({
      ...{ folders: parts.folders, arrivals: parts.arrivals },
      linkVolumes: (app, treeId) => this.#linkVolumesOf(app, treeId),
      supplied: (appId) => this.supplied(appId),
    });
    this.inspection = new Inspection({
      engine: parts.engine,
      ...{ folders: parts.folders, runtime: parts.runtime, records: parts.records, router: parts.router },
      containers: parts.containers,
      checks: parts.checks,
      instances: () => new Set(this.#supervisor.views().map(({ id }) => id)),
      copiesInUse: (appId) => parts.inUse(appId).copies,
      desired: () => this.#desired,
      looked: (appId) => this.#supervisor.looked(appId),
      alarm: () => this.#alarm,
      routeAgain: async () => {
        this.#routing.again();
        return this.#routing.settled(parts.routerWaitMs);
      },
    });
  }

  /** Loads the last document, takes up what runs, converges, and keeps the router up to date from then on. */
  static async open(parts: AgentCoreParts): Promise<AgentCore> {
    const core = new AgentCore(parts);
    const loaded = await core.#document.load();
    if (loaded.alarm !== null) {
      core.#alarm = `The desired state was damaged when the agent started: ${loaded.alarm}`;
      parts.log('error', 'the desired state is damaged', { event: 'alarm', alarm: loaded.alarm });
    }
    const { adopted, unreadable } = await core.#supervisor.adopt(loaded.document);
    if (adopted > 0) parts.log('info', 'adopted', { instances: adopted });
    if (unreadable.length > 0) parts.log('error', 'instance records cannot be read', { files: unreadable });
    // Without a document nothing is known to be unwanted, so nothing is stopped.
    if (loaded.document !== null) core.#boot(loaded.document, loaded.isCurrent ? 0 : parts.fallBackMs);
    core.#routing.start();
    core.#disk.start();
    return core;
  }

  /**
   * Makes the document from disk what is wanted. One that is not the last that we were given would end what serves and bring
   * back what was before it: what runs is left as it is until control has sent the present one, or `afterMs` have passed.
   */
  #boot(document: DesiredState, afterMs: number): void {
    const begin = () => {
      if (this.#desired !== null) return;
      this.#desired = document;
      this.#supervisor.apply(document);
      this.#updateRoutes();
    };
    if (afterMs === 0) begin();
    else this.#fallBack = setTimeout(begin, afterMs).unref();
  }

  async hello(): Promise<AgentHello> {
    const { hello, nodeId, bootId } = this.#parts;
    return { protocol: agentProtocol, ...hello, nodeId, bootId, interpreters: await this.#parts.interpreters() };
  }

  /** @throws router-away */
  async alive(): Promise<{ desiredVersion: number; routeGeneration: number }> {
    const { generation } = await this.#parts.router.hello(aliveMs);
    if (generation < this.#routing.generation) {
      throw fail('router-away', 'The router serves older routes than it was given', {
        advice: 'It was started again, and gets the present ones in a moment.',
      });
    }
    return { desiredVersion: this.#desired?.version ?? 0, routeGeneration: this.#routing.generation };
  }

  /** @throws bad-request, conflict (older, or of another machine), disk-full, router-away (the document is kept) */
  putDesired(text: string, names: Names = { tag: null, base: null }): Promise<Taken> {
    const mine = this.#puts.catch(() => {}).then(() => this.#accept(text, names));
    this.#puts = mine.catch(() => {});
    return mine.then(async (version) => ({
      version,
      routeGeneration: await this.#routing.settled(this.#parts.routerWaitMs),
    }));
  }

  events(signal: AbortSignal): AsyncGenerator<AgentEvent, void, void> {
    return this.#events.listen(() => ({ type: 'state', state: this.#state() }), signal);
  }

  /** A tree or a layer of the app has come. */
  supplied(appId: AppId): void {
    this.#supervisor.supplied(appId);
  }

  /** The container engine was away and is back. */
  engineIsBack(): void {
    this.#supervisor.engineIsBack();
  }

  usage(appId: AppId): InstanceUsage[] {
    return this.#supervisor.usage(appId);
  }

  async collect(
    appId: AppId,
    keep: { treeIds: readonly string[]; layerKeys: readonly string[] },
  ): Promise<{ bytesFreed: number }> {
    const used = this.#supervisor.artifactsInUse(appId);
    const sets = this.#desired?.apps.find((app) => app.id === appId)?.sets ?? [];
    const layers = sets.flatMap(({ artifact }) => [artifact.layerKey ?? [], artifact.builtKey ?? []].flat());
    const busy = this.#parts.inUse(appId);
    return collectApp(this.#folders, appId, {
      treeIds: new Set([
        ...keep.treeIds,
        ...busy.treeIds,
        ...used.treeIds,
        ...sets.map(({ artifact }) => artifact.treeId),
      ]),
      layerKeys: new Set([...keep.layerKeys, ...busy.layerKeys, ...used.layerKeys, ...layers]),
      copies: new Set(busy.copies),
      instanceFolders: new Set(this.#supervisor.views().map(({ id }) => basename(this.#folders.instance(appId, id)))),
      isAtWork: busy.isAtWork,
    });
  }

  /** Ids of the images that the document names. */
  imagesWanted(appId: AppId): string[] {
    const sets = this.#desired?.apps.find((app) => app.id === appId)?.sets ?? [];
    return sets.flatMap(({ artifact }) => artifact.image?.id ?? []);
  }

  /** Drops the older pieces of every app's log that is open, or was left by an earlier agent. */
  async dropOldLogs(): Promise<void> {
    for (const name of await readdir(join(this.#folders.home, 'logs')).catch(() => [])) {
      const id = parseId('app', name);
      if (id !== null) await (await this.logs.of(id)).dropOld();
    }
  }

  /** Ends the app's jobs too. @throws conflict while the document still has the app, or an instance of it runs */
  async deleteApp(app: AppRef, isWithVolumes: boolean): Promise<void> {
    const appId = app.id;
    const isWanted = this.#desired?.apps.some((app) => app.id === appId) ?? false;
    const runs = this.#supervisor.views().some((view) => view.appId === appId);
    if (isWanted || runs) {
      throw fail('conflict', 'The app is still wanted, or something of it still runs.', {
        advice: 'Take it out of the desired state and wait until its instances are gone.',
      });
    }
    await Promise.all([this.#supervisor.left(), this.#parts.endWork(appId)]);
    const root = this.#folders.app(appId);
    const parts = isWithVolumes ? [root] : ['trees', 'layers', 'gate', 'instances'].map((name) => join(root, name));
    for (const path of [...parts, this.#folders.logs(appId)]) await removeTree(path);
    await this.#parts.removeLeavings(app);
    // Folders that hold no volume go, too.
    for (const path of [join(root, 'volumes'), root]) await rmdir(path).catch(() => {});
    this.logs.forget(appId);
  }

  /** `instances`: also ends everything that it started. */
  async stop(options: { instances: boolean }): Promise<void> {
    if (this.#fallBack !== null) clearTimeout(this.#fallBack);
    await this.#disk[Symbol.asyncDispose]();
    this.#routing.stop();
    await (options.instances ? this.#supervisor.stopAll() : this.#supervisor.leave());
    await this.logs[Symbol.asyncDispose]();
    await this.#document.settled();
  }

  async #linkVolumesOf(app: AppRef, treeId: TreeId): Promise<void> {
    const sets = this.#desired?.apps.find(({ id }) => id === app.id)?.sets ?? [];
    for (const { artifact, volumes } of sets)
      if (artifact.treeId === treeId)
        await linkVolumes(this.#folders, app, this.#folders.tree(app.id, treeId), volumes);
  }

  async #accept(text: string, names: Names): Promise<number> {
    const next = await this.#document.accept(text, this.#desired, names);
    await failpoint('agent.after-desired-saved');
    this.#desired = next;
    this.#supervisor.apply(next);
    this.#updateRoutes();
    return next.version;
  }

  /** One snapshot for however many changes of this turn. */
  #routesAreDue(): void {
    if (this.#areRoutesDue) return;
    this.#areRoutesDue = true;
    queueMicrotask(() => {
      this.#areRoutesDue = false;
      this.#updateRoutes();
    });
  }

  #updateRoutes(): void {
    if (this.#desired !== null)
      this.#routing.update(this.#desired, this.#supervisor.observed(), this.#supervisor.addresses());
  }

  #state(): ObservedState {
    return {
      protocol: agentProtocol,
      bootId: this.#parts.bootId,
      desiredVersion: this.#desired?.version ?? 0,
      routeGeneration: this.#routing.generation,
      instances: this.#supervisor.observed(),
    };
  }
}
