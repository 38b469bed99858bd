// A network namespace that is there before the job that needs one: to make it is most of a container's start and end (measured: 180 ms of 310, and
// 95 of 135). A container that only waits holds it; one job joins, is alone in it, and both are removed when it has ended. One is kept on a machine,
// for ten minutes after the last job in an image: then, or where there is none, a job makes its own.
//
// wanted   a job has ended, or an image is being built, and there is none     -> ready, once the container runs
// ready    it waits                                                           -> taken by one job, or removed: idle, its image is to go, this agent goes
// taken    the job's                                                          -> removed with the job's container
// One that an earlier agent left is removed by its label, unless the job that joined it goes on.
import type { AppId, ImageId, JobId, NodeId } from '../../domain/ids.ts';
import { makeContainer, removeContainer, startContainer } from '../engine/container.ts';
import type { Engine } from '../engine/engine.ts';
import { labelsOf } from '../engine/labels.ts';

export type ReadyNetworks = {
  /** Containers of this image can wait: there is to be one that does. */
  want(app: AppId, image: ImageId): void;
  /** As before, of whichever image it was the last time. */
  wantAgain(): void;
  /** The container to join, to be given back when its job has ended. null: there is none ready. */
  take(): string | null;
  /** It is removed. */
  giveBack(container: string): Promise<void>;
  /** One of an earlier agent, which a job that goes on has joined; `job` is its label. */
  adopt(container: string, job: JobId): void;
  /** A container that bears this job's label is one of these. */
  owns(job: string): boolean;
  /** The app goes, or the agent (null). */
  end(app: AppId | null): Promise<void>;
};

const idleMs = 600_000;
/** The agent goes: an engine that hangs does not hold it. */
const lastMs = 2000;
const memoryBytes = 16 * 1024 ** 2;

type Ready = { app: AppId; started: Promise<string | null>; container: string | null; timer: NodeJS.Timeout };

export function openReadyNetworks(given: {
  engine: Engine;
  node: NodeId;
  newJobId: () => JobId;
  idleMs?: number;
}): ReadyNetworks {
  const { engine, node, newJobId } = given;
  let last: { app: AppId; image: ImageId } | null = null;
  let ready: Ready | null = null;
  let isOver = false;
  /** Names of those that there are, by their containers. */
  const names = new Map<string, JobId>();
  let coming: JobId | null = null;

  const remove = async (container: string): Promise<void> => {
    try {
      await removeContainer(engine, container, isOver ? lastMs : undefined);
    } finally {
      names.delete(container); // swept by its label where it could not be removed
    }
  };

  const start = async (image: ImageId): Promise<string | null> => {
    const name = newJobId();
    coming = name;
    const json = {
      Image: image,
      Entrypoint: ['/bin/sh', '-c', 'exec sleep 86400'],
      Cmd: [],
      User: '65534:65534',
      // Nobody's: the job that joins it may be another app's.
      Labels: labelsOf({ node, job: name }),
      HostConfig: {
        ...{ NetworkMode: 'bridge', RestartPolicy: { Name: 'no' }, LogConfig: { Type: 'none' } },
        ...{ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], ReadonlyRootfs: true },
        ...{ Memory: memoryBytes, MemorySwap: memoryBytes, PidsLimit: 8 },
      },
    };
    const container = await makeContainer(engine, json);
    names.set(container, name);
    try {
      await startContainer(engine, container);
      return container;
    } catch {
      // A job makes its own then; this one is swept by its label if it cannot be removed now.
      await remove(container).catch(() => {});
      return null;
    }
  };

  const end = async (one: Ready): Promise<void> => {
    if (ready === one) ready = null;
    clearTimeout(one.timer);
    const container = await one.started;
    if (container !== null) await remove(container).catch(() => {}); // swept by its label
  };

  const want = (app: AppId, image: ImageId): void => {
    last = { app, image };
    if (isOver) return;
    if (ready !== null) return void ready.timer.refresh();
    const started = start(image).catch(() => null);
    const one: Ready = {
      app,
      started,
      container: null,
      timer: setTimeout(() => void end(one), given.idleMs ?? idleMs).unref(),
    };
    ready = one;
    void started.then((container) => {
      one.container = container;
      if (container === null && ready === one) ready = null;
    });
  };

  return {
    want,
    wantAgain() {
      if (last !== null) want(last.app, last.image);
    },
    take() {
      const container = ready?.container ?? null;
      if (ready === null || container === null) return null;
      clearTimeout(ready.timer);
      ready = null;
      return container;
    },
    giveBack: remove,
    adopt: (container, job) => void names.set(container, job),
    owns: (job) => job === coming || [...names.values()].some((name) => name === job),
    async end(app) {
      if (app === null) isOver = true;
      if (app === null || last?.app === app) last = null;
      if (ready !== null && (app === null || ready.app === app)) await end(ready);
    },
  };
}
