// A job in a container of an image: what it finds there is the image and nothing of the machine but the job's own files, read-only. It writes
// in a root of its own that is thrown away, as whoever it likes, root too: no folder of this machine that could be written is in it, so its
// reports are asked of the engine when it has ended. A container outlives its agent: the next one takes it up (`adopt-in-image.ts`).
import { z } from 'zod';
import { fail } from '../../domain/errors.ts';
import type { NodeId } from '../../domain/ids.ts';
import type { JobSpec } from '../../domain/job.ts';
import { makeContainer, removeContainer, startContainer } from '../engine/container.ts';
import type { Engine } from '../engine/engine.ts';
import type { FirstStarts } from '../engine/first-starts.ts';
import { EngineRefusal } from '../engine/stream.ts';
import type { ToolVolumes } from '../images/tool-volumes.ts';
import { jobCaptureCaps } from '../process/capture.ts';
import { type CaptureSink, lineSplitter } from '../process/line-splitter.ts';
import { nobody } from '../process/proc.ts';
import { logFrames } from '../runtimes/docker/log-frames.ts';
import type { Contained, ContainedEnd } from './contained.ts';
import { fetchFolder } from './container-folder.ts';
import { fetchReports } from './container-reports.ts';
import {
  gateBody,
  type ImageSpecOfJob,
  imagePlaces,
  type LivePlace,
  liveBody,
  type PlacesOfImage,
} from './image-job-body.ts';
import type { ReadyNetworks } from './ready-network.ts';

export type ImageRoom = {
  engine: Engine;
  node: NodeId;
  /** @throws engine-away, bad-config */
  live(spec: ImageSpecOfJob, tmp: string): Promise<LivePlace>;
  tools: ToolVolumes;
  networks: ReadyNetworks;
  /** Left out: what is started here goes before nothing. */
  starts?: FirstStarts;
};

const waited = z.object({ StatusCode: z.number() });
const inspected = z.object({
  State: z.object({ OOMKilled: z.boolean() }),
  GraphDriver: z.object({ Data: z.object({ UpperDir: z.string().nullish() }).nullish() }).nullish(),
});
/** Whoever waits for the job's result goes on first. */
const restMs = 500;
/** The limit is the job's own; this is for an engine that does not come back. */
const longestMs = 2 ** 31 - 1;

/** @throws engine-away, EngineRefusal (no such image); bad-env */
export async function startInImage(
  spec: ImageSpecOfJob,
  room: ImageRoom,
  places: PlacesOfImage,
  sink: CaptureSink,
): Promise<Contained> {
  const { engine, networks } = room;
  const begun = await begin(spec, room, places).catch((error: unknown) => {
    if (!isWithoutProgram(error)) throw error;
    sink.line(error.message);
    return null;
  });
  if (begun === null) return neverBegan;
  const { container, joined, cache } = begun;
  const remove = async (): Promise<void> => {
    await removeWith(room, container, joined);
    if (cache !== null) await room.tools.wasUsed(cache);
    if (spec.identity === 'gate')
      setTimeout(() => networks.want(spec.appId, spec.place.tools ?? spec.place.image), restMs).unref();
  };
  const { reports, collect } = spec;
  return followed({ engine, container, reports, collect, target: places.reports, sink, remove });
}

export type FollowAsked = {
  engine: Engine;
  container: string;
  reports: readonly string[];
  /** Folders of its reports that are collected. */
  collect: JobSpec['collect'];
  /** Where they go. */
  target: string;
  sink: CaptureSink;
  /** When the job has ended. */
  remove(): Promise<void>;
};

/** A job's container from here on, which runs or has run, and all that it has said. */
export function followed({ engine, container, reports, collect = {}, target, sink, remove }: FollowAsked): Contained {
  const over = new AbortController();
  let isLeft = false;
  const said = readLog(engine, container, sink, over.signal);
  const toItsEnd = async (): Promise<ContainedEnd> => {
    const lost = { code: null, isOutOfMemory: false };
    try {
      const { body } = await engine.ask('POST', `/containers/${container}/wait`, { timeoutMs: longestMs });
      if (isLeft) return new Promise<never>(() => {});
      const code = waited.parse(body).StatusCode;
      const { data } = inspected.safeParse((await engine.ask('GET', `/containers/${container}/json`)).body);
      await said;
      const upper = data?.GraphDriver?.Data?.UpperDir ?? null;
      await fetchReports({ engine, container, upper, folder: imagePlaces.reports, names: reports, target });
      for (const folder of Object.values(collect))
        await fetchFolder({ engine, container, folder: `${imagePlaces.reports}/${folder}`, target });
      return { code, isOutOfMemory: data?.State.OOMKilled ?? false };
    } catch {
      return isLeft ? new Promise<never>(() => {}) : lost;
    } finally {
      over.abort();
      if (!isLeft) void remove().catch(() => {});
    }
  };
  return {
    process: nobody,
    ended: toItsEnd(),
    async stop() {
      await engine.ask('POST', `/containers/${container}/kill`, { fine: [404, 409] });
    },
    leave() {
      isLeft = true;
      over.abort();
    },
  };
}

/** And the network that it joined. */
export async function removeWith(
  { engine, networks }: Pick<ImageRoom, 'engine' | 'networks'>,
  container: string,
  joined: string | null,
): Promise<void> {
  try {
    await removeContainer(engine, container);
  } finally {
    if (joined !== null) await networks.giveBack(joined);
  }
}

/** The image has not what the job starts with: an end as of a shell that does not find a program, and no fault of the machine's. */
const isWithoutProgram = (error: unknown): error is EngineRefusal =>
  error instanceof EngineRefusal &&
  error.status === 400 &&
  /no such file or directory|executable file not found/.test(error.message);

const neverBegan: Contained = {
  process: { pid: 2 ** 30, startTicks: 0 },
  ended: Promise.resolve({ code: 127, isOutOfMemory: false }),
  stop: async () => {},
  leave() {},
};

/** Its container runs. @param joined whose network it is in, the job's to give back; null: its own */
async function begin(
  spec: ImageSpecOfJob,
  room: ImageRoom,
  places: PlacesOfImage,
  mayJoin = spec.identity === 'gate' && spec.network !== 'none',
): Promise<{ container: string; joined: string | null; cache: string | null }> {
  const { engine, networks } = room;
  const joined = mayJoin ? networks.take() : null;
  let container: string | null = null;
  try {
    const made = await createFor(spec, room, places, joined);
    container = made.container;
    await startContainer(engine, container);
    return { ...made, joined };
  } catch (error) {
    // Swept by their labels where they cannot be removed now.
    if (container !== null) await removeContainer(engine, container).catch(() => {});
    if (joined !== null) await networks.giveBack(joined).catch(() => {});
    // What was to be joined may have been removed by somebody.
    if (joined === null || !(error instanceof EngineRefusal) || isWithoutProgram(error)) throw error;
    return begin(spec, room, places, false);
  }
}

/** The container, and with it what it needs; `cache`: the volume that it writes. */
async function createFor(
  spec: ImageSpecOfJob,
  room: ImageRoom,
  places: PlacesOfImage,
  joined: string | null,
): Promise<{ container: string; cache: string | null }> {
  const { engine, node, tools } = room;
  if (spec.identity === 'live')
    return {
      container: await makeContainer(engine, liveBody(spec, node, await room.live(spec, places.tmp))),
      cache: null,
    };
  const network = joined === null ? (spec.network ?? 'bridge') : `container:${joined}`;
  const image = spec.place.tools;
  for (let isAgain = false; ; isAgain = true) {
    const volumes = {
      tools: image === undefined ? null : await tools.of(spec.appId, image, spec.id),
      cache: spec.place.cache ? await tools.cache(spec.appId) : null,
    };
    const container = await makeContainer(engine, gateBody(spec, node, places, network, volumes));
    const lost = [];
    for (const one of Object.values(volumes)) if (one !== null && !(await tools.isWhole(one))) lost.push(one);
    if (lost.length === 0) return { container, cache: volumes.cache };
    // Somebody removed it, and the engine has made an empty one of its name.
    await removeContainer(engine, container);
    for (const one of lost) await tools.forget(one);
    if (isAgain) throw fail('engine-away', 'The volume of the checks is removed again and again.');
  }
}

/** Resolves at the end of what was said, or of the signal. */
async function readLog(engine: Engine, container: string, sink: CaptureSink, over: AbortSignal): Promise<void> {
  const splitters = new Map<number, ReturnType<typeof lineSplitter>>();
  const take = logFrames(({ stream, bytes }) => {
    const splitter = splitters.get(stream) ?? lineSplitter(sink, jobCaptureCaps, () => performance.now());
    splitters.set(stream, splitter);
    splitter.push(bytes);
  });
  try {
    const path = `/containers/${container}/logs?follow=1&stdout=1&stderr=1&timestamps=1`;
    for await (const chunk of (await engine.bytes(path, over)) as AsyncIterable<Buffer>) take(chunk);
  } catch {
    // The engine went away, which the end of the job says too.
  }
  for (const splitter of splitters.values()) splitter.end();
}
