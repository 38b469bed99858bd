// One job from its start, or its adoption, to its result: the phases in order.
import { existsSync, statSync } from 'node:fs';
import { constants as os, uptime } from 'node:os';
import { fail } from '../../domain/errors.ts';
import type { JobId } from '../../domain/ids.ts';
import type { JobResult, JobSpec } from '../../domain/job.ts';
import { type LineFeed, lineFeed } from '../../lib/line-feed.ts';
import { enter, isArmed, leave } from '../../lib/seam.ts';
import type { CaptureSink } from '../process/line-splitter.ts';
import { isAlive } from '../process/proc.ts';
import { removeTree } from '../remove-tree.ts';
import { adoptInImage, type LeftContainers } from './adopt-in-image.ts';
import { adoptContained, type Contained, type ContainedEnd, startContained } from './contained.ts';
import { copyTests, testsIn, treeToRead } from './copy-tests.ts';
import type { ImageSpecOfJob } from './image-job-body.ts';
import { type ImageRoom, startInImage } from './in-image.ts';
import { jobCommand, jobIdentityOf } from './job-command.ts';
import {
  closeJobFolder,
  type JobPlaces,
  type JobRecord,
  type JobUses,
  jobPlaces,
  prepareJobFolder,
  readReports,
  storeResult,
  strayReports,
  writeSmall,
} from './job-folder.ts';
import { bootId, containedSpec, type JobRoom, recordOf } from './job-room.ts';
import { type KeptOutput, keepOutput } from './kept-output.ts';
import type { Waiting } from './waiting-job.ts';

type StopReason = 'deadline' | 'cancelled' | 'disk-limit';

export type RunningJob = {
  id: JobId;
  kind: JobSpec['kind'];
  uses: JobUses;
  feed: LineFeed;
  /** Rejects when it could not be started: then nothing of it is left. */
  result: Promise<JobResult>;
  stop(reason: StopReason): Promise<void>;
  leave(): void;
};

/** Time between SIGTERM and SIGKILL, in milliseconds. */
const graceMs: Readonly<Record<StopReason, number>> = { deadline: 5000, cancelled: 2000, 'disk-limit': 0 };
const tidyAfterMs = 1000;
const longestTimerMs = 2 ** 31 - 1;

/** @param ahead whoever waits for this job, or null once nothing of it is in the way; left out: nobody ever did */
export function startJob(spec: JobSpec, room: JobRoom, ahead: Promise<Waiting | null> | null = null): RunningJob {
  const places = jobPlaces(room.folders.job(spec.id));
  const { place } = spec;
  if ('image' in place) return startJobInImage({ ...spec, place }, room, places);
  return life(recordOf(spec), room, places, async (sink, stopping) => {
    const who = jobIdentityOf(spec, spec.identity);
    let waiting = ahead && (await ahead);
    if (waiting === null && existsSync(places.folder)) throw fail('conflict', 'A job of this id was there before.');
    const starting: JobRecord = { ...recordOf(spec), bootId, process: null, startedAtMs: room.now() };
    const prepare = async (): Promise<void> => {
      prepareJobFolder(places, spec, who);
      writeSmall(places.record, starting);
      await room.fifos.take(places.fifo, who?.uid ?? null);
    };
    try {
      const prepared = waiting === null ? prepare() : null;
      const [what] = await Promise.all([
        jobCommand({
          ...{ spec, places, who, signal: stopping },
          ...{ folders: room.folders, toolchains: room.toolchains, arrivals: room.arrivals },
        }),
        prepared,
      ]);
      if (waiting !== null && !waiting.fits(what)) {
        await waiting.end();
        waiting = null;
        await prepare();
      }
      const output = waiting?.output ?? keepOutput(places.folder, spec.outputBytes, false);
      const startedAt = performance.now();
      const record: JobRecord = {
        ...starting,
        startedAtMs: room.now(),
        ...(waiting && { begunUpMs: uptime() * 1000 }),
      };
      const at = isArmed ? enter('job.start', spec.kind) : null;
      const contained =
        waiting?.contained ?? (await startContained(containedSpec(record, places, room), what, sink(output)));
      try {
        writeSmall(places.record, { ...record, process: contained.process } satisfies JobRecord);
        waiting?.begin(what.cwd, spec.late ?? {}, sink(output));
      } catch (error) {
        await contained.stop(0); // what nobody will find again must not run
        throw error;
      }
      if (isArmed) leave(at);
      return { contained, output, record, startedAt };
    } catch (error) {
      await waiting?.end();
      await removeTree(places.folder);
      throw error;
    }
  });
}

function startJobInImage(spec: ImageSpecOfJob, room: JobRoom, places: JobPlaces): RunningJob {
  const begin = async (images: ImageRoom, sink: Sink, stopping: AbortSignal): Promise<Begun> => {
    if (existsSync(places.folder)) throw fail('conflict', 'A job of this id was there before.');
    const record: JobRecord = { ...recordOf(spec), bootId, process: null, startedAtMs: room.now() };
    try {
      prepareJobFolder(places, spec, jobIdentityOf(spec, spec.identity));
      writeSmall(places.record, record);
      const { tests, sources } = spec.place;
      if (tests) await copyTests(spec, tests, room.folders, places);
      const read = sources === undefined ? {} : { sources: await treeToRead(spec, sources, room.folders) };
      const node = spec.tools.includes('node') ? { node: await room.toolchains.ensure('node', stopping) } : {};
      const output = keepOutput(places.folder, spec.outputBytes, false);
      const startedAt = performance.now();
      const contained = await startInImage(spec, images, { ...places, ...read, ...node }, sink(output));
      return { contained, output, record, startedAt };
    } catch (error) {
      await removeTree(places.folder);
      throw error;
    }
  };
  return life(recordOf(spec), room, places, async (sink, stopping) => {
    const { images } = room;
    if (images === null) throw fail('engine-away', 'There is no container engine for the job.');
    const start = () => begin(images, sink, stopping);
    return images.starts?.first(start) ?? start();
  });
}

/** @param left what there is of jobs in containers */
export function adoptJob(record: JobRecord, room: JobRoom, left: Promise<LeftContainers>): RunningJob {
  const places = jobPlaces(room.folders.job(record.id));
  return life(record, room, places, async (sink) => {
    const output = keepOutput(places.folder, record.outputBytes, true);
    if (record.isInImage) {
      const rest = after(output.linesBefore, sink(output));
      const contained = await adoptInImage(record, room.images, left, places, rest);
      return { contained, output, record, startedAt: null };
    }
    // From before a restart of the machine, or never launched as far as we know: whatever bears its mark is swept.
    const process = record.bootId === bootId ? record.process : null;
    const contained = adoptContained(containedSpec(record, places, room), process, sink(output));
    return { contained, output, record, startedAt: null };
  });
}

/** Without the first lines, which are told already. */
function after(lines: number, to: CaptureSink): CaptureSink {
  let before = lines;
  return {
    line(text) {
      if (before > 0) before -= 1;
      else to.line(text);
    },
    dropped: (bytes) => to.dropped(bytes),
  };
}

type Sink = (output: KeptOutput) => CaptureSink;
type Begun = {
  contained: Contained;
  output: KeptOutput;
  record: JobRecord;
  /** By the monotonic clock; null when an earlier agent started it. */
  startedAt: number | null;
};
type Begin = (sink: Sink, stopping: AbortSignal) => Promise<Begun>;

function life(
  { id, kind, uses }: Pick<JobRecord, 'id' | 'kind' | 'uses'>,
  room: JobRoom,
  places: JobPlaces,
  begin: Begin,
): RunningJob {
  const feed = lineFeed();
  const stopping = new AbortController();
  let why: StopReason | null = null;
  let isLeft = false;
  let timer: NodeJS.Timeout | null = null;
  const sink: Sink = (output) => ({
    line(text) {
      output.add(text);
      feed.push(text);
    },
    dropped: (bytes) => output.dropped(bytes),
  });
  const begun = begin(sink, stopping.signal);

  const toItsEnd = async (): Promise<JobResult> => {
    const { contained, output, record, startedAt } = await begun;
    // Since the process's own start, by the kernel's count: the clock may have been set meanwhile.
    const ranMs = startedAt === null ? (agesMs(record) ?? room.now() - record.startedAtMs) : 0;
    const leftMs = Math.min(record.deadlineMs, record.deadlineMs - ranMs);
    timer = setTimeout(() => void stop('deadline').catch(() => {}), Math.min(Math.max(0, leftMs), longestTimerMs));
    if (why !== null) void contained.stop(graceMs[why]).catch(() => {});
    const end = await contained.ended;
    clearTimeout(timer);
    const endedAtMs =
      startedAt === null
        ? (writtenAtMs(places.exitFile) ?? room.now())
        : record.startedAtMs + performance.now() - startedAt;
    const at = isArmed ? enter('job.end', record.kind) : null;
    closeJobFolder(places);
    const result: JobResult = {
      id,
      ...judge(end, why),
      outputTail: output.tail(),
      outputBytes: output.bytes(),
      reports: readReports(places, record.reports),
      startedAtMs: record.startedAtMs,
      durationMs: Math.max(0, Math.round(endedAtMs - record.startedAtMs)),
    };
    output.close();
    try {
      storeResult(places, result);
    } catch {
      // No room: who waits gets it all the same, who asks later finds the job lost.
    }
    if (isArmed) leave(at);
    setTimeout(() => tidy(places, record), tidyAfterMs).unref();
    return result;
  };
  const stop = async (reason: StopReason): Promise<void> => {
    why ??= reason;
    stopping.abort(fail('cancelled', 'The job was cancelled.'));
    const started = await begun.catch(() => null); // its listeners are told why it did not start
    await started?.contained.stop(graceMs[reason]);
    if (started !== null) await result;
  };
  const result = toItsEnd();
  result.then(
    () => feed.close(),
    (error: unknown) => feed.close(error),
  );
  return {
    id,
    kind,
    uses,
    feed,
    result,
    stop,
    leave() {
      if (isLeft) return;
      isLeft = true;
      if (timer !== null) clearTimeout(timer);
      feed.close(fail('agent-away', 'The agent is going; the job goes on.', { advice: 'Ask again for its result.' }));
      void begun.then(({ contained }) => contained.leave()).catch(() => {});
    },
  };
}

const ticksPerSecond = 100;
/** How long it has run; null: it is gone, or was never known. */
function agesMs({ process, begunUpMs }: Pick<JobRecord, 'process' | 'begunUpMs'>): number | null {
  if (process === null || !isAlive(process)) return null;
  if (begunUpMs !== undefined) return Math.max(0, uptime() * 1000 - begunUpMs);
  return Math.max(0, (uptime() - process.startTicks / ticksPerSecond) * 1000);
}

const writtenAtMs = (file: string): number | null => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;

const signalNames = new Map(Object.entries(os.signals).map(([name, number]) => [number, name]));

function judge(
  { code, isOutOfMemory }: ContainedEnd,
  why: StopReason | null,
): Pick<JobResult, 'exitCode' | 'signal' | 'endedBy'> {
  const signal = code !== null && code > 128 ? (signalNames.get(code - 128) ?? null) : null;
  const end = { exitCode: signal === null ? code : null, signal };
  if (isOutOfMemory && code !== 0) return { ...end, endedBy: 'out-of-memory' };
  if (why !== null)
    return code === null ? { exitCode: null, signal: 'SIGKILL', endedBy: why } : { ...end, endedBy: why };
  return { ...end, endedBy: code === null ? 'lost' : 'exit' };
}

/** What it left in its own folders goes when nobody waits for the result any more; what cannot be seen now goes with the folder. */
function tidy(places: JobPlaces, record: Pick<JobRecord, 'reports'>): void {
  let stray: readonly string[] = [];
  try {
    stray = strayReports(places, record);
  } catch {
    // Out of descriptors, for example: the folder itself is removed later.
  }
  for (const path of [places.home, places.tmp, testsIn(places), ...stray]) void removeTree(path).catch(() => {});
}
