// A change while it runs: its moments, its words, and its one end. Whoever carries it out says `end` or `landed` exactly
// once; the store, the progress record and the ledger hear it together (invariant I7).
import type { Change, ChangeState, Moments, Split } from '../domain/change.ts';
import type { Verdict } from '../domain/gate.ts';
import { gateOf } from '../domain/gate-settings.ts';
import type { CommitId, TreeId } from '../domain/ids.ts';
import type { EventType } from '../domain/ledger.ts';
import { safe } from '../gate/messages.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import { sitesOf } from '../published/sites.ts';
import { noteChange } from '../store/changes.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { noteDocs } from '../store/releases.ts';
import { moveState, mustMove, transition } from '../store/transition.ts';
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
  /** The client went away: what is made for nobody then, and not kept when it ends early, ends (an image); left out: nothing does. */
  left?: AbortSignal;
  /** Ends the work: the gate's limit, or control's own end. */
  signal: AbortSignal;
  /** Something newer takes its place: the work ends, and the change says so. Raised with the reason, an Error; left out: nothing does. */
  superseded?: AbortSignal;
  /** Runs the checks although the tree is known. */
  isRecheck: boolean;
  /** Asked for a gate weaker than main's; left out: not. */
  weaken?: WeakenAsked;
  /** Of merge requests: what would end as said goes back to the queue instead. null, or left out: it ends. */
  takesBack?(state: ChangeState, reason: string): TakenBack | null;
};

/** Why it goes back; `splits`: of each of a batch that was refused; `isTry`: the machinery failed under it. */
export type TakenBack = { reason: string; splits: readonly Split[] | null; isTry: boolean };

export type ChangeEnd = { state: ChangeState; reason: string | null; version: number | null };

/** Characters of one line. */
const lineLimit = 500;

export class RunningChange {
  readonly #world: World;
  readonly #asker: Asker;
  readonly #progress: ReturnType<World['progress']['open']>[];
  readonly #afterwards: (() => void)[] = [];
  readonly moments: Moments;
  change: Change;
  /** The others of its batch: theirs are the same candidate, the same moves and the same words. */
  riders: Change[];
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
  constructor(
    world: World,
    change: Change,
    fixed: { candidate: CommitId; tree: TreeId },
    asker: Asker,
    riders: readonly Change[] = [],
  ) {
    this.#world = world;
    this.#asker = asker;
    this.#progress = [change, ...riders].map(({ id }) => world.progress.open(id));
    this.moments = { ...change.moments };
    this.change = { ...change, ...fixed };
    this.riders = riders.map((one) => ({ ...one, ...fixed }));
    this.isLost = !this.#move('gating', { ...fixed, base: change.base }, fixed);
    this.moment('gating');
  }

  /** Much of what is said comes from the app (its files' names, its commands' output): none of it drives a terminal. */
  readonly say = (text: string): void => {
    for (const line of text.split('\n').map((one) => safe(one, lineLimit))) {
      this.#asker.say(line);
      for (const progress of this.#progress) progress.say(line);
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
    this.riders = this.riders.map((one) => ({ ...one, releaseId: id, setId }));
    const docs = sitesOf(this.verdict?.checks ?? [], gateOf(candidate.runnable.artifact.plan).docsPublish);
    const set = { release_id: id, set_id: setId };
    return this.#move(
      'passed',
      set,
      { artifact: artifactDigest },
      {
        more: () => noteDocs(this.#world.database, id, docs),
      },
    );
  }

  /** Every end but landing: nothing of the candidate stays. */
  async end(state: ChangeState, why: string | null): Promise<ChangeEnd> {
    const reason = why && safe(why, lineLimit);
    const back = this.#asker.takesBack?.(state, reason ?? state) ?? null;
    if (back) return await this.#goBack(back);
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

  /** To the queue: nothing of the candidate stays, and whoever follows goes on following. */
  async #goBack({ reason, splits, isTry }: TakenBack): Promise<ChangeEnd> {
    this.say(`back in the queue: ${reason}`);
    const set = { base: null, candidate: null, tree: null, release_id: null, set_id: null };
    try {
      insistLater(this.#world, `the return of ${this.change.id}`, () => {
        this.#move(
          'received',
          set,
          { reason },
          {
            own: (one, at) => ({
              split: JSON.stringify(splits?.[at] ?? one.split),
              tries: one.tries + (isTry ? 1 : 0),
            }),
          },
        );
      });
    } finally {
      if (this.candidate) await dropCandidate(this.#world, this.candidate, reason);
      this.#world.announce();
    }
    return { state: 'received', reason, version: null };
  }

  /** Writes down what is known so far beside the state. */
  keep(): void {
    for (const { id } of [this.change, ...this.riders])
      noteChange(this.#world.database, id, { moments: this.moments, verdict: this.verdict });
  }

  /** Tells whoever follows. */
  close(end: ChangeEnd): ChangeEnd {
    for (const [at, one] of [this.change, ...this.riders].entries()) {
      const durationMs = nowMs() - (one.moments.received ?? nowMs());
      this.#progress[at]!.end({ ok: end.state === 'landed', ...end, durationMs });
    }
    this.#world.announce();
    return end;
  }

  /** All of the batch or none; false when it was moved elsewhere. `more` is written in the same transaction. */
  #move(
    to: ChangeState,
    set: Record<string, string | number | null>,
    data: Record<string, unknown>,
    { own = () => ({}), more = () => {} }: { own?: OfEach; more?: () => void } = {},
  ): boolean {
    const all = [this.change, ...this.riders];
    const moves = all.map((one, at) => ({
      ...({ table: 'changes', id: one.id, from: one.state, to } as const),
      set: { ...set, ...own(one, at) },
      event: eventOf({ ...one, changeId: one.id }, eventTypeOf(to), data),
    }));
    const isWon = inTransaction(this.#world.database, () => {
      if (!moveState(this.#world.database, moves[0]!)) return false;
      for (const move of moves.slice(1)) mustMove(this.#world.database, move);
      more();
      return true;
    });
    if (!isWon) return false;
    this.change = { ...this.change, state: to };
    this.riders = this.riders.map((one) => ({ ...one, state: to }));
    return true;
  }
}

/** Columns that differ within a batch. */
type OfEach = (one: Change, at: number) => Record<string, string | number | null>;

const eventTypeOf = (state: ChangeState): EventType => (state === 'received' ? 'change.requeued' : `change.${state}`);

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
