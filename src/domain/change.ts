// A change is a proposed new tip of main. Its life, as a table:
//
//   received   persisted, waiting for its turn                 restart: infra-error (its push died with us)
//   gating     candidate fixed; checks, build and boot run     restart: infra-error, verdict parts are memoised
//   passed     durable proof: base, candidate, artifact, set   restart: main == candidate ? landed : infra-error
//   landed … infra-error   the ends; each says why (invariant I7)
//
// A merge request (`how` merge) needs no client: where a push's change would end for what is no verdict on it (main moved, a
// hotfix came first, a restart), it goes back to `received`, keeps its place by its number, and is taken up again.
//
// `passed -> landed` happens only after main's compare-and-swap, the commit point: before it a restart changes nothing,
// after it a restart rolls forward.
import type { AppId, ChangeId, CommitId, InstanceSetId, ReleaseId, TeamId, TokenId, TreeId } from './ids.ts';
import type { BranchName } from './names.ts';

export const changeStates = [
  'received',
  'gating',
  'passed',
  'landed',
  'rejected',
  'conflict',
  'superseded',
  'cancelled',
  'timed-out',
  'infra-error',
] as const;
export type ChangeState = (typeof changeStates)[number];

export const changeTransitions: Readonly<Record<ChangeState, readonly ChangeState[]>> = {
  received: ['gating', 'rejected', 'conflict', 'superseded', 'cancelled', 'timed-out', 'infra-error'],
  gating: ['passed', 'received', 'rejected', 'conflict', 'superseded', 'cancelled', 'timed-out', 'infra-error'],
  passed: ['landed', 'received', 'conflict', 'cancelled', 'infra-error'],
  landed: [],
  rejected: [],
  conflict: [],
  superseded: [],
  cancelled: [],
  'timed-out': [],
  'infra-error': [],
};

/** `image`: what a registry has became a commit of Lockstep's own (`journey/images`). */
export type ChangeHow = 'push' | 'rollback' | 'merge' | 'image';

/** In the order in which the queue takes them; `hotfix` skips the queue, never the checks. */
export const priorities = ['hotfix', 'normal'] as const;
export type Priority = (typeof priorities)[number];

/**
 * What a batch that failed leaves to its members: whom each may be tested with from then on. Members of one `group` may share
 * a batch of at most `most`; `isLast`: when the rest of the batch has landed, what is left over is what failed.
 */
export type Split = { group: string; most: number; isLast: boolean };

/** Named moments of a change, milliseconds since the epoch with fractions; the stages of a deploy are their differences. */
export type Moments = Record<string, number>;

export type Change = {
  id: ChangeId;
  teamId: TeamId;
  appId: AppId;
  /** Counts per app from 1, for people: "change #42". */
  number: number;
  how: ChangeHow;
  /** Who asked: a token's name, never the commit's author. */
  actor: string;
  branch: BranchName;
  /** main's tip that the change was made on; null for an app's first push. */
  base: CommitId | null;
  head: CommitId;
  /** The branch that a merge request is about; null: it was asked for by commit, or is no merge request. */
  source: BranchName | null;
  priority: Priority;
  /** Why an admin let it past the checks; null: it was held to them. */
  override: string | null;
  /** An admin asked that it may make main's gate weaker. */
  allowsWeaker: boolean;
  /** Of a merge request, the tokens of those who asked, the first first; none: not known. */
  askedBy: readonly TokenId[];
  /** Why it is to be cancelled, from the asking to the end; null: it is wanted. */
  withdrawn: string | null;
  /** null: it was in no batch that failed. */
  split: Split | null;
  /** How often it was put back because the machinery failed. */
  tries: number;
  candidate: CommitId | null;
  tree: TreeId | null;
  state: ChangeState;
  /** Why it ended as it did; null while it runs. */
  reason: string | null;
  releaseId: ReleaseId | null;
  setId: InstanceSetId | null;
  /** The verdict came from the memo: no check ran. */
  isMemoised: boolean;
  moments: Moments;
  createdAtMs: number;
  endedAtMs: number | null;
};

export function isTerminal(state: ChangeState): boolean {
  return changeTransitions[state].length === 0;
}

/** A merge request in the queue: nobody works on it, and nothing is wrong with that. */
export function isQueued({ how, state }: Pick<Change, 'how' | 'state'>): boolean {
  return how === 'merge' && state === 'received';
}
