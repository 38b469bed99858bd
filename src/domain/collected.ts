// A folder that a job leaves beside its reports (a site of documentation, a coverage report), fetched by control once the
// job has ended: whole or not at all.
import type { Digest } from './ids.ts';
import type { TreeCaps } from './tree-caps.ts';

/** `path` is relative, `/`-separated, without `.` and `..`; `content` is as long as `size` says. */
export type CollectedFile = { path: string; size: number; content: AsyncIterable<Uint8Array> };

/** What of the folder does not come: links, devices, names that no address could hold. `shown` are the first ones. */
export type LeftOut = { count: number; shown: readonly string[] };

export type CollectedFolder = { files: AsyncIterable<CollectedFile>; leftOut: LeftOut };

/** How much of one folder is kept; more is refused as a whole, and said. */
export const mostCollected: { files: number; totalBytes: number; pathBytes: number } = {
  files: 20_000,
  totalBytes: 64 * 1024 ** 2,
  pathBytes: 1024,
};

export const collectedCaps: TreeCaps = {
  entries: mostCollected.files,
  totalBytes: mostCollected.totalBytes,
  pathBytes: mostCollected.pathBytes,
};

/** Folders of one job, and how each may be called. */
export const mostCollectedFolders = 4;
export const collectNamePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** A folder as control keeps it. `problem` not null: it is not kept, and why. */
export type Kept = {
  /** Names the content; null: not kept. */
  digest: Digest | null;
  files: number;
  bytes: number;
  problem: string | null;
  /** Said to the pusher, though it is kept. */
  warnings: readonly string[];
};
