// Jobs: whatever is not ours and ends by itself. A job is known by its id: asking again for the same id attaches to it, or
// gives the result that it had. It outlives its listeners and this agent.
//
// starting  its folder and record are written, tools are fetched   -> running, or it is as if it never was (an error)
// running   the record names its process                            -> ended; a new agent adopts it
// ended     result.json is there; kept for an hour, 100 and 256 MiB at most -> collected
// ahead     started before it was asked for (`spares.ts`): no job yet       -> running, or it is as if it never was
// A job whose launcher or container is gone without an exit, or that was starting when the agent died, has ended as `lost`.
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail, isFailure } from '../../domain/errors.ts';
import { type AppId, type JobId, parseId } from '../../domain/ids.ts';
import type { JobEvent, JobResult, JobSpec } from '../../domain/job.ts';
import type { HomeFolders } from '../folders.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import { removeTree } from '../remove-tree.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import type { Arrivals } from '../tree/arrivals.ts';
import { type LeftContainers, lookForLeft } from './adopt-in-image.ts';
import { type OpenedFolder, openCollected } from './collected.ts';
import { removeLeftGroups } from './contained.ts';
import { type FifoPool, openFifoPool } from './fifo-pool.ts';
import type { ImageRoom } from './in-image.ts';
import { jobBytes } from './job-bytes.ts';
import type { JobRecord } from './job-folder.ts';
import { jobPlaces, loadResult, readSmall } from './job-folder.ts';
import { isLive } from './job-room.ts';
import { leftInImages } from './left-in-images.ts';
import { adoptJob, type RunningJob, startJob } from './running-job.ts';
import { openSpares, type SpareLimits } from './spares.ts';

export type Jobs = {
  /**
   * Starts the job, or takes up the one with this id. Lines come from when the listening began; the last event is the
   * result. When the signal is aborted the listener lets go, and with a `cancelled` failure as its reason the job is
   * cancelled too.
   * @throws bad-request, not-found, bad-env, cancelled, and what fetching a tool throws: then the job never ran
   */
  run(spec: JobSpec, signal: AbortSignal): AsyncIterable<JobEvent>;
  /**
   * The programs of these jobs of an app may be started now, for when the jobs come: they are, when nothing else is done, or are not.
   * They take the place of those that waited for the app.
   */
  startAhead(specs: readonly JobSpec[]): void;
  /** Nothing that was started ahead for the app counts any more: what it stands on is about to change. */
  endAhead(appId: AppId): Promise<void>;
  /** null: no such job (any more). */
  find(id: JobId): Promise<JobResult | 'running' | null>;
  /** Resolves when nothing of it is left; one that has not come yet is refused as `cancelled` when it comes. */
  cancel(id: JobId): Promise<void>;
  /** A folder that an ended job has left. @throws not-found, conflict (it runs still), too-large */
  collected(id: JobId, name: string): Promise<OpenedFolder>;
  /** Takes up what an earlier agent left; to be called once, before anything else. */
  adopt(): Promise<void>;
  /** What the jobs of an app run on now: not to be removed. */
  inUse(appId: AppId): { jobs: number; treeIds: string[]; layerKeys: string[]; copies: string[] };
  /** How many were begun or taken up so far, of all apps. */
  begun(): number;
  /** Apps of which checks run. */
  checking(): AppId[];
  /** Ends the checks of an app: nobody waits for their results any more. How many there were. */
  endChecks(appId: AppId): Promise<number>;
  /** Folders that running jobs of an app write in. */
  folders(appId: AppId): { live: string[]; gate: string[] };
  /** Ends what has written too much: the app's checks, or what runs with its live identity. */
  endForDisk(appId: AppId, which: 'live' | 'gate'): Promise<void>;
  /** Removes what has ended, whoever may still ask for it; a job that has ended is lost then, never done twice. */
  dropEnded(): Promise<void>;
  /** Stops watching; the jobs go on, and their listeners are told `agent-away`. What waits for a job is ended. */
  close(): Promise<void>;
  /** Kills all of them, or all of one app. */
  stopAll(appId?: AppId): Promise<void>;
};

/** Jobs that were cancelled before they came, of which this is remembered: they come within a moment, or never. */
const mostRefused = 200;
const kept = { count: 100, ageMs: 3600_000, bytes: 256 * 1024 ** 2 };

export async function openJobs(given: {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups?: CgroupSupport | null;
  /** Trees on their way; null: jobs come after their trees. */
  arrivals?: Arrivals | null;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** A layer of the app is being made: something of its gate identity runs. */
  isMaking?: (appId: AppId) => boolean;
  ahead?: Partial<SpareLimits>;
  /** Where jobs in images run; left out: nowhere. */
  images?: ImageRoom | null;
  /** Where their pipes come from; left out: a pool of their own. */
  fifos?: FifoPool;
}): Promise<Jobs> {
  const { folders, toolchains, cgroups = null, arrivals = null, now = Date.now, isMaking = () => false } = given;
  mkdirSync(folders.jobs, { recursive: true, mode: 0o711 });
  for (const folder of [folders.agent, folders.jobs]) chmodSync(folder, 0o711); // apps pass, and list nothing
  const fifos = given.fifos ?? openFifoPool(join(folders.agent, 'fifos'));
  const running = new Map<JobId, RunningJob>();
  const { images = null } = given;
  const refused = new Set<JobId>();
  const room = { folders, toolchains, cgroups, now, fifos, arrivals, images };
  const placesOf = (id: JobId) => jobPlaces(folders.job(id));
  let begun = 0;
  let ended = 0;
  const isOurs = (id: JobId): boolean => running.has(id) || (images?.networks.owns(id) ?? false);
  const left = images && leftInImages(images, isOurs);
  const isWork = (job: RunningJob): boolean => !isLive(job);
  const spares = openSpares({
    ...{ room, limits: given.ahead ?? {} },
    isBusy: () => [...running.values()].some(isWork),
    isUsed: (appId) => isMaking(appId),
  });

  const track = (job: RunningJob): RunningJob => {
    running.set(job.id, job);
    begun += 1;
    const forget = () => {
      running.delete(job.id);
      ended += 1;
      if (ended % 20 === 0) void collect().catch(() => {}); // tried again twenty jobs later
    };
    job.result.then(forget, forget);
    return job;
  };

  const collect = async (most: typeof kept = kept): Promise<void> => {
    const ids = readdirSync(folders.jobs).flatMap((name) => parseId('job', name) ?? []);
    const done = ids
      .filter((id) => !running.has(id) && !spares.has(id))
      .sort()
      .reverse(); // ids sort by time: the newest first
    let bytes = 0;
    for (const [index, id] of done.entries()) {
      const age = now() - (statSync(folders.job(id), { throwIfNoEntry: false })?.mtimeMs ?? 0);
      bytes += jobBytes(folders.job(id), kept.bytes);
      if (index >= most.count || age > most.ageMs || bytes > most.bytes)
        await removeTree(folders.job(id)).catch(() => {}); // one that cannot be removed is tried again
    }
  };

  const ofApp = (appId: AppId, which: 'live' | 'gate') =>
    [...running.values()].filter((job) => job.uses.appId === appId && isLive(job) === (which === 'live'));

  const jobs: Jobs = {
    async *run(spec, signal) {
      if (parseId('job', spec.id) === null) throw fail('bad-request', 'That is not the id of a job.');
      let job = running.get(spec.id);
      if (job === undefined) {
        const isRefused = refused.delete(spec.id);
        const ahead = isRefused ? null : spares.take(spec);
        const result = ahead === null && existsSync(folders.job(spec.id)) ? loadResult(placesOf(spec.id)) : null;
        if (result !== null) {
          yield { result };
          return;
        }
        if (isRefused) throw fail('cancelled', 'The job was cancelled before it came.');
        job = track(startJob(spec, room, ahead));
        const look = (): void => left?.sweep('later');
        if ('image' in spec.place) job.result.then(look, look);
      }
      const theirs = job;
      const stop = () => {
        if (isFailure(signal.reason, 'cancelled')) void theirs.stop('cancelled').catch(() => {});
      };
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        for await (const line of job.feed.listen(signal)) yield { line };
        if (!signal.aborted || isFailure(signal.reason, 'cancelled')) yield { result: await job.result };
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    startAhead: (specs) => spares.want(specs),
    endAhead: (appId) => spares.endAll(appId),
    async find(id) {
      if (parseId('job', id) === null) return null;
      return running.has(id) ? 'running' : loadResult(placesOf(id));
    },
    async cancel(id) {
      if (!running.has(id) && parseId('job', id) !== null) refused.add(id);
      for (const oldest of [...refused].slice(0, -mostRefused)) refused.delete(oldest);
      await Promise.all([running.get(id)?.stop('cancelled'), spares.end(id)]);
    },
    async collected(id, name) {
      if (running.has(id)) throw fail('conflict', 'The job runs still.');
      const record = parseId('job', id) === null ? null : readSmall<JobRecord>(placesOf(id).record);
      const folder = Object.entries(record?.collect ?? {}).find(([one]) => one === name)?.[1];
      if (folder === undefined || !existsSync(placesOf(id).result))
        throw fail('not-found', 'No job (any more) has left such a folder.');
      return openCollected(join(placesOf(id).reports, folder));
    },
    async adopt() {
      const found: JobRecord[] = [];
      for (const name of readdirSync(folders.jobs)) {
        const id = parseId('job', name);
        if (id === null || running.has(id) || existsSync(placesOf(id).result)) continue;
        const record = readSmall<JobRecord>(placesOf(id).record);
        if (record === null) await removeTree(folders.job(id));
        else if (record.isAhead) spares.sweep(record);
        else found.push(record);
      }
      const inImages = found.flatMap(({ id, isInImage }) => (isInImage ? id : []));
      const looked: Promise<LeftContainers> = images ? lookForLeft(images, inImages) : Promise.resolve(new Map());
      for (const record of found) {
        const job = track(adoptJob(record, room, looked));
        // What could not be removed before it was said to be lost.
        if (record.isInImage)
          job.result.then(
            () => left?.sweep('now'),
            () => {},
          );
      }
      await collect();
      // Only then it is known whose networks there are.
      void looked.catch(() => {}).then(() => left?.sweep('now'));
      // One that a container of theirs holds goes with a later collection.
      void images?.tools.sweep().catch(() => {});
    },
    inUse(appId) {
      const uses = [...running.values()].flatMap((job) => (job.uses.appId === appId ? [job.uses] : []));
      const named = (what: 'treeId' | 'layerKey' | 'builtKey' | 'copy') => uses.flatMap((one) => one[what] ?? []);
      return {
        jobs: uses.length,
        treeIds: named('treeId'),
        layerKeys: [...named('layerKey'), ...named('builtKey'), ...spares.layerKeys(appId)],
        copies: named('copy'),
      };
    },
    begun: () => begun,
    checking: () => [
      ...new Set([...running.values()].flatMap(({ kind, uses }) => (kind === 'check' ? uses.appId : []))),
    ],
    async endChecks(appId) {
      const theirs = [...running.values()].filter(({ uses, kind }) => uses.appId === appId && kind === 'check');
      await Promise.allSettled(theirs.map((job) => job.stop('cancelled')));
      await Promise.allSettled(theirs.map((job) => job.result));
      return theirs.length;
    },
    dropEnded: () => collect({ count: 0, ageMs: 0, bytes: 0 }),
    async close() {
      left?.close();
      const ended = spares.endAll();
      for (const job of running.values()) job.leave();
      running.clear();
      await ended;
      removeLeftGroups();
    },
    folders(appId) {
      const places = (which: 'live' | 'gate') => ofApp(appId, which).map(({ id }) => folders.job(id));
      return { live: places('live'), gate: places('gate') };
    },
    async endForDisk(appId, which) {
      await Promise.allSettled(ofApp(appId, which).map((job) => job.stop('disk-limit')));
    },
    async stopAll(appId) {
      const theirs = [...running.values()].filter(({ uses }) => appId === undefined || uses.appId === appId);
      await Promise.allSettled([...theirs.map((job) => job.stop('cancelled')), spares.endAll(appId)]);
      removeLeftGroups();
    },
  };
  return jobs;
}
