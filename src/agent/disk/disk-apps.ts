// Where the apps of a document write, and how much they may: the places of their live identity and those of their checks.
import { join } from 'node:path';
import type { DesiredState } from '../../domain/desired.ts';
import type { AppId } from '../../domain/ids.ts';
import { defaultLimits } from '../../domain/plan.ts';
import type { HomeFolders } from '../folders.ts';
import { entriesByOwner } from '../leavings.ts';
import type { DiskApp } from './disk-watch.ts';
import type { Pace } from './measure.ts';

/** Folders of running jobs; `gateWork` as in `DiskApp`. */
export type JobFolders = (appId: AppId) => {
  live: readonly string[];
  gate: readonly string[];
  gateWork?: number | null;
};

export async function diskApps(
  desired: DesiredState | null,
  folders: HomeFolders,
  jobs: JobFolders,
  step: Pace,
  /** Where its instances write besides its own folders. */
  others: (appId: AppId) => readonly string[] = () => [],
): Promise<DiskApp[]> {
  const shared = process.getuid?.() === 0 ? await entriesByOwner(step) : new Map<number, Buffer[]>();
  const sharedOf = (uid: number | null) => (uid === null ? [] : (shared.get(uid) ?? []));
  return (desired?.apps ?? []).map(({ id, liveUid, gateUid, sets }) => {
    const limits = sets.map(({ limits }) => limits.diskBytes);
    const { live, gate, gateWork = null } = jobs(id);
    return {
      id,
      // At a switch the larger one of two releases holds.
      limitBytes: limits.length > 0 ? Math.max(...limits) : defaultLimits.diskBytes,
      live: [
        join(folders.app(id), 'volumes'),
        join(folders.app(id), 'instances'),
        ...live,
        ...others(id),
        ...sharedOf(liveUid),
      ],
      gate: [folders.gate(id), ...gate, ...sharedOf(gateUid)],
      gateWork,
    };
  });
}
