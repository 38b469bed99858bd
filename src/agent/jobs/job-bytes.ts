// What a job that has ended takes on the disk, counted so that a job cannot make the counting long.
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type JobRecord, readSmall } from './job-folder.ts';

/**
 * Of the files in a job's folder, its reports and the folders that it left to be collected: what outlives it.
 * @param mostBytes what a folder counts that has more entries than are looked at
 */
export function jobBytes(folder: string, mostBytes: number, mostEntries = 50_000): number {
  const reports = join(folder, 'reports');
  const { collect = {} } = readSmall<JobRecord>(join(folder, 'record.json')) ?? {};
  const below = Object.values(collect).map((name) => join(reports, name));
  const sum = (paths: readonly string[], isDeep: boolean): number =>
    paths.reduce((bytes, path) => bytes + (bytesIn(path, isDeep, mostEntries) ?? mostBytes), 0);
  return sum([folder, reports], false) + sum(below, true);
}

/** No link is followed. null: it has more entries than are looked at. */
function bytesIn(folder: string, isDeep: boolean, mostEntries: number): number | null {
  let [bytes, seen] = [0, 0];
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!lstatSync(next, { throwIfNoEntry: false })?.isDirectory()) continue;
    for (const name of readdirSync(next)) {
      const path = join(next, name);
      const entry = lstatSync(path, { throwIfNoEntry: false });
      bytes += (entry?.blocks ?? 0) * 512;
      seen += 1;
      if (seen > mostEntries) return null;
      if (isDeep && entry?.isDirectory()) waiting.push(path);
    }
  }
  return bytes;
}
