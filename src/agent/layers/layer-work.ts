// The work folder of one layer in the making, and how an agent that comes later ends what is left of it.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppId } from '../../domain/ids.ts';
import { defaultLimits, type Limits } from '../../domain/plan.ts';
import type { HomeFolders } from '../folders.ts';
import { adoptContained } from '../jobs/contained.ts';
import { readSmall } from '../jobs/job-folder.ts';
import { layerMarker } from '../layer-places.ts';
import type { CgroupSupport } from '../process/cgroup.ts';
import type { ProcessIdentity } from '../process/proc.ts';
import { removeTree } from '../remove-tree.ts';

export const layerLimits: Limits = {
  ...defaultLimits,
  memoryBytes: 2 * 1024 ** 3,
  pids: 512,
  diskBytes: 8 * 1024 ** 3,
};

/** What is in making; `process` is the step that runs. */
export type LayerRecord = { appId: AppId; key: string; process: ProcessIdentity | null };

const layerWorks = (folders: HomeFolders): string => join(folders.agent, 'layers');

export function layerWork(folders: HomeFolders, { appId, key }: Pick<LayerRecord, 'appId' | 'key'>) {
  const folder = join(layerWorks(folders), `${appId}-${key.slice(0, 32)}`);
  return {
    folder,
    inputs: join(folder, 'inputs'),
    home: join(folder, 'home'),
    tmp: join(folder, 'tmp'),
    record: join(folder, 'record.json'),
    /** The value of LOCKSTEP_LAYER in the environment of its steps. */
    mark: `${appId}-${key}`,
    cgroupName: `layer-${appId}-${key.slice(0, 16)}`,
  };
}

/** Ends the steps that an earlier agent left running and removes what they had made: a layer without a marker is none. */
export async function sweepLayerWorks(folders: HomeFolders, cgroups: CgroupSupport | null): Promise<void> {
  await mkdir(layerWorks(folders), { recursive: true, mode: 0o711 });
  for (const name of await readdir(layerWorks(folders))) {
    const folder = join(layerWorks(folders), name);
    const record = readSmall<LayerRecord>(join(folder, 'record.json'));
    if (record !== null) {
      const { mark, cgroupName } = layerWork(folders, record);
      const left = adoptContained(
        {
          name: cgroupName,
          mark: `LOCKSTEP_LAYER=${mark}`,
          fifo: null,
          exitFile: join(folder, 'exit'),
          limits: layerLimits,
          importance: 'job',
          cgroups,
        },
        record.process,
        { line: () => {}, dropped: () => {} },
      );
      await left.stop(0);
      await left.ended;
      const layer = folders.layer(record.appId, record.key);
      if (readSmall(layerMarker(layer)) === null) await removeTree(layer);
    }
    await removeTree(folder);
  }
}
