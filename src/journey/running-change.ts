// A change while it runs: its moments, its words, and its one end. Whoever carries it out says `end` or `landed` exactly
// once; the store, the progress record and the ledger hear it together (invariant I7).
import type { Change, ChangeState, Moments } from '../domain/change.ts';
import type { Verdict } from '../domain/gate.ts';
import type { CommitId, TreeId } from '../domain/ids.ts';
import { safe } from '../gate/messages.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import { sitesOf } from '../published/sites.ts';
import { noteChange } from '../store/changes.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { noteDocs } from '../store/releases.ts';
import { moveState, transition } from '../store/transition.ts';
import { type Candidate, dropCandidate } from './candidate.ts';
import { insistLater } from './insist.ts';
import type { Looked } from './quality.ts';
import type { JobReports } from './reports.ts';
import { eventOf, nowMs, type World } from './world.ts';

/** Whoever asked for the change. */
export type Asker = {
  say(line: string): void;
  /** The client has gone, or may not ask any more: the verdict is kept, and nothing lands. */
  isGone(): boolean;
  /** Ends the work: the gate's limit, or control's own end. */
  signal: AbortSignal;
  /** Runs the checks although the tree is known. */
  isRecheck: boolean;
  /** Asked for a gate weaker than main's; left out: not. */
  weaken?: WeakenAsked;
};

export type ChangeEnd = { state: ChangeState; reason: string | null; version: number | null };

/** Characters of one line. */
const lineLimit = 500;

export class RunningChange {
  readonly #world: World;
  readonly #asker: Asker;
  readonly #progress: ReturnType<World['progress']['open']>;
  readonly #afterwards: (() => void)[] = [];
  readonly moments: Moments;
  change: Change;
  verdict: Verdict | null = null;
  /** The release that is being proved; it is dropped when the change does not land. */
  candidate: Candidate | null = null;
  /** What the gate looked at and brought back; null, none: it knew the tree, or has not run. */
  looked: Looked | null = null;
  readonly reports: JobReports[] = [];
  /** Main has moved: from here there is only forward. */
  hasAdvanced = false;
  /** It was ended elsewhere before it began (its app was destroyed). */
  readonly isLost: boolean;

  /** Fixes the candidate: `received` becomes `gating`. */
  constructor(world: World, change: Change, fixed: { candidate: CommitId; tree: TreeId }, asker: Asker) {
    this.#world = world;
    this.#asker = asker;
    this.#progress = world.progress.open(change.id);
    this.moments = { ...change.moments };
    this.change = { ...change, ...fixed };
    this.isLost = !this.#move('gating', fixed, fixed);
    this.moment('gating');
  }

  /** Much of what is said comes from the app (its files' names, its commands' output): none of it drives a terminal. */
  readonly say = (text: string): void => {
    for (const line of text.split('\n').map((one) => safe(one, lineLimit))) {
      this.#asker.say(line);
      this.#progress.say(line);
    }
  };

  readonly moment = (name: string, atMs = nowMs()): void => {
    this.moments[name] = atMs;
  };

  /** Work for the time after the end. */
  readonly afterwards = (work: () => void): void => {
    this.#afterwards.push(work);
  };

  /** Does what was left for afterwards, once. */
  tidyUp(): void {
    for (const work of this.#afterwards.splice(0)) work();
  }

  /** Durable proof: base, candidate, artifact and set. False: the change was ended elsewhere. */
  passed(candidate: Candidate): boolean {
    const { id, setId, artifactDigest } = candidate.release;
    this.change = { ...this.change, releaseId: id, setId };
    const docs = sitesOf(this.verdict?.checks ?? []);
    const set = { release_id: id, set_id: setId };
    return this.#move('passed', set, { artifact: artifactDigest }, () => noteDocs(this.#world.database, id, docs));
  }

  /** Every end but landing: nothing of the candidate stays. */
  async end(state: ChangeState, why: string | null): Promise<ChangeEnd> {
    const reason = why && safe(why, lineLimit);
    const end = { state, reason, version: null };
    const ended = { reason, ended_at_ms: Math.round(nowMs()), is_memoised: this.change.isMemoised ? 1 : 0 };
    try {
      insistLater(this.#world, `the end of ${this.change.id}`, () => {
        this.keep();
        this.#move(state, ended, { reason });
      });
    } finally {
      if (this.candidate) await dropCandidate(this.#world, this.candidate, reason ?? state);
      this.close(end);
    }
    return end;
  }

  /** Writes down what is known so far beside the state. */
  keep(): void {
    noteChange(this.#world.database, this.change.id, { moments: this.moments, verdict: this.verdict });
  }

  /** Tells whoever follows. */
  close(end: ChangeEnd): ChangeEnd {
    const durationMs = nowMs() - (this.change.moments.received ?? nowMs());
    this.#progress.end({ ok: end.state === 'landed', ...end, durationMs });
    this.#world.announce();
    return end;
  }

  /** @param more written in the same transaction, when the state was ours to move */
  #move(
    to: ChangeState,
    set: Record<string, string | number | null>,
    data: Record<string, unknown>,
    more: () => void = () => {},
  ): boolean {
    const { change } = this;
    const event = eventOf({ ...change, changeId: change.id }, `change.${to}` as 'change.landed', data);
    const { database } = this.#world;
    const isWon = inTransaction(database, () => {
      const isMoved = moveState(database, { table: 'changes', id: change.id, from: change.state, to, set, event });
      if (isMoved) more();
      return isMoved;
    });
    if (isWon) this.change = { ...change, state: to };
    return isWon;
  }
}

/** Of a change that was received and could not be begun. Its end is written now, or when the store can be written again. */
export function endUnbegun(world: World, change: Change, reason: string): void {
  const event = eventOf({ ...change, changeId: change.id }, 'change.infra-error', { reason });
  const endedAtMs = Math.round(nowMs());
  insistLater(world, `the end of ${change.id}`, () => {
    transition(world.database, {
      ...{ table: 'changes', id: change.id, from: 'received', to: 'infra-error', event },
      set: { reason, ended_at_ms: endedAtMs },
    });
    world.announce();
  });
  const durationMs = endedAtMs - change.createdAtMs;
  world.progress.open(change.id).end({ ok: false, state: 'infra-error', reason, version: null, durationMs });
}
