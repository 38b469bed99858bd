// The folder of one job: root's, passable for the app's group alone. In it the job's own places (HOME, TMPDIR, reports),
// the files that it was given, and what the agent remembers of it. The record holds no environment and no command, so
// no secret of an app is ever written there.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { collectNamePattern, mostCollectedFolders } from '../../domain/collected.ts';
import { fail } from '../../domain/errors.ts';
import type { AppId } from '../../domain/ids.ts';
import type { JobResult, JobSpec } from '../../domain/job.ts';
import type { Identity } from '../../lib/identity.ts';
import type { ProcessIdentity } from '../process/proc.ts';

export type JobIdentity = Identity | null;

export type JobPlaces = ReturnType<typeof jobPlaces>;

export const jobPlaces = (folder: string) => ({
  folder,
  fifo: join(folder, 'fifo'),
  /** By whose end a program that was started ahead hears of its job; what it is told is beside it. */
  begin: join(folder, 'begin'),
  exitFile: join(folder, 'exit'),
  record: join(folder, 'record.json'),
  result: join(folder, 'result.json'),
  files: join(folder, 'files'),
  reports: join(folder, 'reports'),
  home: join(folder, 'home'),
  tmp: join(folder, 'tmp'),
});

/** `copy` null: it stands on a release; left out in a record of an earlier version. */
export type JobUses = {
  appId: AppId;
  treeId: string | null;
  layerKey: string | null;
  builtKey?: string | null;
  copy?: string | null;
};

/** What an agent that comes later must know. `process` is null until it was launched. */
export type JobRecord = Pick<
  JobSpec,
  'id' | 'kind' | 'reports' | 'collect' | 'deadlineMs' | 'outputBytes' | 'limits'
> & {
  uses: JobUses;
  bootId: string;
  process: ProcessIdentity | null;
  startedAtMs: number;
  /** It runs in a container, and not beyond its agent. */
  isInImage?: boolean;
  /** It was started ahead, and no job has come for it yet. */
  isAhead?: boolean;
  /** Of one that was started ahead: when its job began, in milliseconds since the kernel's boot. */
  begunUpMs?: number;
};

/** At most; a larger report is left out. */
export const reportBytes = 16 * 1024 * 1024;
const fileName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

/** @throws bad-request for a name that is no plain file name */
export function prepareJobFolder(
  places: JobPlaces,
  spec: Pick<JobSpec, 'files' | 'late' | 'reports' | 'collect'>,
  who: JobIdentity,
): void {
  const collected = Object.entries(spec.collect ?? {});
  if (collected.length > mostCollectedFolders || collected.some(([name]) => !collectNamePattern.test(name)))
    throw fail('bad-request', 'These cannot be the names of folders to collect.', {
      advice: `At most ${mostCollectedFolders}, of a-z, 0-9 and "-".`,
    });
  const texts = { ...spec.files, ...spec.late };
  demandFileNames([...Object.keys(texts), ...spec.reports, ...collected.map(([, folder]) => folder)]);
  mkdirSync(places.folder, { mode: 0o710 });
  if (who !== null) chownSync(places.folder, 0, who.gid);
  for (const path of [places.reports, places.home, places.tmp]) ownFolder(path, who);
  mkdirSync(places.files, { mode: 0o750 });
  writeFiles(places, texts, who);
  // Without root the folder is ours and the job's alike, and must be removable.
  if (who === null) return;
  chownSync(places.files, 0, who.gid);
  chmodSync(places.files, 0o550);
}

/** Read-only, for whoever runs. @throws bad-request for a name that is no plain file name */
export function writeFiles(places: JobPlaces, texts: Readonly<Record<string, string>>, who: JobIdentity): void {
  demandFileNames(Object.keys(texts));
  for (const [name, text] of Object.entries(texts)) {
    const path = join(places.files, name);
    writeFileSync(path, text, { mode: 0o440, flag: 'wx' });
    if (who !== null) chownSync(path, 0, who.gid);
  }
}

function demandFileNames(names: readonly string[]): void {
  for (const name of names)
    if (!fileName.test(name))
      throw fail('bad-request', `${JSON.stringify(name)} cannot name a file of a job.`, {
        advice: 'Use letters, digits, ".", "_" and "-".',
      });
}

/** A folder that belongs to the identity alone. */
export function ownFolder(path: string, who: JobIdentity): void {
  mkdirSync(path, { mode: 0o700 });
  if (who !== null) chownSync(path, who.uid, who.gid);
}

/** Whole or not at all, without fsync: what a machine's crash loses, it has killed too. */
export function writeSmall(path: string, value: unknown): void {
  writeFileSync(`${path}.partial`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.partial`, path);
}

/** null when it is not there or not whole. */
export function readSmall<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Closes the job's own folders to its identity, and drops what nobody needs once it has ended. */
export function closeJobFolder(places: JobPlaces): void {
  if (process.getuid?.() === 0) for (const path of [places.reports, places.home, places.tmp]) chownSync(path, 0, 0);
  for (const path of [places.fifo, places.begin, `${places.begin}.json`]) rmSync(path, { force: true });
}

/** Plain files only: no link is followed, nothing is waited for. A missing or too large one is left out. */
export function readReports(places: JobPlaces, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const text = fileName.test(name) ? readPlain(join(places.reports, name)) : null;
    if (text !== null) found[name] = text;
  }
  return found;
}

/** What the job put beside the reports and folders that are asked for, and what is too large to be one: it goes with the job's own folders. */
export function strayReports(
  places: JobPlaces,
  { reports: names, collect = {} }: Pick<JobRecord, 'reports' | 'collect'>,
): string[] {
  const collected = new Set(Object.values(collect));
  const found = existsSync(places.reports) ? readdirSync(places.reports) : [];
  return found
    .map((name) => ({ name, path: join(places.reports, name) }))
    .filter(({ name, path }) => {
      if (collected.has(name)) return false;
      const entry = lstatSync(path, { throwIfNoEntry: false });
      return entry !== undefined && (!names.includes(name) || !entry.isFile() || entry.size > reportBytes);
    })
    .map(({ path }) => path);
}

function readPlain(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null; // not written, or a link
  }
  try {
    const { size, nlink } = fstatSync(fd);
    // A second name would make it a file of somewhere else.
    if (!fstatSync(fd).isFile() || nlink !== 1 || size > reportBytes) return null;
    const bytes = Buffer.alloc(size);
    let length = 0;
    for (let got = -1; got !== 0 && length < size; length += got)
      got = readSync(fd, bytes, length, size - length, null);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

/** A result without its reports, which stay files until somebody asks. */
export type StoredResult = Omit<JobResult, 'reports'> & { reportNames: readonly string[] };

export function storeResult(places: JobPlaces, { reports, ...rest }: JobResult): void {
  writeSmall(places.result, { ...rest, reportNames: Object.keys(reports) } satisfies StoredResult);
}

export function loadResult(places: JobPlaces): JobResult | null {
  const stored = readSmall<StoredResult>(places.result);
  if (stored === null) return null;
  const { reportNames, ...rest } = stored;
  return { ...rest, reports: readReports(places, reportNames) };
}
