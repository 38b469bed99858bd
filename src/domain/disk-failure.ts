// What the machine says when its disk takes no more, in one of our codes: `disk-full` where room is missing, `disk-failed`
// where nothing can be written at all. Every door and every seam asks here, so that the same trouble has the same name
// wherever it is met: from Node, from SQLite, or in what another program printed.
import { fail, isFailure, type LockstepError } from './errors.ts';

const fullCodes: readonly string[] = ['ENOSPC', 'EDQUOT'];
const failedCodes: readonly string[] = ['EROFS', 'EIO', 'ESHUTDOWN', 'EUCLEAN'];
/** SQLite's primary result codes: full; read-only, error of the disk, file that cannot be opened. */
const sqliteFull: readonly number[] = [13];
const sqliteFailed: readonly number[] = [8, 10, 14];
const saysFull = /No space left on device|Disk quota exceeded|\bENOSPC\b|\bEDQUOT\b/i;
const saysFailed = /Read-only file system|Input\/output error|\bEROFS\b/i;

const advices = {
  'disk-full': 'Free space or inodes on the disk of the home directory; Lockstep goes on by itself once there is room.',
  'disk-failed': 'See why the disk of the home directory cannot be written (dmesg, mount); sites go on being served.',
} as const;

/** The failure that stands for `error`, or null when the disk is not what is wrong. `what` begins the sentence. */
export function diskFailure(error: unknown, what = 'This could not be written'): LockstepError | null {
  if (isFailure(error)) return isFailure(error, 'disk-full', 'disk-failed') ? error : null;
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: number };
  const primary = code === 'ERR_SQLITE_ERROR' && errcode !== undefined ? errcode & 0xff : -1;
  if (fullCodes.includes(String(code)) || sqliteFull.includes(primary)) return diskFull(what, error);
  if (failedCodes.includes(String(code)) || sqliteFailed.includes(primary)) return diskFailed(what, error);
  return null;
}

/** The same for what another program printed when it failed. */
export function diskFailureSaid(said: string, what: string, cause?: unknown): LockstepError | null {
  if (saysFull.test(said)) return diskFull(what, cause);
  return saysFailed.test(said) ? diskFailed(what, cause) : null;
}

export const diskFull = (what: string, cause?: unknown): LockstepError =>
  fail('disk-full', `${what}: the disk is full`, { advice: advices['disk-full'], cause });

const diskFailed = (what: string, cause?: unknown): LockstepError =>
  fail('disk-failed', `${what}: the disk cannot be written`, { advice: advices['disk-failed'], cause });
