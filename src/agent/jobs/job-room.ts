// What jobs that run and jobs that wait share: the room they are given, what of a job is kept on disk, and how its processes are held together.
import type { JobSpec } from '../../domain/job.ts';
import { kernelBoot } from '../../lib/kernel-boot.ts';
import type { HomeFolders } from '../folders.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import type { Toolchains } from '../toolchains/toolchains.ts';
import type { Arrivals } from '../tree/arrivals.ts';
import type { FifoPool } from './fifo-pool.ts';
import type { ImageRoom } from './in-image.ts';
import type { JobPlaces, JobRecord } from './job-folder.ts';

export type JobRoom = {
  folders: HomeFolders;
  toolchains: Toolchains;
  cgroups: CgroupSupport | null;
  now: () => number;
  fifos: FifoPool;
  arrivals: Arrivals | null;
  /** Where jobs in images run; null: nowhere. */
  images: ImageRoom | null;
};

export const bootId = kernelBoot();

export const recordOf = ({
  id,
  appId,
  kind,
  reports,
  collect,
  deadlineMs,
  outputBytes,
  limits,
  place,
  layerKey,
}: JobSpec) => ({
  id,
  uses: {
    appId,
    treeId: 'treeId' in place ? place.treeId : 'image' in place ? (place.sources ?? null) : null,
    layerKey,
    builtKey: 'treeId' in place ? (place.builtKey ?? null) : null,
    copy: 'copy' in place ? place.copy : null,
  },
  kind,
  reports,
  ...(collect === undefined ? {} : { collect }),
  deadlineMs,
  outputBytes,
  limits,
  ...('image' in place ? { isInImage: true } : {}),
});

/** What runs with the live identity. */
export const isLive = ({ kind }: Pick<JobRecord, 'kind'>): boolean => kind === 'release' || kind === 'run';

export const containedSpec = (record: Pick<JobRecord, 'id' | 'kind' | 'limits'>, places: JobPlaces, room: JobRoom) => ({
  name: record.id,
  mark: `LOCKSTEP_JOB=${record.id}`,
  fifo: places.fifo,
  exitFile: places.exitFile,
  limits: record.limits,
  importance: isLive(record) ? ('app' as const) : ('job' as const),
  cgroups: room.cgroups,
});
