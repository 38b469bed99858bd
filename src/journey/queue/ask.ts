// What people ask of the queue: that a commit be merged, that it be not any more, and where a request stands. A request is durable
// when this returns: its commit is held in the repository, and its change is in the store.
import type { App } from '../../domain/app.ts';
import { type Change, isTerminal, type Priority } from '../../domain/change.ts';
import { fail } from '../../domain/errors.ts';
import type { ChangeId, CommitId, TokenId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import type { WeakenAsked } from '../../gate/policy/weakening.ts';
import { branchRef } from '../../git/argv.ts';
import { findChange, joinRequest, queuedChanges, raisePriority, requestOfHead, withdraw } from '../../store/changes.ts';
import { liveRelease } from '../../store/releases.ts';
import { receiveChange } from '../receive-change.ts';
import { mainlineOf, newId, nowMs, type World } from '../world.ts';
import { pin, unpin } from './pins.ts';
import { whyUnwanted } from './wanted.ts';

/** Of one app, requests that wait. */
export const mostRequests = 100;

export type MergeAsked = {
  head: CommitId;
  /** null: by commit alone. */
  source: BranchName | null;
  priority: Priority;
  actor: string;
  /** The reason of an admin who lets it past the checks. */
  override: string | null;
  /** Whether it may make main's gate weaker. */
  weaken: WeakenAsked;
  /** null: it is no token's. */
  tokenId: TokenId | null;
  requestedAtMs: number;
};

/**
 * The request, which is there already when the same commit is asked for twice (`isNew` false).
 * @throws forbidden who asks for a weaker gate and is no admin; no-release before the first push; conflict when main has it; busy; not-found when the commit is not there
 */
export async function askMerge(world: World, app: App, asked: MergeAsked): Promise<{ change: Change; isNew: boolean }> {
  const { database } = world;
  const { head, source, priority, actor, override, requestedAtMs } = asked;
  if (asked.weaken === 'without the right')
    throw fail('forbidden', 'allow-weaken needs the right admin, which this token has not', {
      advice: 'Ask without it, or let an admin ask.',
    });
  const allowsWeaker = asked.weaken === 'by an admin';
  const repository = await world.repositoryOf(app);
  using _use = await world.usesOf(app.id).begin();
  const tip = app.mainBranch === null ? null : await mainlineOf(app, repository).tip();
  if (tip === null || liveRelease(database, app.id) === null)
    throw fail('no-release', 'there is no main to merge into yet', { advice: 'Push main first.' });
  if (!(await repository.git.commitOf(head)))
    throw fail('not-found', `there is no commit ${head.slice(0, 7)} here`, { advice: 'Push it first.' });
  if (head === tip || (await repository.git.isAncestor(head, tip)))
    throw fail('conflict', `main has ${head.slice(0, 7)} already`, { advice: 'Nothing is to be merged.' });
  const joined = join(world, app, asked);
  if (joined) return { change: joined, isNew: false };
  if (queuedChanges(database, app.id).length >= mostRequests)
    throw fail('busy', `${mostRequests} merge requests of ${app.name} wait already`, { advice: 'Try again later.' });
  const id = newId('chg');
  await pin(repository.git, 'head', id, head);
  // Whoever asked for the same meanwhile was first; from here on nothing waits.
  const first = join(world, app, asked);
  if (first) {
    await unpin(repository.git, id);
    return { change: first, isNew: false };
  }
  const known = requestOfHead(database, app.id, head);
  const change = receiveChange(world, app, {
    ...{ id, how: 'merge', base: null, head, source, priority, actor, override, allowsWeaker },
    ...(asked.tokenId === null ? {} : { askedBy: [asked.tokenId] }),
    moments: { requested: requestedAtMs, received: nowMs() },
  });
  // What goes past the checks, or some of them, takes the place of what waited for all.
  const how = override !== null ? ' without the checks' : allowsWeaker ? ' with a weaker gate' : '';
  if (known) withdraw(database, known.id, `change #${change.number} asks for it${how}`);
  world.progress.open(change.id);
  world.announce();
  world.queueGrown(app);
  return { change, isNew: true };
}

/** The request of this commit that is on its way, made more urgent when that is asked for; null: there is none to join. */
function join(world: World, app: App, { head, priority, override, weaken, tokenId }: MergeAsked): Change | null {
  const known = requestOfHead(world.database, app.id, head);
  if (!known || (override !== null && known.override === null)) return null;
  if (weaken === 'by an admin' && !known.allowsWeaker && known.override === null) return null;
  // What is about to end because nobody who asked may ask any more is no answer to somebody who may.
  if (whyUnwanted(world.database, known) !== null) return null;
  if (tokenId !== null) joinRequest(world.database, known, tokenId);
  if (priority === 'hotfix' && known.priority !== 'hotfix') raisePriority(world.database, known.id);
  world.queueGrown(app);
  return findChange(world.database, app.id, known.id);
}

/** Where a branch stands. @throws not-found */
export async function headOf(world: World, app: App, branch: BranchName): Promise<CommitId> {
  const { git } = await world.repositoryOf(app);
  const head = await git.resolveRef(branchRef(branch));
  if (head === null)
    throw fail('not-found', `${app.name} has no branch ${branch}`, {
      advice: `Push it first: git push lockstep ${branch}`,
    });
  return head;
}

/**
 * Notes that a request is wanted no more; it ends soon after.
 * @throws not-found; conflict when it has ended, or main is about to move to it
 */
export function cancelMerge(world: World, app: App, id: ChangeId, actor: string): Change {
  const change = findChange(world.database, app.id, id);
  if (change?.how !== 'merge')
    throw fail('not-found', 'there is no such merge request', { advice: 'See lockstep changes.' });
  if (!withdraw(world.database, id, `cancelled by ${actor}`)) {
    const why = isTerminal(change.state) ? `has ended (${change.state})` : 'is about to land';
    throw fail('conflict', `change #${change.number} ${why}`, { advice: 'See lockstep changes.' });
  }
  world.queueGrown(app);
  return findChange(world.database, app.id, id)!;
}
