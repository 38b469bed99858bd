// A change is a proposed new tip of main. Its life, as a table:
//
//   received   persisted, waiting for the app's lock           restart: infra-error (its push died with us)
//   gating     candidate fixed; checks, build and boot run     restart: infra-error, verdict parts are memoised
//   passed     durable proof: base, candidate, artifact, set   restart: main == candidate ? landed : infra-error
//   landed … infra-error   the ends; each says why (invariant I7)
//
// `passed -> landed` happens only after main's compare-and-swap, the commit point: before it a restart changes nothing,
// after it a restart rolls forward.
import type { AppId, ChangeId, CommitId, InstanceSetId, ReleaseId, TeamId, TreeId } from './ids.ts';
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
  gating: ['passed', 'rejected', 'conflict', 'superseded', 'cancelled', 'timed-out', 'infra-error'],
  passed: ['landed', 'conflict', 'cancelled', 'infra-error'],
  landed: [],
  rejected: [],
  conflict: [],
  superseded: [],
  cancelled: [],
  'timed-out': [],
  'infra-error': [],
};

export type ChangeHow = 'push' | 'rollback' | 'merge';

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
