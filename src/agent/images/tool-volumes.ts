// What checks need beside an app that is an image: a folder of another image, in a volume that any number of jobs read. The engine copies the
// folder when the volume is empty, for a container that never starts; from then on the volume is only ever mounted read-only, so that no job leaves
// anything in it for the next. That it is whole this agent knows of its own work and nobody else's: what an earlier agent left is
// removed, and made again when it is asked for (a third of a second). One that somebody else removed is told by its labels, once a container holds it.
// Beside them an app has one that is written: what its type checkers remember from one run to the next, as on the machine.
import { createHash, randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { z } from 'zod';
import { isFailure } from '../../domain/errors.ts';
import type { AppId, ImageId, JobId, NodeId } from '../../domain/ids.ts';
import { diskBytes, pace } from '../disk/measure.ts';
import { makeContainer, removeContainer } from '../engine/container.ts';
import type { Engine } from '../engine/engine.ts';
import { labelFilter, labelsOf } from '../engine/labels.ts';

/** Where the tools lie in their image, and in the container of a job. */
export const toolFolder = '/lockstep/gate';

export type ToolVolumes = {
  /** The volume with the tools of this image, made when there is none. @throws engine-away, EngineRefusal (no such image) */
  of(app: AppId, image: ImageId, job: JobId): Promise<string>;
  /** The volume that checks of the app write and that stays, as `{cache}` does on the machine: empty at first. @throws engine-away */
  cache(app: AppId): Promise<string>;
  /** To be told when a job that had a cache has ended: one that has grown beyond all measure is given up. Never throws. */
  wasUsed(cache: string): Promise<void>;
  /** The volume is the one that was filled. To be asked when a container holds it, so that from then on it cannot go. @throws engine-away */
  isWhole(volume: string): Promise<boolean>;
  /** It is not: it is never given again. */
  forget(volume: string): Promise<void>;
  /** Images of the app whose tools are kept ready. */
  images(app: AppId): ImageId[];
  /** Removes the app's volumes but those that were used last, or all of them; one in use stays for the next time, all while the engine is away. */
  collect(app: AppId, keep?: number): Promise<void>;
  /** Removes what earlier agents left. */
  sweep(): Promise<void>;
};

/** Of an app: branches and parts that need other things take turns. */
const keptEach = 8;
/** Of the types of a large project. */
const mostCacheBytes = 512 * 1024 ** 2;
/** Copying may be much, on a slow disk. */
const fillMs = 120_000;

const imageAnswer = z.object({ RootFS: z.object({ Layers: z.array(z.string()).min(1) }) });
const volumeAnswer = z.object({
  Mountpoint: z.string().default(''),
  Labels: z.record(z.string(), z.string()).nullish(),
});
const listAnswer = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });
const cacheKey = 'cache';
const measureMs = 60_000;

type Filled = {
  app: AppId;
  key: string;
  name: string;
  /** The one that was asked for last: others may have the same folder; null: of none, it is a cache. */
  image: ImageId | null;
  whole: Promise<void>;
};

export function openToolVolumes({ engine, node }: { engine: Engine; node: NodeId }): ToolVolumes {
  /** Least recently used first. */
  const known = new Map<string, Filled>();
  const placeOf = (app: AppId, key: string): string => `${app} ${key}`;
  const remove = async (name: string): Promise<void> =>
    void (await engine.ask('DELETE', `/volumes/${name}`, { fine: [404, 409] }));

  const make = async ({ app, key, name }: Omit<Filled, 'whole'>): Promise<void> =>
    void (await engine.ask('POST', '/volumes/create', { json: { Name: name, Labels: labelsOf({ node, app, key }) } }));

  const fill = async (one: Omit<Filled, 'whole'>, job: JobId): Promise<void> => {
    const { app, name, image } = one;
    await make(one);
    const json = {
      Image: image,
      // It never starts: the engine copies when it is made.
      Entrypoint: ['/'],
      Labels: labelsOf({ node, app, job }),
      HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'volume', Source: name, Target: toolFolder }] },
    };
    const container = await makeContainer(engine, json, { timeoutMs: fillMs });
    await removeContainer(engine, container, fillMs);
  };

  const keyOf = async (image: ImageId): Promise<string> => {
    const { body } = await engine.ask('GET', `/images/${image}/json`);
    return createHash('sha256')
      .update(JSON.stringify(imageAnswer.parse(body).RootFS.Layers))
      .digest('hex');
  };

  /** @param job null: it is a cache */
  const begin = (app: AppId, key: string, image: ImageId | null, job: JobId | null): Filled => {
    const name = `lockstep-${app.toLowerCase()}-${randomBytes(8).toString('hex')}`;
    const one = { app, key, name, image };
    const whole = job === null ? make(one) : fill(one, job);
    const filled = { ...one, whole };
    whole.catch(() => {
      if (known.get(placeOf(app, key)) === filled) known.delete(placeOf(app, key));
      remove(name).catch(() => {}); // swept by its labels
    });
    return filled;
  };

  const volumesOf = async (owner: { app?: AppId }): Promise<string[]> => {
    const filters = encodeURIComponent(labelFilter({ node, ...owner }));
    const { body } = await engine.ask('GET', `/volumes?filters=${filters}`);
    return (listAnswer.parse(body).Volumes ?? []).map(({ Name }) => Name);
  };

  const removeAllBut = async (owner: { app?: AppId }): Promise<void> => {
    const names = await volumesOf(owner);
    const kept = new Set([...known.values()].map(({ name }) => name));
    for (const name of names.filter((one) => !kept.has(one))) await remove(name);
  };

  /** It was asked for last. */
  const used = async (filled: Filled, image: ImageId | null): Promise<string> => {
    const place = placeOf(filled.app, filled.key);
    known.delete(place);
    known.set(place, filled);
    filled.image = image;
    await filled.whole;
    return filled.name;
  };

  return {
    async of(app, image, job) {
      const before = [...known].find(([, one]) => one.app === app && one.image === image);
      const key = before?.[1].key ?? (await keyOf(image));
      return used(known.get(placeOf(app, key)) ?? begin(app, key, image, job), image);
    },
    cache: (app) => used(known.get(placeOf(app, cacheKey)) ?? begin(app, cacheKey, null, null), null),
    async wasUsed(cache) {
      try {
        const { body } = await engine.ask('GET', `/volumes/${cache}`);
        const { Mountpoint } = volumeAnswer.parse(body);
        // Where nobody may look, what it has come to is not known, and it is not kept.
        await access(Mountpoint);
        const bytes = await diskBytes([Mountpoint], pace(AbortSignal.timeout(measureMs)));
        if (bytes > mostCacheBytes) await this.forget(cache);
      } catch {
        await this.forget(cache).catch(() => {});
      }
    },
    async isWhole(volume) {
      const { status, body } = await engine.ask('GET', `/volumes/${volume}`, { fine: [404] });
      const its = [...known.values()].find(({ name }) => name === volume);
      if (status !== 200 || its === undefined) return false;
      const labels = volumeAnswer.parse(body).Labels ?? {};
      return Object.entries(labelsOf({ node, app: its.app, key: its.key })).every(
        ([name, text]) => labels[name] === text,
      );
    },
    async forget(volume) {
      for (const [place, { name }] of known) if (name === volume) known.delete(place);
      await remove(volume);
    },
    images: (app) => [...known.values()].flatMap((one) => (one.app === app ? (one.image ?? []) : [])),
    async collect(app, keep = keptEach) {
      const theirs = [...known].filter(([, one]) => one.app === app);
      if (theirs.length === 0) return;
      for (const [place] of theirs.slice(0, Math.max(0, theirs.length - keep))) known.delete(place);
      await removeAllBut({ app }).catch((error: unknown) => {
        if (!isFailure(error, 'engine-away')) throw error;
      });
    },
    sweep: () => removeAllBut({}),
  };
}
