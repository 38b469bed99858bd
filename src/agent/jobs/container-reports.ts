// The reports of a job whose container has ended. Where the engine keeps files in folders of this machine (overlay), what the job wrote lies there,
// and is read without asking anybody (65 ms less, measured); no step of the way to it and no file may be a link, whatever the job made of them. Else
// the engine hands them out. What is not there, no plain file or too large is left out, as with every job.
import { constants, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { reportBytes } from './job-folder.ts';
import { plainFiles } from './plain-files.ts';

const reportsMs = 30_000;
/** Beyond what reports may hold there is their wrapping. */
const mostReports = 8;

export type ReportsAsked = {
  engine: Engine;
  container: string;
  /** Where the engine keeps what was written in the container; null: it does not say. */
  upper: string | null;
  /** The folder in the container; absolute. */
  folder: string;
  names: readonly string[];
  /** Where they go. */
  target: string;
};

export async function fetchReports(asked: ReportsAsked): Promise<void> {
  if (asked.names.length === 0) return;
  if (asked.upper !== null && (await takeFrom(asked.upper, asked))) return;
  await askFor(asked);
}

/** false: there is no such folder, as far as can be seen from here. */
async function takeFrom(upper: string, { folder, names, target }: ReportsAsked): Promise<boolean> {
  await using place = await folderBelow(upper, folder.split('/').filter(Boolean));
  if (place === null) return false;
  let left = mostReports * reportBytes;
  for (const name of names) {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(`/proc/self/fd/${place.fd}/${name}`, flags).catch(() => null);
    const stat = await file?.stat();
    if (!file || !stat?.isFile() || stat.size > Math.min(reportBytes, left)) continue;
    left -= stat.size;
    const bytes = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(bytes, 0, stat.size, 0);
    keep(target, name, bytes.subarray(0, bytesRead));
  }
  return true;
}

/** Each step is one of what is really there. null: it is no folder, or nobody may look. */
async function folderBelow(root: string, names: readonly string[]): Promise<FileHandle | null> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let at = await open(root, flags).catch(() => null);
  for (const name of names) {
    if (at === null) return null;
    const next: FileHandle | null = await open(`/proc/self/fd/${at.fd}/${name}`, flags).catch(() => null);
    await at.close();
    at = next;
  }
  return at;
}

async function askFor({ engine, container, folder, names, target }: ReportsAsked): Promise<void> {
  const path = `/containers/${container}/archive?path=${encodeURIComponent(folder)}`;
  const archive = await engine.bytes(path, AbortSignal.timeout(reportsMs)).catch(() => null);
  if (archive === null) return;
  const wanted = new Set(names.map((name) => `reports/${name}`));
  const limits = { fileBytes: reportBytes, wholeBytes: mostReports * reportBytes };
  for await (const { path: name, bytes } of plainFiles(archive as AsyncIterable<Buffer>, wanted, limits))
    keep(target, name.slice('reports/'.length), bytes);
}

function keep(target: string, name: string, bytes: Buffer): void {
  const file = join(target, name);
  rmSync(file, { force: true });
  writeFileSync(file, bytes, { flag: 'wx', mode: 0o600 });
}
