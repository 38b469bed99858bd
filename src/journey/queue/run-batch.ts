// One gate of the queue: the candidate of these requests is made, held in the repository, and carried out like a push. What is no
// verdict on it (main moved, it was stopped, the machinery failed) puts the requests back; a refusal of several halves them.
import type { App } from '../../domain/app.ts';
import type { Change, ChangeState } from '../../domain/change.ts';
import type { ChangeId } from '../../domain/ids.ts';
import { carryOut } from '../../journey.ts';
import { findChange, queuedChanges } from '../../store/changes.ts';
import { inTransaction } from '../../store/open.ts';
import type { Asker, TakenBack } from '../running-change.ts';
import { mainlineOf, type World } from '../world.ts';
import { endRequest, letGo } from './end-request.ts';
import { measuredBase } from './measured-base.ts';
import { type Member, makeCandidate } from './merge-candidate.ts';
import { pin, unpin } from './pins.ts';
import { conflictReason } from './plan.ts';
import { settingsOf } from './read-state.ts';
import { afterLanding, halves } from './split.ts';
import { weakenAskedBy, whyUnwanted } from './wanted.ts';

/** How often the machinery may fail under a request before it ends. */
const mostTries = 2;

type Taken = Member & { change: Change };

/** `pauseMs`: before the next gate; the machinery has failed under this one. */
export type BatchEnd = { pauseMs: number };

/**
 * Under the app's turn, with a gate's slot. Resolves when all of it has ended or is back in the queue.
 * @param stop raised, with a reason, when it is to be put back
 */
export async function runBatch(world: World, app: App, ids: readonly ChangeId[], stop: AbortSignal): Promise<BatchEnd> {
  const { database } = world;
  const repository = await world.repositoryOf(app);
  using _use = await world.usesOf(app.id).begin();
  const { git } = repository;
  const base = await mainlineOf(app, repository).tip();
  const members = ids.flatMap((id) => takenOf(findChange(database, app.id, id)));
  const first = members[0];
  if (!first || base === null) return { pauseMs: 0 };
  const made = await makeCandidate(git, base, members, settingsOf(world, app).history);
  if (made.kind !== 'candidate') {
    const [state, reason] = {
      conflict: ['conflict', made.kind === 'conflict' ? conflictReason(made.files) : ''] as const,
      nothing: ['superseded', 'main has all of it already'] as const,
      gone: ['infra-error', `its commit ${first.head.slice(0, 7)} is not in the repository any more`] as const,
    }[made.kind];
    endRequest(world, app, first.change, state, reason);
    return { pauseMs: 0 };
  }
  const changes = made.members.map(({ change }) => ({ ...change, base }));
  const [leader, ...riders] = changes as [Change, ...Change[]];
  await pin(git, 'cand', leader.id, made.commit);
  for (const { id } of changes) world.progress.open(id).say(candidateLine(made.commit, base, made.members));
  const asker = askerOf(world, app, changes, stop);
  let isTry = false;
  try {
    const end = await carryOut(
      world,
      {
        ...{ app, change: leader, riders, repository, candidate: made.commit, tree: made.tree },
        baseTree: await git.treeOf(measuredBase(database, app.id, base)!),
        ...{ configVersion: null, reading: null },
        isInferred: leader.split?.isLast ?? false,
        override: made.members[0]?.override ?? null,
        description: `merged ${made.members.map(({ branch, head }) => branch ?? head.slice(0, 7)).join(', ')}`.slice(
          0,
          200,
        ),
      },
      {
        ...asker,
        takesBack(state, reason) {
          const back = asker.takesBack!(state, reason);
          isTry = back?.isTry ?? false;
          return back;
        },
      },
    );
    if (end.state === 'landed') noteLanded(world, app, changes);
  } finally {
    const now = changes.map(({ id }) => findChange(database, app.id, id));
    await unpin(git, leader.id, ['cand']).catch(() => {});
    await letGo(
      world,
      app,
      now.flatMap((one) => (one?.endedAtMs ? [one] : [])),
    );
  }
  return { pauseMs: isTry ? 500 * 4 ** Math.min(3, leader.tries) : 0 };
}

function takenOf(change: Change | null): Taken[] {
  if (change?.state !== 'received') return [];
  const { id, number, source, head, override, actor } = change;
  return [
    { change, id, number, branch: source, head, override: override === null ? null : { reason: override, by: actor } },
  ];
}

/** `candidate 9c60865 = main 35cd47b + feature 26a8ecb` */
function candidateLine(commit: string, base: string, members: readonly Member[]): string {
  const added = members.map(({ branch, head }) => `${branch === null ? '' : `${branch} `}${head.slice(0, 7)}`);
  return `candidate ${commit.slice(0, 7)} = main ${base.slice(0, 7)} + ${added.join(' + ')}`;
}

function askerOf(world: World, app: App, changes: readonly Change[], stop: AbortSignal): Asker {
  const unwanted = (): string | undefined => {
    const now = changes.flatMap(({ id }) => findChange(world.database, app.id, id) ?? []);
    return now.map((one) => whyUnwanted(world.database, one)).find((why) => why !== null) ?? undefined;
  };
  return {
    say: () => {},
    isGone: () => stop.aborted || unwanted() !== undefined,
    signal: AbortSignal.any([world.signal, stop]),
    isRecheck: false,
    // Who may make the gate weaker is tested alone.
    weaken: weakenAskedBy(world.database, changes[0]!),
    takesBack(state, reason) {
      const back = (why: string): TakenBack => ({ reason: why, splits: null, isTry: false });
      if (world.signal.aborted) return back('Lockstep was stopped');
      if (stop.aborted) return back((stop.reason as Error).message);
      const why = unwanted();
      if (why !== undefined) return back(why);
      if (state === 'conflict') return back('main moved');
      if (state === 'infra-error' && changes.every((one) => one.tries < mostTries))
        return { reason, splits: null, isTry: true };
      return changes.length > 1 && isRefusal(state) ? halved(changes, reason) : null;
    },
  };
}

const isRefusal = (state: ChangeState): boolean => ['rejected', 'timed-out', 'infra-error'].includes(state);

function halved(changes: readonly Change[], reason: string): TakenBack {
  const name = `${changes[0]!.split?.group ?? `b${changes[0]!.number}`}`;
  const splits = halves(changes.length, name);
  return {
    reason: `${changes.length} changes together were refused (${reason}): each half by itself`,
    splits,
    isTry: false,
  };
}

/** The other half of a batch is what failed in it. */
function noteLanded(world: World, app: App, landed: readonly Change[]): void {
  const { database } = world;
  const update = database.prepare("UPDATE changes SET split = ? WHERE id = ? AND state = 'received'");
  inTransaction(database, () => {
    for (const one of queuedChanges(database, app.id)) {
      const split = afterLanding(one.split, landed[0]!.split, landed.length);
      if (split) update.run(JSON.stringify(split), one.id);
    }
  });
}
