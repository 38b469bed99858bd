// Instances as containers of the machine's engine. The engine makes and starts them; what they are doing is asked of the kernel wherever it
// knows (processes, memory, addresses, life), so that an engine that is busy, hung or being restarted costs no instance. An instance's containers
// are found by its id in their labels: none is ever started twice, and nobody else's is touched.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isFailure } from '../../../domain/errors.ts';
import type { AppId, ImageId, InstanceId, NodeId } from '../../../domain/ids.ts';
import type { Limits } from '../../../domain/plan.ts';
import { enter, isArmed, leave } from '../../../lib/seam.ts';
import type { Engine } from '../../engine/engine.ts';
import { EngineEvents } from '../../engine/events.ts';
import type { FirstStarts } from '../../engine/first-starts.ts';
import { labelWords } from '../../engine/labels.ts';
import { EngineRefusal } from '../../engine/stream.ts';
import { identify, isAlive, nobody } from '../../process/proc.ts';
import type { OutputSink, Runtime, StartSpec } from '../runtime.ts';
import { forgetPosition, readContainerLog } from './container-log.ts';
import { containerOfPid } from './container-place.ts';
import { type ContainerAsk, containerBody } from './container-spec.ts';
import { type Containers, containersOf } from './containers.ts';
import { type ImageFacts, imageFacts, imageLacks, isNoImage } from './image-facts.ts';
import { AppNetworks } from './networks.ts';
import { type FilterLook, lookAtFilter } from './packet-filter.ts';
import { runningContainer } from './running-container.ts';
import { startRefused } from './start-refused.ts';

export type DockerRuntimeParts = {
  engine: Engine;
  node: NodeId;
  /** What is started before an instance; left out: nothing. */
  starts?: Pick<FirstStarts, 'clear'>;
  /** Where it is kept how far each container's log was read. */
  folder: string;
  /** The engine was away and is back: what waited for it may try again. */
  onAgain(): void;
};

export type FoundInEngine = {
  containers: readonly { id: string; instance: string; image: string; isRunning: boolean }[];
  /** Apps that have one. */
  networks: readonly string[];
};

export type DockerRuntime = Runtime &
  Disposable & {
    /** @throws engine-away; bad-config with `lacks` */
    factsOf(image: ImageId): Promise<ImageFacts>;
    /** The network of the app's containers. @throws engine-away, EngineRefusal */
    networkOf(app: AppId): Promise<string>;
    /** Makes what an app's first start would wait for. @throws engine-away, EngineRefusal */
    makeReady(app: AppId): Promise<void>;
    /** Whatever of this machine's Lockstep is in the engine, by label; null: none answers. */
    found(): Promise<FoundInEngine | null>;
    /** Apps whose containers reach nothing any more; null: nobody can say. @throws engine-away, EngineRefusal */
    lookAtFilter(): Promise<FilterLook<string> | null>;
    /** Nothing of the app runs. Without an engine its network stays, and is found later. */
    removeApp(app: AppId): Promise<void>;
  };

/** An engine that does not say that it listens is asked all the same. */
const hearMs = 2000;
/** Of what ended while nobody was there, the log is read for so long at most. */
const lastWordsMs = 2000;

export function dockerRuntime({ engine, node, starts, folder, onAgain }: DockerRuntimeParts): DockerRuntime {
  const events = new EngineEvents(engine, labelWords({ node }), onAgain);
  const containers: Containers = containersOf(engine, node);
  const networks = new AppNetworks(engine, node);
  const factsOf = imageFacts(engine);
  const positionOf = (id: InstanceId) => join(folder, id);
  /** The engine's own first process is not installed with every package of it. */
  let hasInit = true;

  const create = async (asked: ContainerAsk): Promise<string> => {
    const made = await containers.create(containerBody(asked)).catch((error: unknown) => {
      throw isNoImage(error) ? imageLacks(asked.image) : error;
    });
    try {
      await containers.start(made);
      return made;
    } catch (error) {
      await containers.remove(made).catch(() => {}); // swept by its label, with the instance
      throw error;
    }
  };

  /** A network that was removed behind our back is made again, once. */
  const startOne = async (spec: StartSpec, asked: Omit<ContainerAsk, 'network'>): Promise<string> => {
    for (let isAgain = false; ; isAgain = true) {
      try {
        return await create({
          ...asked,
          isOwnInit: asked.isOwnInit || !hasInit,
          network: await networks.of(asked.app),
        });
      } catch (error) {
        if (!(error instanceof EngineRefusal)) throw error;
        const isNetworkGone = /network \S+ not found/i.test(error.message);
        const lacksInit = hasInit && /docker-init/.test(error.message);
        if (isAgain || !(isNetworkGone || lacksInit)) throw startRefused(error, spec.argv);
        if (isNetworkGone) networks.forget(asked.app);
        if (lacksInit) hasInit = false;
      }
    }
  };

  const running = (
    id: InstanceId,
    container: string,
    pid: number,
    startTicks: number,
    limits: Limits,
    sink: OutputSink,
    isFresh: boolean,
  ) =>
    runningContainer({
      ...{ events, containers, container, limits, isFresh },
      leader: { pid, startTicks },
      stopSignal: () => containers.stopSignal(container),
      readLog: (over) => readContainerLog({ engine, container, file: positionOf(id), sink, over }),
    });

  return {
    factsOf,
    async start(spec, sink) {
      const at = isArmed ? enter('runtime.start') : null;
      const { container } = spec;
      if (!container) throw new TypeError('a container is started from an image');
      await Promise.all([mkdir(folder, { recursive: true, mode: 0o700 }), events.stands(hearMs)]);
      const before = await containers.ofInstance(spec.id);
      for (const one of before) await containers.remove(one.id);
      forgetPosition(positionOf(spec.id));
      await starts?.clear();
      const { id: instance, argv, env, limits } = spec;
      const made = await startOne(spec, { ...container, node, instance, argv, env, limits });
      const pid = (await containers.look(made))?.pid ?? 0;
      // One that ended at once has none any more.
      const leader = (pid > 0 ? identify(pid) : null) ?? nobody;
      if (isArmed) leave(at);
      return running(spec.id, made, leader.pid, leader.startTicks, limits, sink, true);
    },

    async adopt(id, identity, limits, sink) {
      const at = isArmed ? enter('runtime.adopt') : null;
      void events.stands(hearMs);
      const container = isAlive(identity) ? containerOfPid(identity.pid) : null;
      if (container === null) {
        await lastWords(id, sink);
        return null;
      }
      if (isArmed) leave(at);
      return running(id, container, identity.pid, identity.startTicks, limits, sink, false);
    },

    async sweep(id) {
      for (const one of await containers.ofInstance(id)) await containers.kill(one.id);
    },

    async clean(id) {
      const at = isArmed ? enter('runtime.clean') : null;
      for (const one of await containers.ofInstance(id)) await containers.remove(one.id);
      forgetPosition(positionOf(id));
      if (isArmed) leave(at);
    },

    networkOf: (app) => networks.of(app),

    async makeReady(app) {
      await Promise.all([networks.of(app), events.stands(hearMs)]);
    },

    async found() {
      try {
        const [all, ofApps] = await Promise.all([containers.all(), networks.apps()]);
        return {
          containers: all.flatMap(({ instance, ...one }) => (instance === null ? [] : [{ ...one, instance }])),
          networks: ofApps.map(({ app }) => app),
        };
      } catch (error) {
        if (isFailure(error, 'engine-away')) return null;
        throw error;
      }
    },

    async lookAtFilter() {
      const apps = await networks.apps();
      return apps.length === 0 ? null : lookAtFilter(apps);
    },

    async removeApp(app) {
      await networks.remove(app).catch((error: unknown) => {
        if (!isFailure(error, 'engine-away')) throw error;
      });
    },

    [Symbol.dispose]: () => events[Symbol.dispose](),
  };

  /** It ended while the agent was away: what it said since is in the engine's log still. */
  async function lastWords(id: InstanceId, sink: OutputSink): Promise<void> {
    try {
      let [one] = await containers.ofInstance(id);
      // The engine tidies up for a moment before it says so.
      for (const limit = performance.now() + lastWordsMs; one?.isRunning && performance.now() < limit; ) {
        await pause(50);
        [one] = await containers.ofInstance(id);
      }
      if (one === undefined || one.isRunning) return;
      const over = Promise.resolve();
      const log = readContainerLog({ engine, container: one.id, file: positionOf(id), sink, over });
      await Promise.race([log.ended, pause(lastWordsMs, undefined, { ref: false })]);
      log.stop();
    } catch (error) {
      if (!isFailure(error, 'engine-away') && !(error instanceof EngineRefusal)) throw error;
    }
  }
}
