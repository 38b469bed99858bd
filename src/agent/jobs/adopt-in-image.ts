// Jobs that an earlier agent began in containers: one that runs on, or has run to its end meanwhile, is followed from here on, in the network that it
// joined. All that it said is read again, and what was kept of it is not told twice. One that never ran, that somebody removed or killed (the
// engine does when it ends) or of which the engine says nothing is lost: it is removed first, so that it runs nowhere while it is tried again.
import { z } from 'zod';
import type { JobId } from '../../domain/ids.ts';
import { labelName, labelWords } from '../engine/labels.ts';
import type { CaptureSink } from '../process/line-splitter.ts';
import { nobody } from '../process/proc.ts';
import type { Contained } from './contained.ts';
import { followed, type ImageRoom, removeWith } from './in-image.ts';
import type { JobPlaces, JobRecord } from './job-folder.ts';
import { removeLeft } from './left-in-images.ts';

type LeftContainer = { container: string; joined: string | null };
/** By job. */
export type LeftContainers = ReadonlyMap<JobId, LeftContainer>;

const jobLabel = labelName('job');
const inspected = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()) }),
  State: z.object({ Status: z.string(), ExitCode: z.number() }),
  HostConfig: z.object({ NetworkMode: z.string() }),
});
const listed = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()) }));
/** Above are signals: who gave it one is not known. */
const mostOfItsOwn = 125;
/** Somebody removed it since it was listed. */
const gone = { fine: [404] };

/** Of these jobs those that are to be followed. The networks that they joined are theirs from now on. @throws engine-away, EngineRefusal */
export async function lookForLeft(
  { engine, node, networks }: Pick<ImageRoom, 'engine' | 'node' | 'networks'>,
  jobs: readonly JobId[],
): Promise<LeftContainers> {
  const left = new Map<JobId, LeftContainer>();
  if (jobs.length === 0) return left;
  const filters = encodeURIComponent(JSON.stringify({ label: [...labelWords({ node }), jobLabel] }));
  const all = listed.parse((await engine.ask('GET', `/containers/json?all=1&filters=${filters}`)).body);
  for (const { Id: container, Labels } of all) {
    const job = jobs.find((id) => id === Labels[jobLabel]);
    if (job === undefined) continue;
    const { data } = inspected.safeParse((await engine.ask('GET', `/containers/${container}/json`, gone)).body);
    const { Status, ExitCode } = data?.State ?? { Status: 'gone', ExitCode: 0 };
    if (Status !== 'running' && !(Status === 'exited' && ExitCode <= mostOfItsOwn)) continue;
    const joined = /^container:(.+)$/.exec(data?.HostConfig.NetworkMode ?? '')?.[1] ?? null;
    const holder = all.find(({ Id }) => Id === joined)?.Labels[jobLabel];
    if (joined !== null && holder !== undefined) networks.adopt(joined, holder as JobId);
    left.set(job, { container, joined });
  }
  return left;
}

/** It may be over by now. @param left what was found, of all jobs */
export async function adoptInImage(
  { id, reports, collect }: Pick<JobRecord, 'id' | 'reports' | 'collect'>,
  room: ImageRoom | null,
  left: Promise<LeftContainers>,
  places: Pick<JobPlaces, 'reports'>,
  sink: CaptureSink,
): Promise<Contained> {
  const found = (await left.catch(() => null))?.get(id);
  if (room === null || found === undefined) return lost(room, id);
  const { container, joined } = found;
  const remove = (): Promise<void> => removeWith(room, container, joined);
  return followed({ engine: room.engine, container, reports, collect, target: places.reports, sink, remove });
}

/** It is over for whoever waits when nothing of it runs any more, or nobody can say. */
function lost(room: ImageRoom | null, id: JobId): Contained {
  const removed = room === null ? Promise.resolve() : removeLeft(room, () => true, id).catch(() => {}); // tried again by the rounds
  return {
    process: nobody,
    ended: removed.then(() => ({ code: null, isOutOfMemory: false })),
    stop: () => removed,
    leave() {},
  };
}
