// git's answers, read: what it lists, and why it failed.
import { diskFailureSaid } from '../domain/disk-failure.ts';
import { fail } from '../domain/errors.ts';
import type { ObjectId } from '../domain/ids.ts';
import { ExecError } from '../exec/exec.ts';

export type TreeEntry = {
  /** For people and for comparing with known names; bytes that are not UTF-8 are lost in it. */
  path: string;
  /** The path as git has it. */
  pathBytes: Buffer;
  mode: string;
  type: 'blob' | 'commit' | 'tree';
  id: ObjectId /** Bytes; null for a submodule. */;
  size: number | null;
};
export type ChangedFile = {
  status: string;
  path: string /** Set for a rename or copy. */;
  oldPath: string | null;
  oldMode: string;
  newMode: string;
  oldId: ObjectId;
  newId: ObjectId;
};
/** It did not end by itself: what it was to do may be done. */
export function wasKilled(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof ExecError && cause.result?.code === null;
}

/** What went wrong, in our words: `timed-out`, `cancelled`, `too-large`, `disk-full`, `conflict` or `git-failed`. */
export function asFailure(words: readonly string[], error: unknown): Error {
  if (!(error instanceof ExecError)) return error as Error;
  const { result } = error;
  if (result?.timedOut) return fail('timed-out', `git ${words[0]} took longer than its limit`, { cause: error });
  if (result?.isCanceled) return fail('cancelled', `git ${words[0]} was cancelled`, { cause: error });
  if (result?.isTruncated) {
    return fail('too-large', `git ${words[0]} has more to say than is read`, {
      advice: 'Change less at a time, or keep large data in a volume.',
      cause: error,
    });
  }
  const disk = diskFailureSaid(result?.stderr ?? '', 'the repository could not be written', error);
  if (disk) return disk;
  if (result && /refusing to merge unrelated histories/.test(result.stderr)) {
    return fail('conflict', 'the two commits have no common ancestor', {
      advice: 'Rebase the branch onto the main branch and push again.',
      cause: error,
    });
  }
  if (['EMFILE', 'ENFILE', 'EAGAIN'].includes(String((error.cause as NodeJS.ErrnoException | undefined)?.code))) {
    return fail('busy', 'no more files can be opened, or processes started', {
      advice: 'Try again in a moment.',
      cause: error,
    });
  }
  const said = result?.stderr.trim().slice(0, 500) ?? 'git could not be started';
  return fail('git-failed', `git ${words[0]}: ${said}`, {
    advice: result ? null : 'Install git 2.38 or newer.',
    cause: error,
  });
}

/** The records of an answer that ends each with NUL. */
export function records(text: string): string[] {
  return text.split('\0').filter((record) => record !== '');
}

/** The answer of `ls-tree -r -l -z`. Paths are bytes. */
export function treeEntries(output: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(0, at);
    const tab = output.indexOf(9, at);
    const [mode, type, id, size] = output.toString('latin1', at, tab).split(/ +/);
    const pathBytes = Buffer.from(output.subarray(tab + 1, end));
    entries.push({
      path: pathBytes.toString('utf8'),
      pathBytes,
      mode: mode!,
      type: type as TreeEntry['type'],
      id: id as ObjectId,
      size: size === '-' ? null : Number(size),
    });
    at = end + 1;
  }
  return entries;
}

/** The answer of `diff-tree --raw -z`. */
export function parseChangedFiles(text: string): ChangedFile[] {
  const fields = records(text);
  const files: ChangedFile[] = [];
  for (let at = 0; at < fields.length; ) {
    const [oldMode, newMode, oldId, newId, status] = fields[at]!.slice(1).split(' ');
    const isPair = /^[RC]/.test(status!);
    const path = fields[at + (isPair ? 2 : 1)]!;
    const ids = { oldId: oldId as ObjectId, newId: newId as ObjectId };
    files.push({
      status: status![0]!,
      path,
      oldPath: isPair ? fields[at + 1]! : null,
      oldMode: oldMode!,
      newMode: newMode!,
      ...ids,
    });
    at += isPair ? 3 : 2;
  }
  return files;
}
