// Carries a change out, under its app's lock: prove it, run its release command, promote it. Every way out ends the change
// once, with a reason, in the store, in its progress and for whoever waits (invariant I7).
import type { App } from '../domain/app.ts';
import type { Change, ChangeState, Moments } from '../domain/change.ts';
import { isFailure } from '../domain/errors.ts';
import { fold, type Verdict } from '../domain/gate.ts';
import type { CommitId, TreeId } from '../domain/ids.ts';
import { checkLines, infraLine, memoisedLine, rejectedLine } from '../gate/messages.ts';
import { branchRef } from '../git/argv.ts';
import type { Repository } from '../git/repository.ts';
import { promote } from '../release/promote.ts';
import { findApp, noteApp } from '../store/apps.ts';
import { noteChange } from '../store/changes.ts';
import { inTransaction } from '../store/open.ts';
import { liveRelease, nextVersion } from '../store/releases.ts';
import { moveState, transition } from '../store/transition.ts';
import { bootRelease, type Candidate, dropCandidate } from './candidate.ts';
import { type Proof, proveCandidate } from './prove.ts';
import { runReleaseCommand } from './release-command.ts';
import { eventOf, mainlineOf, nowMs, type World } from './world.ts';

/** Whoever asked for the change. */
export type Asker = {
  say(line: string): void;
  /** The client has gone: the verdict is kept, and nothing lands. */
  isGone(): boolean;
  /** Ends the work: the gate's limit, or control's own end. */
  signal: AbortSignal;
  isRecheck: boolean;
};

export type ChangeEnd = { state: ChangeState; reason: string | null; version: number | null };

/** Milliseconds that a gate may take. */
export const gateLimitMs = 15 * 60_000;

/** `change` is in state `received`, its app's lock is held, and main stands at `base`. */
export async function carryOut(
  world: World,
  given: {
    app: App;
    change: Change;
    repository: Repository;
    candidate: CommitId;
    tree: TreeId;
    baseTree: TreeId | null;
    /** null: the config that is current. */
    configVersion: number | null;
  },
  asker: Asker,
): Promise<ChangeEnd> {
  const { app, repository, candidate: commit, tree } = given;
  const moments: Moments = { ...given.change.moments };
  const moment = (name: string, atMs = nowMs()): void => {
    moments[name] = atMs;
  };
  let change: Change = { ...given.change, candidate: commit, tree };
  const progress = world.progress.open(change.id);
  const say = (line: string): void => {
    asker.say(line);
    progress.say(line);
  };
  const limit = AbortSignal.timeout(gateLimitMs);
  const signal = AbortSignal.any([asker.signal, limit]);
  let proof: Proof | null = null;
  let verdict: Verdict | null = null;
  let from: ChangeState = 'received';
  let hasAdvanced = false;

  const end = async (state: ChangeState, reason: string | null): Promise<ChangeEnd> => {
    noteChange(world.database, change.id, { moments, verdict });
    transition(world.database, {
      table: 'changes',
      id: change.id,
      from,
      to: state,
      set: { reason, ended_at_ms: Math.round(nowMs()), is_memoised: change.isMemoised ? 1 : 0 },
      event: eventOf({ ...change, changeId: change.id }, `change.${state}` as 'change.rejected', { reason }),
    });
    if (proof?.candidate) await dropCandidate(world, proof.candidate, reason ?? state);
    return finish({ state, reason, version: null });
  };
  const finish = (ended: ChangeEnd): ChangeEnd => {
    const durationMs = nowMs() - (given.change.moments.received ?? nowMs());
    progress.end({ ok: ended.state === 'landed', ...ended, durationMs });
    world.announce();
    return ended;
  };

  try {
    transition(world.database, {
      table: 'changes',
      id: change.id,
      from: 'received',
      to: 'gating',
      set: { candidate: commit, tree },
      event: eventOf({ ...change, changeId: change.id }, 'change.gating', { candidate: commit, tree }),
    });
    from = 'gating';
    proof = await proveCandidate(world, {
      ...{ app, change, repository, tree, baseTree: given.baseTree, configVersion: given.configVersion },
      ...{ isRecheck: asker.isRecheck, say, moment, signal },
    });
    verdict = proof.verdict;
    change = { ...change, isMemoised: proof.isMemoised };
    if (limit.aborted) return await end('timed-out', `the gate took longer than ${gateLimitMs / 60_000} minutes`);
    if (asker.signal.aborted) return await end('cancelled', 'cancelled');
    if (!verdict) {
      say(infraLine(proof.results));
      return await end('infra-error', infraLine(proof.results));
    }
    if (verdict.outcome === 'passed' && proof.isMemoised) say(memoisedLine(tree));
    const { candidate } = proof;
    if (verdict.outcome === 'passed' && candidate?.runnable.artifact.plan.releaseCommand) {
      verdict = await releaseThenBoot(world, candidate, change, verdict, { say, moment, signal });
      if (!verdict) return await end('infra-error', 'the release command or the boot could not run; push again');
    }
    if (verdict.outcome === 'rejected' || !candidate) {
      say(rejectedLine(verdict, change.base));
      return await end('rejected', verdict.reason);
    }
    moment('proved');
    noteChange(world.database, change.id, { moments, verdict });
    return await land(candidate, verdict);
  } catch (error) {
    // Past the commit point there is only forward: the change stays `passed`, and the next start finishes it.
    if (hasAdvanced) throw error;
    if (limit.aborted) return await end('timed-out', `the gate took longer than ${gateLimitMs / 60_000} minutes`);
    if (asker.signal.aborted) return await end('cancelled', 'cancelled');
    const reason = error instanceof Error ? error.message : String(error);
    const isOurs = !isFailure(error);
    world.log({
      level: 'error',
      message: `change ${change.id}: ${reason}`,
      ...(isOurs && error instanceof Error ? { stack: error.stack } : {}),
    });
    say(`no verdict: ${reason}; push again`);
    return await end('infra-error', reason);
  }

  async function land(candidate: Candidate, passed: Verdict): Promise<ChangeEnd> {
    const { release, runnable } = candidate;
    const mainline = mainlineOf(app, repository);
    const ended = await promote({
      ensureFresh: async () => void (await world.agent.alive()),
      isAbandoned: asker.isGone,
      persistPassed: () => {
        const isWon = transition(world.database, {
          table: 'changes',
          id: change.id,
          from: 'gating',
          to: 'passed',
          set: { release_id: release.id, set_id: release.setId },
          event: eventOf({ ...change, changeId: change.id, releaseId: release.id }, 'change.passed', {
            artifact: release.artifactDigest,
          }),
        });
        if (isWon) from = 'passed';
        return isWon;
      },
      advance: async () => {
        // HEAD names the branch that the repository's guard keeps; an app's first push decides which it is.
        if (change.base === null) await repository.privileged.setHead(branchRef(app.mainBranch!));
        const moved = await mainline.advance(change.base, commit);
        hasAdvanced = moved === 'advanced';
        return moved;
      },
      switchRoute: () => world.desired.switchTo(app, runnable, world.signal),
      persistLanded: () => persistLanded(world, app, change, candidate, passed, { ...moments }),
      moment,
    });
    if (ended === 'abandoned')
      return await end('cancelled', 'the client went away: the verdict is kept, push again to land it');
    if (ended === 'moved') {
      const tip = await mainline.tip();
      return await end(
        'conflict',
        `main moved to ${tip?.slice(0, 7) ?? 'nothing'} during the gate; git pull --rebase, then push again`,
      );
    }
    if (ended === 'ended')
      return finish({ state: 'infra-error', reason: 'the change was ended elsewhere', version: null });
    noteChange(world.database, change.id, { moments });
    const version = liveRelease(world.database, app.id)?.version ?? null;
    return finish({ state: 'landed', reason: null, version });
  }
}

/** The release command runs once, before any instance of the new code; then the instances start. null: no verdict. */
async function releaseThenBoot(
  world: World,
  candidate: Candidate,
  change: Change,
  verdict: Verdict,
  wires: { say(line: string): void; moment(name: string): void; signal: AbortSignal },
): Promise<Verdict | null> {
  const results = [...verdict.checks];
  // A rollback runs older code on a newer database: its migrations are not asked for.
  if (change.how !== 'rollback') {
    const released = await runReleaseCommand(world, candidate, wires.say, wires.signal);
    wires.moment('releaseEnded');
    for (const line of checkLines(released)) wires.say(line);
    results.push(released);
    if (released.outcome !== 'passed') return fold(results);
  }
  const booted = await bootRelease(world, candidate, wires.signal);
  wires.moment('bootEnded');
  for (const line of checkLines(booted)) wires.say(line);
  return fold([...results.filter((one) => one.kind !== 'boot'), booted]);
}

/** One transaction: the change has landed, its release is live and numbered, the one before is retired. */
export function persistLanded(
  world: World,
  app: App,
  change: Change,
  candidate: Pick<Candidate, 'release'>,
  verdict: Verdict | null,
  moments: Moments,
): void {
  const { database } = world;
  const { release } = candidate;
  const endedAtMs = Math.round(nowMs());
  const about = { ...change, changeId: change.id, releaseId: release.id };
  inTransaction(database, () => {
    goLive(world, app, release, change.actor);
    moveState(database, {
      table: 'changes',
      id: change.id,
      from: 'passed',
      to: 'landed',
      set: { ended_at_ms: endedAtMs, is_memoised: change.isMemoised ? 1 : 0 },
      event: eventOf(about, 'change.landed', { commit: change.candidate, moments }),
    });
    const boot = verdict?.checks.find((one) => one.kind === 'boot');
    const tests = verdict?.checks.find((one) => one.kind === 'tests');
    noteApp(database, app.id, {
      mainBranch: app.mainBranch!,
      ...(boot && (boot.metrics.healthStatus ?? 200) < 500 ? { wasEverHealthy: true as const } : {}),
      ...((tests?.metrics.testsRun ?? 0) > 0 ? { hasEverRunTests: true as const } : {}),
    });
  });
  settle(world, app);
}

/** The release takes its number and the place of the live one; the caller holds the transaction. */
export function goLive(
  world: World,
  app: App,
  release: Pick<Candidate['release'], 'id' | 'teamId' | 'appId'>,
  actor: string,
): number {
  const { database } = world;
  const version = nextVersion(database, app.id);
  const before = liveRelease(database, app.id);
  const about = { teamId: app.teamId, appId: app.id, actor };
  if (before) {
    moveState(database, {
      table: 'releases',
      id: before.id,
      from: 'live',
      to: 'retired',
      event: eventOf({ ...about, releaseId: before.id }, 'release.retired', { version: before.version }),
    });
  }
  moveState(database, {
    table: 'releases',
    id: release.id,
    from: 'starting',
    to: 'live',
    set: { version, live_at_ms: Math.round(nowMs()) },
    event: eventOf({ ...about, releaseId: release.id }, 'release.live', { version }),
  });
  return version;
}

/** From here on the store speaks for the app again. */
export function settle(world: World, app: App): void {
  const owner = { name: 'lockstep', teamId: app.teamId, rights: [], appIds: null };
  world.desired.settled(findApp(world.database, owner, app.name) ?? app);
}
