// A push of what is not main: the branch is stored whatever becomes of it (it is the developer's own), and checked at once. With
// `-o merge`, or to `refs/for/main`, the push asks for main to have it, shows the gate, and answers when it has landed or was
// refused; a client that goes away leaves the request where it is.
import type { App } from '../../domain/app.ts';
import { type Change, isQueued, type Priority } from '../../domain/change.ts';
import { isFailure } from '../../domain/errors.ts';
import type { CommitId, TokenId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import type { WeakenAsked } from '../../gate/policy/weakening.ts';
import type { RefName } from '../../git/argv.ts';
import type { Repository } from '../../git/repository.ts';
import type { Push, RefCommand, RefVerdict } from '../../receive/proc-receive.ts';
import { requestOfHead, runningChanges } from '../../store/changes.ts';
import { liveRelease } from '../../store/releases.ts';
import type { ProgressEnd } from '../progress.ts';
import { nowMs, type World } from '../world.ts';
import { askMerge, cancelMerge } from './ask.ts';
import { branchChecksOf } from './branch-checks.ts';
import { placeOf } from './plan.ts';
import { readState } from './read-state.ts';

const accepted: RefVerdict = { isAccepted: true };
const refused = (reason: string): RefVerdict => ({ isAccepted: false, reason });

/** Branches that are checked when they are pushed together; of more than these none is. */
export const mostChecked = 3;
/** That a push waits for its check to begin, unless it is told otherwise. */
const usualPatienceMs = 15_000;

export type PushWishes = {
  isMerge: boolean;
  isCancel: boolean;
  isDryRun: boolean;
  isDetached: boolean;
  priority: Priority;
};

/** What `-o` asks for. A word that nobody knows is said, not obeyed. */
export function wishesOf({ options, say }: Pick<Push, 'options' | 'say'>): PushWishes {
  const known = [
    'merge',
    'cancel',
    'dry-run',
    'detach',
    'recheck',
    'priority=hotfix',
    'priority=normal',
    'allow-weaken',
  ];
  for (const option of options)
    if (!known.includes(option))
      say(`-o ${option} is not known here; there are ${known.map((one) => `-o ${one}`).join(', ')}`);
  return {
    isMerge: options.includes('merge'),
    isCancel: options.includes('cancel'),
    isDryRun: options.includes('dry-run'),
    isDetached: options.includes('detach'),
    priority: options.includes('priority=hotfix') ? 'hotfix' : 'normal',
  };
}

/** Moves branches, all at once when it can be. Of each that could not be moved, why. */
export async function storeBranches(
  repository: Repository,
  commands: readonly RefCommand[],
  isAtomic: boolean,
): Promise<Map<string, string>> {
  const { git } = repository;
  const failed = new Map<string, string>();
  const moves = commands
    .filter(({ from, to }) => from !== to)
    .map(({ ref, from, to }) => ({ ref: ref as RefName, from, to }));
  if (moves.length > 1 || isAtomic) {
    if (moves.length === 0 || (await git.updateRefs(moves, 'push'))) return failed;
    if (isAtomic) for (const { ref } of moves) failed.set(ref, 'one of the refs could not be moved, and none was');
    if (isAtomic) return failed;
  }
  for (const { ref, from, to } of moves) {
    const isMoved = await (to === null ? git.deleteRef(ref, from!) : git.updateRef(ref, to, from, 'push')).catch(
      (error: Error) => {
        if (isFailure(error, 'disk-full', 'disk-failed')) throw error;
        const why = /cannot (?:create|lock ref)/.test(error.message)
          ? 'another branch stands in its way (one name is a folder of the other)'
          : `it could not be stored: ${error.message}`;
        failed.set(ref, why);
        return true;
      },
    );
    if (!isMoved) failed.set(ref, 'the branch moved meanwhile; fetch and push again');
  }
  return failed;
}

export type BranchPush = {
  world: World;
  app: App;
  repository: Repository;
  push: Push;
  wishes: PushWishes;
  actor: string;
  tokenId: TokenId | null;
  weaken: WeakenAsked;
  requestedAtMs: number;
  /** Left out: 15 seconds. */
  patienceMs?: number;
};

/** A branch that has been stored: it is checked, or asked for. */
export async function afterStoring(asked: BranchPush, branch: BranchName, to: CommitId): Promise<RefVerdict> {
  const { world, app, push, wishes } = asked;
  if (wishes.isCancel) return cancel(asked, to);
  if (wishes.isMerge && !wishes.isDryRun) return askAndFollow(asked, branch, to);
  await showCheck(asked, branch, to);
  if (wishes.isDryRun) push.say('a dry run: nothing is merged');
  else if (liveRelease(world.database, app.id)) push.say(`merge it: lockstep merge ${branch}, or git push -o merge`);
  return accepted;
}

/** `refs/for/main`: the commit itself, no branch. */
export async function pushFor(asked: BranchPush, command: RefCommand): Promise<RefVerdict> {
  const { app, wishes } = asked;
  const target = command.ref.slice('refs/for/'.length);
  if (app.mainBranch === null) return refused('there is no main to merge into yet: push main first');
  if (target !== app.mainBranch)
    return refused(`only ${app.mainBranch} is merged into: push to refs/for/${app.mainBranch}`);
  if (command.to === null) return refused('there is nothing to delete; -o cancel ends a merge request');
  if (wishes.isCancel) return cancel(asked, command.to);
  if (wishes.isDryRun) {
    await showCheck(asked, null, command.to);
    asked.push.say('a dry run: nothing is merged');
    return accepted;
  }
  return askAndFollow(asked, null, command.to);
}

function cancel({ world, app, push, actor }: BranchPush, head: CommitId): RefVerdict {
  const change = requestOfHead(world.database, app.id, head);
  if (!change) return refused(`nobody has asked for ${head.slice(0, 7)} to be merged, or it has ended`);
  try {
    cancelMerge(world, app, change.id, actor);
  } catch (error) {
    if (!isFailure(error)) throw error;
    return refused(error.message);
  }
  push.say(`change #${change.number} is cancelled`);
  return accepted;
}

async function showCheck(asked: BranchPush, branch: BranchName | null, head: CommitId) {
  const { world, app, push, wishes, actor } = asked;
  if (app.mainBranch === null || liveRelease(world.database, app.id) === null) return;
  const check = branchChecksOf(world).check(app, {
    branch,
    head,
    actor,
    weaken: wishes.isDryRun ? asked.weaken : 'not',
  });
  if (!check) return push.say('not checked now: too many checks wait already');
  if (wishes.isDetached) return push.say('the check goes on without you');
  const enough = new AbortController();
  const late = setTimeout(() => check.isWaiting() && enough.abort(), asked.patienceMs ?? usualPatienceMs);
  try {
    for await (const step of check.follow(AbortSignal.any([push.signal, enough.signal]))) {
      if ('end' in step) return;
      push.say(step.line);
    }
    if (enough.signal.aborted) push.say('others go first; the check goes on without you');
  } finally {
    clearTimeout(late);
  }
}

async function askAndFollow(asked: BranchPush, source: BranchName | null, head: CommitId): Promise<RefVerdict> {
  const { world, app, push, wishes, actor, tokenId, weaken, requestedAtMs } = asked;
  let change: Change;
  try {
    const found = await askMerge(world, app, {
      ...{ head, source, priority: wishes.priority, actor, tokenId, override: null, weaken, requestedAtMs },
    });
    change = found.change;
    if (!found.isNew) push.say(`change #${change.number} asks for this commit already`);
  } catch (error) {
    if (!isFailure(error)) throw error;
    return refused(error.advice ? `${error.message}. ${error.advice}` : error.message);
  }
  await sayPlace(world, app, change, push);
  if (wishes.isDetached) {
    push.say(`lockstep changes shows what becomes of it`);
    return accepted;
  }
  const end = await followToEnd(world, change, push);
  if (end === null) return refused(`no longer followed: change #${change.number} goes on without you`);
  if (end.state !== 'landed')
    return refused(
      end.state === 'rejected' ? `not merged: gate: ${end.reason}` : `not merged: ${end.reason ?? end.state}`,
    );
  const live = liveRelease(world.database, app.id);
  const took = Math.round(nowMs() - requestedAtMs);
  push.say(`main is now ${live?.commit.slice(0, 7) ?? '?'}: git pull`);
  push.say(`live: ${world.urlOf(app)} (v${end.version}) in ${took} ms`);
  return accepted;
}

/** `change #42 queued (position 2, ~1m10s)` */
async function sayPlace(world: World, app: App, change: Change, push: Push): Promise<void> {
  const inGate = runningChanges(world.database).filter(
    (one) => one.appId === app.id && one.how === 'merge' && !isQueued(one),
  );
  const inHand = inGate.length === 0 ? null : { ids: inGate.map(({ id }) => id), isStopped: false };
  const state = await readState(world, app, { inHand, mayStart: false });
  const { position, waitMs } = placeOf(change.id, state);
  const seconds = Math.round(waitMs / 1000);
  const wait = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  push.say(`change #${change.number} queued${position > 1 ? ` (position ${position}, ~${wait})` : ''}`);
}

async function followToEnd(world: World, change: Change, push: Push): Promise<ProgressEnd | null> {
  for await (const step of world.progress.follow(change.id, push.signal) ?? []) {
    if ('end' in step) return step.end;
    push.say(step.line);
  }
  return null;
}
