// Branches are checked as soon as they are pushed: what main would become is held to everything but the boot and the release
// command, so that whoever asks for the merge later usually finds the answer there. Nobody is held up by it: a check gives its
// turn back as soon as somebody wants to land, and begins anew afterwards; a newer push of the branch ends it. It lands nothing,
// and what it finds stops nobody from keeping the branch.
import type { App } from '../../domain/app.ts';
import type { AppId, CommitId, TreeId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { safe } from '../../gate/messages.ts';
import type { WeakenAsked } from '../../gate/policy/weakening.ts';
import type { Repository } from '../../git/repository.ts';
import { gateLimitMs } from '../../journey.ts';
import { type BranchCheck, keepBranchCheck } from '../../store/branch-checks.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { ProgressBook, type ProgressStep } from '../progress.ts';
import type { Proof } from '../proof.ts';
import { proveCandidate } from '../prove.ts';
import { eventOf, mainlineOf, newId, nowMs, type World } from '../world.ts';
import { measuredBase } from './measured-base.ts';

export type BranchAnswer = Omit<BranchCheck, 'branch'> & { branch: BranchName | null };

export type CheckUnderWay = {
  /** null: a newer push took its place, or there is nothing to merge into. */
  done: Promise<BranchAnswer | null>;
  /** It waits for others who go first. */
  isWaiting(): boolean;
  follow(signal: AbortSignal): AsyncIterable<ProgressStep>;
};

/** `weaken`: a dry run asks what a merge request would hear; what it hears is not the branch's answer, and is not kept. */
type Asked = { branch: BranchName | null; head: CommitId; actor: string; weaken: WeakenAsked };
type Running = CheckUnderWay & { head: CommitId; stop: AbortController };

/** Of one app, that run or wait. */
const mostChecks = 20;

class BranchChecks {
  readonly #world: World;
  readonly #book = new ProgressBook();
  readonly #running = new Map<string, Running>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Begins a check, or joins the one of the same commit. null: too many wait already. */
  check(app: App, asked: Asked): CheckUnderWay | null {
    const key = `${app.id} ${asked.branch ?? asked.head} ${asked.weaken}`;
    const now = this.#running.get(key);
    if (now?.head === asked.head) return now;
    now?.stop.abort(new Error('a newer push took its place'));
    if (this.#countOf(app.id) >= mostChecks) return null;
    const stop = new AbortController();
    const id = newId('chg');
    const progress = this.#book.open(id);
    const state = { isWaiting: true };
    const say = (line: string): void => progress.say(safe(line, 500));
    const limit = AbortSignal.timeout(gateLimitMs);
    const signal = AbortSignal.any([this.#world.signal, stop.signal, limit]);
    const done = this.#check(app, asked, say, signal, state)
      .catch((error: Error) => {
        if (stop.signal.aborted || this.#world.signal.aborted) return null;
        this.#world.log({ level: 'warn', message: `the check of ${asked.branch ?? asked.head}: ${error.message}` });
        say(`mergeable: unknown, the check could not run (${error.message}); a merge request runs it again`);
        return null;
      })
      .finally(() => {
        const durationMs = 0;
        progress.end({ ok: true, state: 'checked', reason: null, version: null, durationMs });
        if (this.#running.get(key) === running) this.#running.delete(key);
      });
    const running: Running = {
      ...{ done, stop, head: asked.head, isWaiting: () => state.isWaiting },
      follow: (until) => this.#book.follow(id, until)!,
    };
    this.#running.set(key, running);
    return running;
  }

  #countOf(id: AppId): number {
    return [...this.#running.keys()].filter((key) => key.startsWith(`${id} `)).length;
  }

  async #check(
    app: App,
    asked: Asked,
    say: (line: string) => void,
    signal: AbortSignal,
    state: { isWaiting: boolean },
  ): Promise<BranchAnswer | null> {
    const world = this.#world;
    const repository = await world.repositoryOf(app);
    // What it makes is on no branch.
    using _use = await world.usesOf(app.id).begin();
    const lock = world.lockOf(app.id);
    for (;;) {
      signal.throwIfAborted();
      const found = await merged(app, repository, asked);
      if (found === null) return null;
      const { base, tree, conflicts } = found;
      const about = { ...asked, base, checkedAtMs: Math.round(nowMs()), conflicts, verdict: null };
      if (tree === null) {
        const files = `${conflicts.slice(0, 20).join(', ')}${conflicts.length > 20 ? ` and ${conflicts.length - 20} more` : ''}`;
        say(`mergeable: no, conflicts with main ${base.slice(0, 7)} in ${files}`);
        return this.#keep(app, asked, { ...about, outcome: 'conflict', reason: `conflicts in ${files}`.slice(0, 500) });
      }
      if (tree === 'nothing') {
        say(`mergeable: main has all of it already`);
        return null;
      }
      state.isWaiting = true;
      if (lock.isBusy || world.gateSlots.isBusy) say('the check waits for those who land');
      using turn = await lock.takeLast(signal);
      const wanted = AbortSignal.any([signal, turn.wanted]);
      using slot = await world.gateSlots.takeLast(wanted).catch((error: Error) => {
        if (signal.aborted) throw error;
        return null;
      });
      if (slot === null) continue;
      state.isWaiting = false;
      const stop = AbortSignal.any([wanted, slot.wanted]);
      const proof = await this.#prove(app, repository, { tree, base, weaken: asked.weaken }, say, stop);
      if (stop.aborted) {
        if (!signal.aborted) say('somebody lands first; the check begins again afterwards');
        continue;
      }
      return this.#keep(app, asked, { ...about, ...answerOf(proof, say) });
    }
  }

  async #prove(
    app: App,
    repository: Repository,
    { tree, base, weaken }: { tree: TreeId; base: CommitId; weaken: WeakenAsked },
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Proof> {
    const later: (() => void)[] = [];
    try {
      return await proveCandidate(this.#world, {
        ...{ app, change: null, repository, tree, configVersion: null, description: '', reading: null },
        baseTree: await repository.git.treeOf(measuredBase(this.#world.database, app.id, base)!),
        ...{
          isRecheck: false,
          isInferred: false,
          weaken,
          onGate: () => {},
          say,
          moment: () => {},
          onCandidate: () => {},
          signal,
        },
        afterwards: (work) => void later.push(work),
      });
    } finally {
      for (const work of later) work();
    }
  }

  #keep(app: App, asked: Asked, answer: BranchAnswer): BranchAnswer {
    const { database } = this.#world;
    const { branch, outcome, reason, head, base } = answer;
    if (branch === null || asked.weaken !== 'not') return answer;
    const about = { teamId: app.teamId, appId: app.id, actor: asked.actor };
    inTransaction(database, () => {
      keepBranchCheck(database, about, { ...answer, branch });
      appendEvent(database, eventOf(about, 'branch.checked', { branch, commit: head, base, outcome, reason }));
    });
    this.#world.announce();
    this.#world.queueGrown(app);
    return answer;
  }
}

type Found = { base: CommitId; tree: TreeId | 'nothing' | null; conflicts: readonly string[] };

/** What main would become; `tree` null: it conflicts. null: there is nothing to merge, or nothing to merge into. */
async function merged(app: App, { git, ...repository }: Repository, { head }: Asked): Promise<Found | null> {
  const base = app.mainBranch === null ? null : await mainlineOf(app, { git, ...repository }).tip();
  const commit = await git.commitOf(head);
  if (base === null || commit === null) return null;
  const nothing: Found = { base, tree: 'nothing', conflicts: [] };
  if (head === base || (await git.isAncestor(head, base))) return nothing;
  if (commit.parents.includes(base) && commit.parents.length === 1) return { base, tree: commit.tree, conflicts: [] };
  const made = await git.mergeTree(base, head).catch((error: { code?: string }) => {
    if (error.code === 'conflict') return null;
    throw error;
  });
  if (made === null) return { base, tree: null, conflicts: ['everything (no common history)'] };
  if (!made.isClean) return { base, tree: null, conflicts: made.conflicts };
  return { base, tree: made.tree, conflicts: [] };
}

function answerOf({ verdict, results }: Proof, say: (line: string) => void) {
  if (verdict === null) {
    const broken = results.find(({ outcome }) => outcome === 'infra');
    const reason = `${broken?.name ?? 'a check'} could not run: ${broken?.summary ?? 'unknown'}`;
    say(`mergeable: unknown, ${reason}; a merge request runs it again`);
    return { outcome: 'unknown' as const, reason, verdict };
  }
  const count = verdict.checks.reduce((sum, one) => sum + one.findingCount, 0);
  const findings = count === 0 ? '' : `, ${count} finding${count === 1 ? '' : 's'}`;
  if (verdict.outcome === 'passed') say(`mergeable: yes${findings}`);
  else say(`mergeable: no${findings}, ${verdict.reason ?? 'rejected'}`);
  return {
    outcome: verdict.outcome === 'passed' ? ('green' as const) : ('red' as const),
    reason: verdict.reason,
    verdict,
  };
}

const ofWorld = new WeakMap<World, BranchChecks>();

/** Those of this control. */
export function branchChecksOf(world: World): BranchChecks {
  const found = ofWorld.get(world) ?? new BranchChecks(world);
  ofWorld.set(world, found);
  return found;
}
