// The journey of a commit, from the moment it is known to the moment it is live. Read this first.
//
//   receive            gate                  build             release              route
//   a push, judged ──► candidate, checks ──► artifact, from ──► start, health, ───► switch, drain,
//   (push.ts)          (prove.ts)            the candidate      beside the checks    stop the old
//        │                   │                    │                   │                   │
//        ▼                   ▼                    ▼                   ▼                   ▼
//   refused: bad ref,   rejected: findings   rejected: the      rejected: reason,    cannot fail half way:
//   forced, deleted     with their places    builder's words    last log lines       it is finished at the
//                                                                                     next start (recover.ts)
//
// Main and live stay untouched on every branch that fails. The commit point is main's compare-and-swap; the order around
// it is `release/promote.ts`.
import type { App } from './domain/app.ts';
import type { Change } from './domain/change.ts';
import { diskFailure } from './domain/disk-failure.ts';
import { isFailure } from './domain/errors.ts';
import { fold, type Verdict } from './domain/gate.ts';
import type { CommitId, TreeId } from './domain/ids.ts';
import { checkLines, infraLine, memoisedLine, rejectedLine } from './gate/messages.ts';
import { branchRef } from './git/argv.ts';
import type { Repository } from './git/repository.ts';
import { advanceSurely } from './journey/advance.ts';
import { bootRelease, type Candidate } from './journey/candidate.ts';
import { tidyUp } from './journey/housekeeping.ts';
import { insist } from './journey/insist.ts';
import { persistLanded } from './journey/landed.ts';
import type { Override } from './journey/proof.ts';
import { proveCandidate } from './journey/prove.ts';
import type { Reading } from './journey/reading.ts';
import { runReleaseCommand } from './journey/release-command.ts';
import { keepReports } from './journey/reports.ts';
import { type Asker, type ChangeEnd, endUnbegun, RunningChange } from './journey/running-change.ts';
import { switchOver } from './journey/switch-over.ts';
import { type TimeLimit, timeLimit } from './journey/time-limit.ts';
import { mainlineOf, type World } from './journey/world.ts';
import { type PromoteEnd, promote } from './release/promote.ts';
import { liveRelease } from './store/releases.ts';

/** What is to be carried out. The app's lock is held, and main stands at the change's base. */
export type Asked = {
  app: App;
  change: Change;
  /** The others of its batch; left out: it is alone. */
  riders?: readonly Change[];
  repository: Repository;
  /** The exact commit that becomes main, and its tree. */
  candidate: CommitId;
  tree: TreeId;
  /** main's tree; null at the first push. */
  baseTree: TreeId | null;
  /** null: the config that is current. */
  configVersion: number | null;
  /** What is being read of the candidate already; null: nothing. */
  reading: Reading | null;
  /** What was refused of this very tree, against whatever main, refuses it again: a batch has shown it. */
  isInferred?: boolean;
  /** Who lets it past the checks, and why; left out: it is held to them. */
  override?: Override | null;
  /** Of the release, for people: "deployed 1a2b3c4". */
  description: string;
};

/** Milliseconds that a gate may take, unless its repository says otherwise. */
export const gateLimitMs = 15 * 60_000;

/** Carries a change out to one of its ends, and says so to whoever asked. Throws only past the commit point. */
export async function carryOut(world: World, asked: Asked, asker: Asker): Promise<ChangeEnd> {
  using limit = timeLimit(gateLimitMs);
  const signal = AbortSignal.any([asker.signal, limit.signal, ...(asker.superseded ? [asker.superseded] : [])]);
  const running = begin(world, asked, asker);
  const { say } = running;
  try {
    if (running.isLost) return running.close({ state: 'infra-error', reason: endedElsewhere, version: null });
    const verdict = await prove(world, asked, asker, running, limit, signal);
    if (limit.signal.aborted) return await running.end('timed-out', tooLong(limit));
    if (asker.signal.aborted) return await running.end('cancelled', 'cancelled');
    if (asker.superseded?.aborted) return await endSuperseded(running, asker.superseded);
    if (typeof verdict === 'string' && asker.left?.aborted) return await running.end('cancelled', left);
    if (typeof verdict === 'string') return await running.end('infra-error', verdict);
    if (verdict.outcome === 'rejected' || !running.candidate) {
      if (running.riders.length === 0) say(rejectedLine(verdict, asked.change.base));
      return await running.end('rejected', verdict.reason);
    }
    running.moment('proved');
    running.keep();
    const ended = await land(world, asked, asker, running, running.candidate);
    if (ended === 'landed') {
      const { version = null, docs = [] } = liveRelease(world.database, asked.app.id) ?? {};
      if (docs.length > 0) say(`docs: ${world.docsUrlOf(asked.app)}`);
      return running.close({ state: 'landed', reason: null, version });
    }
    if (ended === 'abandoned' && asker.superseded?.aborted) return await endSuperseded(running, asker.superseded);
    if (ended === 'abandoned') return await running.end('cancelled', abandoned);
    if (ended === 'moved') return await running.end('conflict', await movedTo(asked));
    return await running.end('infra-error', endedElsewhere);
  } catch (error) {
    // Past the commit point there is only forward: the change stays `passed`, and the next start finishes it.
    if (running.hasAdvanced) {
      running.close({ state: running.change.state, reason: unfinished, version: null });
      throw error;
    }
    // What has passed can no longer be too late.
    if (limit.signal.aborted && running.change.state !== 'passed')
      return await running.end('timed-out', tooLong(limit));
    if (asker.signal.aborted) return await running.end('cancelled', 'cancelled');
    if (asker.superseded?.aborted) return await endSuperseded(running, asker.superseded);
    return await failed(world, running, error);
  } finally {
    running.tidyUp();
    void keepReports(world, asked.app, running.change, asked.repository, running.verdict, running.reports);
    tidyUp(world, asked.app);
  }
}

const endedElsewhere = 'the change was ended elsewhere';
const switchWaits =
  'main has moved, and its release waits for the agent or the router: it is switched to when they answer';
/** Then whoever waits is told what for. */
const patienceMs = 5000;
const unfinished = 'main has moved, and the switch is finished when Lockstep is back';

/** A store that cannot take the beginning is told the end as soon as it can be: no change stays between the two. */
function begin(world: World, { change, riders, candidate, tree }: Asked, asker: Asker): RunningChange {
  try {
    return new RunningChange(world, change, { candidate, tree }, asker, riders);
  } catch (error) {
    // A merge request waits in the queue as before.
    if (change.how !== 'merge')
      endUnbegun(world, change, `it could not be begun: ${(error as Error).message}; try again`);
    throw error;
  }
}

const tooLong = ({ ms }: TimeLimit): string =>
  `the gate took longer than ${ms >= 60_000 ? `${ms / 60_000} minutes` : `${ms / 1000} seconds`}`;
const left = 'the client went away before there was a verdict; push again';
const abandoned = 'the client went away, or its token was revoked: the verdict is kept, push again to land it';

/** One that had passed already, and was about to land, is cancelled: a proof that stands is not taken back. */
function endSuperseded(running: RunningChange, { reason }: AbortSignal): Promise<ChangeEnd> {
  const state = running.change.state === 'passed' ? 'cancelled' : 'superseded';
  return running.end(state, (reason as Error).message);
}

/** Checks, build and boot, and the release command between the checks and the boot. A sentence: there is no verdict. */
async function prove(
  world: World,
  asked: Asked,
  asker: Asker,
  running: RunningChange,
  limit: TimeLimit,
  signal: AbortSignal,
): Promise<Verdict | string> {
  const { say, moment, afterwards } = running;
  const { app, repository, tree, baseTree, configVersion, description, reading } = asked;
  const proof = await proveCandidate(world, {
    ...{ app, change: running.change, repository, tree, baseTree, configVersion, description, reading },
    ...{ isRecheck: asker.isRecheck, isInferred: asked.isInferred ?? false },
    override: asked.override ?? null,
    ...{ weaken: asker.weaken ?? 'not', say, moment, afterwards, signal, left: asker.left },
    onGate: ({ timeoutMs }) => limit.set(timeoutMs),
    onReports: (reports) => void running.reports.push(reports),
    onCandidate: (candidate) => {
      running.candidate = candidate;
    },
  });
  running.change = { ...running.change, isMemoised: proof.isMemoised };
  running.verdict = proof.verdict;
  running.looked = proof.looked ?? null;
  if (!proof.verdict) {
    say(infraLine(proof.results));
    return infraLine(proof.results);
  }
  if (proof.verdict.outcome === 'rejected' || !proof.candidate) return proof.verdict;
  if (proof.isMemoised) say(memoisedLine(tree));
  if (proof.isBooted) return proof.verdict;
  running.verdict = await releaseThenBoot(world, proof.candidate, proof.verdict, running, signal);
  return running.verdict ?? 'the release command or the boot could not run; push again';
}

/** The release command runs once, before any instance of the new code; then the instances start. null: no verdict. */
async function releaseThenBoot(
  world: World,
  candidate: Candidate,
  verdict: Verdict,
  running: RunningChange,
  signal: AbortSignal,
): Promise<Verdict | null> {
  const { say, moment } = running;
  const results = verdict.checks.filter((one) => !['release', 'boot'].includes(one.kind));
  // A rollback runs older code on a newer database: its migrations are not asked for.
  if (candidate.runnable.artifact.plan.releaseCommand && running.change.how !== 'rollback') {
    const released = await runReleaseCommand(world, candidate, say, signal);
    moment('releaseEnded');
    for (const line of checkLines(released)) say(line);
    results.push(released);
    if (released.outcome !== 'passed') return fold(results);
  }
  const booted = await bootRelease(world, candidate, signal);
  moment('bootEnded');
  for (const line of checkLines(booted)) say(line);
  return fold([...results, booted]);
}

/** From the last question before main moves to the word that it is done. */
function land(
  world: World,
  { app, repository, candidate: commit }: Asked,
  asker: Asker,
  running: RunningChange,
  candidate: Candidate,
): Promise<PromoteEnd> {
  const { change } = running;
  return promote({
    ensureFresh: async () => void (await world.agent.alive()),
    isAbandoned: asker.isGone,
    persistPassed: () => running.passed(candidate),
    advance: async () => {
      // HEAD names the branch that the repository's guard keeps; an app's first push decides which it is.
      if (change.base === null) await repository.privileged.setHead(branchRef(app.mainBranch!));
      const moved = await advanceSurely(mainlineOf(app, repository), change.base, commit);
      running.hasAdvanced = moved !== 'moved';
      if (moved === 'unknown') throw new Error('main may have moved: the next start of Lockstep decides it');
      return moved;
    },
    switchRoute: async () => {
      const waits = setTimeout(() => running.say(switchWaits), patienceMs);
      await switchOver(world, app, candidate.runnable, world.signal).finally(() => clearTimeout(waits));
    },
    persistLanded: () =>
      insist(world, () => {
        const moments = { ...running.moments };
        const { looked, riders } = running;
        persistLanded(world, app, running.change, candidate, running.verdict, moments, looked, riders);
      }),
    moment: (name) => {
      running.moment(name);
      if (name === 'landed') running.keep();
    },
  });
}

async function movedTo({ app, repository }: Asked): Promise<string> {
  const tip = await mainlineOf(app, repository).tip();
  return `main moved to ${tip?.slice(0, 7) ?? 'nothing'} during the gate; git pull --rebase, then push again`;
}

/** Something of ours failed: neither passed nor rejected. */
function failed(world: World, running: RunningChange, error: unknown): Promise<ChangeEnd> {
  const disk = diskFailure(error, 'what the change needs could not be written');
  const reason = disk ? `${disk.code}: ${disk.message}` : error instanceof Error ? error.message : String(error);
  const stack = disk === null && !isFailure(error) && error instanceof Error ? { stack: error.stack } : {};
  const cause = error instanceof Error && error.cause instanceof Error ? { cause: error.cause.message } : {};
  world.log({ level: 'error', message: `change ${running.change.id}: ${reason}`, ...cause, ...stack });
  running.say(`no verdict: ${reason}; push again`);
  return running.end('infra-error', reason);
}
