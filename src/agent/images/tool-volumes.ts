// What checks need beside an app that is an image: a folder of another image, in a volume that any number of jobs read. The engine copies the
// folder when the volume is empty, for a container that never starts; from then on the volume is only ever mounted read-only, so that no job leaves
// anything in it for the next. That it is whole this agent knows of its own work and nobody else's: what an earlier agent left is
// removed, and made again when it is asked for (a third of a second). One that somebody else removed is told by its labels, once a container holds it.
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { isFailure } from '../../domain/errors.ts';
import type { AppId, ImageId, JobId, NodeId } from '../../domain/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { labelFilter, labelsOf } from '../engine/labels.ts';

/** Where the tools lie in their image, and in the container of a job. */
export const toolFolder = '/lockstep/gate';

export type ToolVolumes = {
  /** The volume with the tools of this image, made when there is none. @throws engine-away, EngineRefusal (no such image) */
  of(app: AppId, image: ImageId, job: JobId): Promise<string>;
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

/** Of an app: branches that need other things take turns. */
const keptEach = 4;
/** Copying may be much, on a slow disk. */
const fillMs = 120_000;

const imageAnswer = z.object({ RootFS: z.object({ Layers: z.array(z.string()).min(1) }) });
const volumeAnswer = z.object({ Labels: z.record(z.string(), z.string()).nullish() });
const listAnswer = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });
const made = z.object({ Id: z.string() });

type Filled = {
  app: AppId;
  key: string;
  name: string;
  /** The one that was asked for last: others may have the same folder. */
  image: ImageId;
  whole: Promise<void>;
};

export function openToolVolumes({ engine, node }: { engine: Engine; node: NodeId }): ToolVolumes {
  /** Least recently used first. */
  const known = new Map<string, Filled>();
  const placeOf = (app: AppId, key: string): string => `${app} ${key}`;
  const remove = async (name: string): Promise<void> =>
    void (await engine.ask('DELETE', `/volumes/${name}`, { fine: [404, 409] }));

  const fill = async ({ app, key, name, image }: Omit<Filled, 'whole'>, job: JobId): Promise<void> => {
    await engine.ask('POST', '/volumes/create', { json: { Name: name, Labels: labelsOf({ node, app, key }) } });
    const json = {
      Image: image,
      // It never starts: the engine copies when it is made.
      Entrypoint: ['/'],
      Labels: labelsOf({ node, app, job }),
      HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'volume', Source: name, Target: toolFolder }] },
    };
    const { body } = await engine.ask('POST', '/containers/create', { json, timeoutMs: fillMs });
    await engine.ask('DELETE', `/containers/${made.parse(body).Id}?v=1`, { fine: [404], timeoutMs: fillMs });
  };

  const keyOf = async (image: ImageId): Promise<string> => {
    const { body } = await engine.ask('GET', `/images/${image}/json`);
    return createHash('sha256')
      .update(JSON.stringify(imageAnswer.parse(body).RootFS.Layers))
      .digest('hex');
  };

  const begin = (app: AppId, key: string, image: ImageId, job: JobId): Filled => {
    const name = `lockstep-${app.toLowerCase()}-${randomBytes(8).toString('hex')}`;
    const one = { app, key, name, image };
    const whole = fill(one, job);
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

  return {
    async of(app, image, job) {
      const before = [...known].find(([, one]) => one.app === app && one.image === image);
      const key = before?.[1].key ?? (await keyOf(image));
      const place = placeOf(app, key);
      const filled = known.get(place) ?? begin(app, key, image, job);
      known.delete(place);
      known.set(place, filled);
      filled.image = image;
      await filled.whole;
      return filled.name;
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
    images: (app) => [...known.values()].flatMap((one) => (one.app === app ? one.image : [])),
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
