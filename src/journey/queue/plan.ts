// What the queue of one app does next, as a pure function: what is known goes in, actions come out. It is asked again whenever
// something has happened, or might have; each answer is made from the whole state, so that a signal that was lost only delays.
//
// The order is priority, then arrival. One gate runs at a time. A hotfix stops a normal one that has not passed yet, which goes
// back to its place in front: it skips the queue, never the checks. A verdict on a base that has moved is void, not failed.
// Several requests share one gate only under backlog, and only those whose branches were found green; nothing is speculated.
import { type Priority, priorities, type Split } from '../../domain/change.ts';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';

export type Request = {
  id: ChangeId;
  /** Arrival: lower came before. */
  number: number;
  head: CommitId;
  /** Its branch; null: it was asked for by commit alone. */
  branch: BranchName | null;
  priority: Priority;
  arrivedAtMs: number;
  /** What is known of the branch at this head. */
  verdict: 'green' | 'red' | 'conflict' | 'unknown';
  /** Files in which it conflicts with main as it is now; null: it does not, or nobody knows. */
  conflicts: readonly string[] | null;
  /** It is wanted no more: why. */
  withdrawn: string | null;
  split: Split | null;
  /** It goes past the checks: alone. */
  isOverride: boolean;
  /** It may make the gate weaker, and shares it with nobody. */
  isAlone: boolean;
};

export type Running = {
  requests: readonly Request[];
  /** main's tip that its candidate was made on. */
  base: CommitId | null;
  /** It has passed: main may have moved, and there is no way back. */
  isPassed: boolean;
  /** It was stopped, and has not ended yet. */
  isStopped: boolean;
};

export type QueueState = {
  /** Those that wait, in any order. */
  queued: readonly Request[];
  running: Running | null;
  /** main's tip. */
  tip: CommitId | null;
  /** Where the branches are now; one that is missing was deleted. */
  heads: ReadonlyMap<BranchName, CommitId>;
  /** The app's turn and a gate are held: one may start. */
  mayStart: boolean;
  nowMs: number;
  /** What a gate of the app takes, as far as is known. */
  gateMs: number;
  /** Of the last gates, the share that was refused, 0..1. */
  failureRate: number;
  batch: { min: number; max: number };
};

export type Action =
  | { do: 'end'; id: ChangeId; state: 'superseded' | 'cancelled' | 'conflict'; reason: string }
  /** The gate that runs is stopped; its requests go back to their places. */
  | { do: 'stop'; reason: string }
  | { do: 'start'; ids: readonly ChangeId[] };

/** The share of refused gates from which on no more than so many share one. */
const caps = [
  { above: 0.25, most: 1 },
  { above: 0.15, most: 2 },
];
/** Gates that a request may have to wait for before batches grow. */
const patienceGates = 2;

export function plan(state: QueueState): Action[] {
  const ends = state.queued.flatMap((one) => endOf(one, state) ?? []);
  const ended = new Set(ends.map((one) => one.id));
  const waiting = inOrder(state.queued.filter(({ id }) => !ended.has(id)));
  if (state.running) {
    const reason = whyStop(state.running, waiting[0], state);
    return reason === null ? ends : [...ends, { do: 'stop', reason }];
  }
  if (!state.mayStart || waiting.length === 0) return ends;
  return [...ends, { do: 'start', ids: nextBatch(waiting, state).map(({ id }) => id) }];
}

export function inOrder(requests: readonly Request[]): Request[] {
  const rank = ({ priority, isOverride }: Request): number => (isOverride ? -1 : priorities.indexOf(priority));
  return [...requests].sort((one, other) => rank(one) - rank(other) || one.number - other.number);
}

type End = Extract<Action, { do: 'end' }>;

/** Why a request ends without having been tested; null: it does not. */
function endOf(
  request: Request,
  { heads, queued, running }: Pick<QueueState, 'heads' | 'queued' | 'running'>,
): End | null {
  const { id, branch, head, withdrawn, conflicts } = request;
  const end = (state: End['state'], reason: string): End => ({ do: 'end', id, state, reason });
  if (withdrawn !== null) return end('cancelled', withdrawn);
  if (branch !== null && !heads.has(branch)) return end('cancelled', `${branch} was deleted`);
  const now = branch === null ? head : heads.get(branch)!;
  if (now !== head) {
    const others = [...queued, ...(running?.requests ?? [])];
    const newer = others.find((one) => one.branch === branch && one.head === now && one.id !== id);
    const why = newer ? `change #${newer.number} asks for it` : 'nobody has asked for that to be merged';
    return end('superseded', `${branch} moved to ${now.slice(0, 7)}: ${why}`);
  }
  return conflicts === null ? null : end('conflict', conflictReason(conflicts));
}

/** `conflicts with main in app.py and 2 more` */
export function conflictReason(files: readonly string[]): string {
  const shown = files.slice(0, 5).join(', ');
  const more = files.length > 5 ? ` and ${files.length - 5} more` : '';
  return `conflicts with main in ${shown}${more}: merge main into the branch, or rebase it, then ask again`;
}

function whyStop(running: Running, first: Request | undefined, state: QueueState): string | null {
  if (running.isPassed || running.isStopped) return null;
  for (const one of running.requests) {
    const end = endOf({ ...one, conflicts: null }, state);
    if (end) return end.reason;
  }
  if (running.base !== state.tip) return `main moved to ${state.tip?.slice(0, 7) ?? 'nothing'}`;
  const isUrgent = first !== undefined && (first.priority === 'hotfix' || first.isOverride);
  const isNormal = running.requests.every((one) => one.priority === 'normal' && !one.isOverride);
  return isUrgent && isNormal ? `change #${first.number} is more urgent` : null;
}

function nextBatch(waiting: readonly Request[], state: QueueState): Request[] {
  const first = waiting[0]!;
  if (!mayShare(first)) return [first];
  const isUnlike = (one: Request): boolean =>
    !mayShare(one) || one.priority !== first.priority || (one.split?.group ?? null) !== (first.split?.group ?? null);
  // Nobody is passed by: what cannot share the gate ends the batch.
  const end = waiting.findIndex(isUnlike);
  return waiting.slice(0, Math.min(end < 0 ? waiting.length : end, sizeOf(first, waiting, state)));
}

const mayShare = (one: Request): boolean => one.verdict === 'green' && !one.isOverride && !one.isAlone;

/** The fewest that bring the wait of the last one down to what is bearable. */
function sizeOf(first: Request, waiting: readonly Request[], state: QueueState): number {
  const { failureRate, batch, gateMs, nowMs } = state;
  const cap = Math.max(1, Math.min(batch.max, caps.find(({ above }) => failureRate > above)?.most ?? batch.max));
  if (first.split) return Math.min(cap, first.split.most);
  const waitedMs = nowMs - waiting.at(-1)!.arrivedAtMs;
  const least = Math.min(cap, Math.max(1, batch.min));
  for (let size = least; size < cap; size += 1) {
    const waitMs = waitedMs + (Math.ceil(waiting.length / size) - 1) * gateMs;
    if (waitMs <= patienceGates * gateMs) return size;
  }
  return cap;
}

/** Milliseconds until a request that waits is taken up, as far as one can say; its place, 1 for the next. */
export function placeOf(id: ChangeId, state: QueueState): { position: number; waitMs: number } {
  const waiting = inOrder(state.queued);
  const position = Math.max(1, waiting.findIndex((one) => one.id === id) + 1 + (state.running ? 1 : 0));
  return { position, waitMs: Math.max(0, position - 1) * state.gateMs };
}
