// A program that was started ahead of its job: it has its folder, its limits, its identity and its output as the job will have
// them, and waits for the one thing that was not known, the folder of its tree. It serves one job or none. What wakes it is the end
// of a FIFO that this agent alone holds open; what it is told lies in a file of root's by then. An agent that dies wakes it, too:
// then there is no such file and it goes, and the next agent sweeps the rest.
import { chownSync, closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { JobSpec } from '../../domain/job.ts';
import { openCgroup } from '../process/cgroup.ts';
import type { CaptureSink } from '../process/line-splitter.ts';
import { isAlive } from '../process/proc.ts';
import { removeTree } from '../remove-tree.ts';
import { adoptContained, type Contained, type ContainedLaunch, startContained } from './contained.ts';
import { commandAhead, jobIdentityOf } from './job-command.ts';
import { type JobRecord, jobPlaces, prepareJobFolder, writeFiles, writeSmall } from './job-folder.ts';
import { bootId, containedSpec, type JobRoom, recordOf } from './job-room.ts';
import { type KeptOutput, keepOutput } from './kept-output.ts';

export type Waiting = {
  contained: Contained;
  output: KeptOutput;
  /** It is alive, and what the job would launch now is what was launched, but for the folder. */
  fits(what: ContainedLaunch): boolean;
  /**
   * Its job has come: from here on it has a job's share of the processor, and what it says goes to `sink`, also what it has said. `late`:
   * the job's files that were not known. @throws bad-request for their names
   */
  begin(folder: string, late: Readonly<Record<string, string>>, sink: CaptureSink): void;
  /** Nothing of it is left. */
  end(): Promise<void>;
};

/** Lines that are kept for the job's listeners from before it came. */
const mostLines = 100;

/** @throws bad-request, not-found (its layer), bad-env, and whatever keeps it from being launched: then nothing of it is left */
export async function startWaiting(spec: JobSpec, room: JobRoom, signal: AbortSignal): Promise<Waiting> {
  const places = jobPlaces(room.folders.job(spec.id));
  const who = jobIdentityOf(spec, spec.identity);
  const { base, launched } = await commandAhead({
    ...{ spec, places, who, signal },
    ...{ folders: room.folders, toolchains: room.toolchains },
  });
  const kept = recordOf(spec);
  const uses = { ...kept.uses, treeId: null, copy: null };
  const record: JobRecord = { ...kept, uses, bootId, process: null, startedAtMs: room.now(), isAhead: true };
  const about = { ...containedSpec(record, places, room), importance: 'spare' as const };
  let pipe: number | null = null;
  const closePipe = (): void => {
    if (pipe !== null) closeSync(pipe);
    pipe = null;
  };
  prepareJobFolder(places, { ...spec, late: {} }, who);
  try {
    writeSmall(places.record, record);
    await room.fifos.take(places.fifo, who?.uid ?? null);
    await room.fifos.take(places.begin, who?.uid ?? null);
    signal.throwIfAborted();
    // Both ways, so that it can be opened before anybody reads; no child inherits it.
    pipe = openSync(places.begin, constants.O_RDWR | constants.O_NONBLOCK);
    const output = keepOutput(places.folder, spec.outputBytes, false);
    const held: string[] = [];
    let sink: CaptureSink = {
      line: (text) => void (held.length < mostLines && held.push(text)),
      dropped() {},
    };
    const contained = await startContained(about, launched, {
      line: (text) => sink.line(text),
      dropped: (bytes) => sink.dropped(bytes),
    });
    const end = async (): Promise<void> => {
      closePipe();
      await contained.stop(0);
      await contained.ended;
      output.close();
      await removeTree(places.folder);
    };
    try {
      writeSmall(places.record, { ...record, process: contained.process } satisfies JobRecord);
    } catch (error) {
      await end(); // what nobody will find again must not run
      throw error;
    }
    void contained.ended.then(closePipe);
    return {
      ...{ contained, output, end },
      fits: ({ cwd: _, ...what }) => isDeepStrictEqual({ ...what, cwd: base.cwd }, base) && isAlive(contained.process),
      begin(folder, late, theirs) {
        writeFiles(places, late, who);
        if (about.cgroups !== null) openCgroup(about.cgroups, about.name, about.limits, 'job');
        sink = theirs;
        for (const line of held.splice(0)) theirs.line(line);
        const told = `${places.begin}.json`;
        writeFileSync(told, JSON.stringify({ folder }), { mode: 0o440, flag: 'wx' });
        if (who !== null) chownSync(told, 0, who.gid);
        closePipe();
      },
    };
  } catch (error) {
    closePipe();
    await removeTree(places.folder);
    throw error;
  }
}

/** Ends what an earlier agent started ahead, and removes what it left. */
export async function sweepWaiting(record: JobRecord, room: JobRoom): Promise<void> {
  const places = jobPlaces(room.folders.job(record.id));
  const process = record.bootId === bootId ? record.process : null;
  const left = adoptContained({ ...containedSpec(record, places, room), fifo: null }, process, {
    line() {},
    dropped() {},
  });
  await left.stop(0);
  await left.ended;
  await removeTree(places.folder);
}
