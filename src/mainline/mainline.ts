// The seam that moves main. `advance` is the commit point of a deploy: an implementation does it by compare-and-swap, and
// durably. Recovery asks the seam where main is, never a file.
import type { CommitId } from '../domain/ids.ts';

export type Mainline = {
  /** Where main is; null before the first landing. */
  tip(): Promise<CommitId | null>;
  /** Moves main from `base` (null: it must not exist) to `candidate`; 'moved' when main stood elsewhere, and then nothing changed. */
  advance(base: CommitId | null, candidate: CommitId): Promise<'advanced' | 'moved'>;
  /** Each value main was given after it last was `since` (null: from the beginning), oldest first; null when main never was there. */
  movedSince(since: CommitId | null): Promise<CommitId[] | null>;
};

/** The answer of `movedSince` from every value that main has held, oldest first. */
export function valuesAfter(history: readonly CommitId[], since: CommitId | null): CommitId[] | null {
  if (since === null) return [...history];
  const at = history.lastIndexOf(since);
  return at < 0 ? null : history.slice(at + 1);
}
