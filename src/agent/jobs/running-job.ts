// One job from its start, or its adoption, to its result: the phases in order.
import { readFileSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { constants as os } from 'node:os';
import type { JobResult, JobSpec } from '../../domain/desired.ts';
import { fail } from '../../domain/errors.ts';
import type { JobId } from '../../domain/ids.ts';
import type { HomeFolders } from '../folders.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import { adoptContained, type Contained, type ContainedEnd, startContained } from './contained.ts';
import type { FifoPool } from './fifo-pool.ts';
import { identityOf, jobCommand } from './job-command.ts';
import {
  closeJobFolder,
  type JobPlaces,
  type JobRecord,
  jobPlaces,
  prepareJobFolder,
  readReports,
  storeResult,
  writeSmall,
} from './job-folder.ts';
import { type KeptOutput, keepOutput } from './kept-output.ts';
import { type LineFeed, lineFeed } from './line-feed.ts';

export type JobRoom = {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups: CgroupSupport | null;
  now: () => number;
  fifos: FifoPool;
};

type StopReason = 'deadline' | 'cancelled';

export type RunningJob = {
  id: JobId;
  feed: LineFeed;
  /** Rejects when it could not be started: then nothing of it is left. */
  result: Promise<JobResult>;
  stop(reason: StopReason): Promise<void>;
  leave(): void;
};

/** Time between SIGTERM and SIGKILL, in milliseconds. */
const graceMs: Readonly<Record<StopReason, number>> = { deadline: 5000, cancelled: 2000 };
const longestTimerMs = 2 ** 31 - 1;
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

export function startJob(spec: JobSpec, room: JobRoom): RunningJob {
  const places = jobPlaces(room.folders.job(spec.id));
  const startedAtMs = room.now();
  const record: JobRecord = { ...recordOf(spec), bootId, process: null, startedAtMs };
  return life(record, room, places, async (sink, stopping) => {
    const who = identityOf(spec, spec.identity);
    prepareJobFolder(places, spec, who);
    try {
      writeSmall(places.record, record);
      const [what] = await Promise.all([
        jobCommand({ spec, folders: room.folders, toolchains: room.toolchains, places, who, signal: stopping }),
        room.fifos.take(places.fifo, who?.uid ?? null),
      ]);
      const output = keepOutput(places.folder, spec.outputBytes, false);
      const contained = await startContained(containedSpec(record, places, room), what, sink(output));
      writeSmall(places.record, { ...record, process: contained.process } satisfies JobRecord);
      return { contained, output };
    } catch (error) {
      rmSync(places.folder, { recursive: true, force: true });
      throw error;
    }
  });
}

export function adoptJob(record: JobRecord, room: JobRoom): RunningJob {
  const places = jobPlaces(room.folders.job(record.id));
  return life(record, room, places, async (sink) => {
    const output = keepOutput(places.folder, record.outputBytes, true);
    // From before a restart of the machine, or never launched as far as we know: whatever bears its mark is swept.
    const process = record.bootId === bootId ? record.process : null;
    return { contained: adoptContained(containedSpec(record, places, room), process, sink(output)), output };
  });
}

const recordOf = ({ id, appId, kind, reports, deadlineMs, outputBytes, limits }: JobSpec) => ({
  id,
  appId,
  kind,
  reports,
  deadlineMs,
  outputBytes,
  limits,
});

const containedSpec = (record: JobRecord, places: JobPlaces, room: JobRoom) => ({
  name: record.id,
  mark: `LOCKSTEP_JOB=${record.id}`,
  fifo: places.fifo,
  exitFile: places.exitFile,
  limits: record.limits,
  cgroups: room.cgroups,
});

type Sink = (output: KeptOutput) => { line(text: string): void; dropped(bytes: number): void };
type Begin = (sink: Sink, stopping: AbortSignal) => Promise<{ contained: Contained; output: KeptOutput }>;

function life(record: JobRecord, room: JobRoom, places: JobPlaces, begin: Begin): RunningJob {
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
    const { contained, output } = await begun;
    const begunAt = performance.now() - Math.max(0, room.now() - record.startedAtMs);
    const leftMs = record.deadlineMs - (performance.now() - begunAt);
    timer = setTimeout(() => void stop('deadline').catch(() => {}), Math.min(Math.max(0, leftMs), longestTimerMs));
    if (why !== null) void contained.stop(graceMs[why]).catch(() => {});
    const end = await contained.ended;
    clearTimeout(timer);
    closeJobFolder(places);
    const result: JobResult = {
      id: record.id,
      ...judge(end, why),
      outputTail: output.tail(),
      outputBytes: output.bytes(),
      reports: readReports(places, record.reports),
      startedAtMs: record.startedAtMs,
      durationMs: Math.round((endedAt(places) ?? room.now()) - record.startedAtMs),
    };
    output.close();
    storeResult(places, result);
    for (const path of [places.home, places.tmp]) void rm(path, { recursive: true, force: true }).catch(() => {});
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
    id: record.id,
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

/** When the launcher wrote the exit file: true also for a job that ended while no agent was there. */
function endedAt(places: JobPlaces): number | null {
  return statSync(places.exitFile, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

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
