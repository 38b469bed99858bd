// Dependency layers: made once under the gate identity, at the place where they stay (a venv knows its own path), then
// root's and read-only for everybody. The marker beside a layer is written last; a folder without one is no layer and is
// removed before the next try. Two requests for one key share the work.

import { join } from 'node:path';
import { fail } from '../../domain/errors.ts';
import type { AppId } from '../../domain/ids.ts';
import { type LayerEvent, type LayerSpec, layersUnder } from '../../domain/layer.ts';
import { type LineFeed, lineFeed } from '../../lib/line-feed.ts';
import type { HomeFolders } from '../folders.ts';
import { removeLeftGroups } from '../jobs/contained.ts';
import { type FifoPool, openFifoPool } from '../jobs/fifo-pool.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import { askPip, ownEnv, passedEnv, reachableCertificates, uvEnv } from '../toolchains/install-env.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import { sweepLayerWorks } from './layer-work.ts';
import { type LayerEnd, type LayerRoom, makeLayer, readLayerMarker } from './making.ts';

export type Layers = {
  /**
   * Makes the layer or finds it: lines as they come, then `done` or `failed`. When nobody has listened for a while (a
   * control that restarts comes back sooner) the work is stopped. @throws bad-request, no-interpreter, disk-full, cancelled, and what fetching a tool throws
   */
  make(spec: LayerSpec, signal: AbortSignal): AsyncIterable<LayerEvent>;
  /** It is there, and whole. */
  has(appId: AppId, key: string): boolean;
  /** Keys of the app's layers that are being made now, and of those that these stand on: not to be removed. */
  inMaking(appId: AppId): string[];
  /** How many were begun so far, of all apps. */
  begun(): number;
  /** Stops all work, or that of one app; nothing half done stays. */
  stopAll(appId?: AppId): Promise<void>;
};

type Work = { spec: LayerSpec; feed: LineFeed; end: Promise<LayerEnd>; listeners: number; stopper: AbortController };

export async function openLayers(given: {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups?: CgroupSupport | null;
  /** How long work goes on that nobody listens to, in milliseconds. */
  lingerMs?: number;
  /** Something begins to run for the app under its gate identity. */
  onMaking?: (appId: AppId) => void;
  /** A layer of the app is whole. */
  onMade?: (appId: AppId) => void;
  /** Where their pipes come from; left out: a pool of their own. */
  fifos?: FifoPool;
}): Promise<Layers> {
  const { folders, toolchains, cgroups = null, lingerMs = 10_000, onMaking = () => {}, onMade = () => {} } = given;
  await sweepLayerWorks(folders, cgroups);
  const room: LayerRoom = {
    folders,
    toolchains,
    cgroups,
    fifos: given.fifos ?? openFifoPool(join(folders.agent, 'fifos-layers')),
    indexEnv: indexEnvOnce(),
  };
  const works = new Map<string, Work>();
  let begun = 0;

  const begin = (name: string, spec: LayerSpec): Work => {
    const feed = lineFeed();
    const stopper = new AbortController();
    onMaking(spec.appId);
    const end = makeLayer(spec, room, feed, stopper.signal);
    const work = { spec, feed, end, listeners: 0, stopper };
    works.set(name, work);
    begun += 1;
    end.then(
      (ended) => {
        feed.close();
        if ('done' in ended) onMade(spec.appId);
      },
      (error: unknown) => feed.close(error),
    );
    const forget = () => works.get(name) === work && works.delete(name);
    end.then(forget, forget);
    return work;
  };

  return {
    async *make(spec, signal) {
      if (!/^[A-Za-z0-9_-]{16,100}$/.test(spec.key)) throw fail('bad-request', 'That is not the key of a layer.');
      const begunAt = performance.now();
      const name = `${spec.appId}/${spec.key}`;
      // One that was given up is waited for: two must not write into one folder.
      for (let old = works.get(name); old?.stopper.signal.aborted; old = works.get(name)) await old.end.catch(() => {});
      const there = works.has(name) ? null : readLayerMarker(folders.layer(spec.appId, spec.key));
      if (there !== null) {
        yield { done: { ...there, wasThere: true, durationMs: Math.round(performance.now() - begunAt) } };
        return;
      }
      const work = works.get(name) ?? begin(name, spec);
      work.listeners += 1;
      try {
        for await (const line of work.feed.listen(signal)) yield { line };
        if (signal.aborted) return;
        yield await work.end;
      } finally {
        work.listeners -= 1;
        if (work.listeners === 0) setTimeout(() => work.listeners === 0 && work.stopper.abort(), lingerMs).unref();
      }
    },
    has: (appId, key) => !works.has(`${appId}/${key}`) && readLayerMarker(folders.layer(appId, key)) !== null,
    inMaking: (appId) =>
      [...works.values()].flatMap(({ spec }) => (spec.appId === appId ? [spec.key, ...layersUnder(spec)] : [])),
    begun: () => begun,
    async stopAll(appId) {
      const theirs = [...works].flatMap(([name, work]) => (name.startsWith(`${appId ?? ''}`) ? [work] : []));
      for (const work of theirs) work.stopper.abort();
      await Promise.allSettled(theirs.map(({ end }) => end));
      removeLeftGroups();
    },
  };

  function indexEnvOnce(): LayerRoom['indexEnv'] {
    let asked: Promise<Readonly<Record<string, string>>> | null = null;
    const ask = async () => {
      const pipConfig = await askPip(await toolchains.platformPython(), ownEnv());
      return reachableCertificates(uvEnv(passedEnv(process.env), pipConfig), folders.toolchains);
    };
    return () => {
      asked ??= ask().catch((error: unknown) => {
        asked = null;
        throw error;
      });
      return asked;
    };
  }
}
