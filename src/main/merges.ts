// The verbs of merge requests, for the doors.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MergeCheck, MergeSource, Platform } from '../api/platform.ts';
import type { App, Principal } from '../domain/app.ts';
import { type Change, isQueued, priorities } from '../domain/change.ts';
import { fail } from '../domain/errors.ts';
import type { CommitId } from '../domain/ids.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import { askMerge, cancelMerge, headOf } from '../journey/queue/ask.ts';
import { branchChecksOf } from '../journey/queue/branch-checks.ts';
import { nowMs, type World } from '../journey/world.ts';
import { runningChanges } from '../store/changes.ts';

/** A dry run is answered by then, if only by "the check goes on". */
const checkLimitMs = 90_000;

type Verbs = Pick<Platform, 'startMerge' | 'checkMerge' | 'listMerges' | 'cancelMerge'>;

export function mergesOf(world: World): Verbs {
  return {
    async startMerge(principal, app, { branch, head: wanted, priority, override, allowsWeaker }) {
      const head = await commitOf(world, app, { branch, head: wanted });
      const { change } = await askMerge(world, app, {
        ...{ head, source: branch, priority, override, weaken: weakenOf(principal, allowsWeaker) },
        ...{ actor: principal.name, tokenId: principal.tokenId, requestedAtMs: nowMs() },
      });
      return { kind: 'change', id: change.id };
    },
    async checkMerge(principal, app, wanted) {
      const head = await commitOf(world, app, wanted);
      return answer(world, app, wanted, head, principal);
    },
    listMerges: (_principal, app) => listMerges(world, app),
    async cancelMerge(principal, app, id) {
      cancelMerge(world, app, id, principal.name);
    },
  };
}

const weakenOf = ({ rights }: Principal, isAsked: boolean): WeakenAsked =>
  isAsked ? (rights.includes('admin') ? 'by an admin' : 'without the right') : 'not';

/** @throws not-found, conflict */
async function commitOf(world: World, app: App, { branch, head }: MergeSource): Promise<CommitId> {
  const found = branch === null ? head! : await headOf(world, app, branch);
  if (head !== null && found !== head)
    throw fail('conflict', `${branch} is at ${found.slice(0, 7)} here, not at ${head.slice(0, 7)}`, {
      advice: `Push it first: git push lockstep ${branch}`,
    });
  return found;
}

async function answer(
  world: World,
  app: App,
  { branch, allowsWeaker }: MergeSource & { allowsWeaker: boolean },
  head: CommitId,
  principal: Principal,
): Promise<MergeCheck> {
  const unknown = { mergeable: 'unknown', head, base: null, conflicts: [], verdict: null } as const;
  const check = branchChecksOf(world).check(app, {
    ...{ branch, head, actor: principal.name, weaken: weakenOf(principal, allowsWeaker) },
  });
  if (!check) return { ...unknown, reason: 'too many checks wait already; ask again later' };
  const stop = new AbortController();
  const late = sleep(checkLimitMs, 'late' as const, { signal: stop.signal, ref: false }).catch(() => 'late' as const);
  const found = await Promise.race([check.done, late]);
  stop.abort();
  if (found === 'late') return { ...unknown, reason: 'the check goes on; ask again to hear its answer' };
  if (found === null) return { ...unknown, reason: 'there is nothing to merge, or a newer push took its place' };
  const mergeable = { green: 'yes', red: 'no', conflict: 'no', unknown: 'unknown' } as const;
  const { base, reason, conflicts, verdict, outcome } = found;
  return { mergeable: mergeable[outcome], head, base, reason, conflicts, verdict };
}

function listMerges(world: World, app: App): Change[] {
  const rank = (one: Change): number[] => [
    isQueued(one) ? 1 : 0,
    one.override === null ? 1 : 0,
    priorities.indexOf(one.priority),
    one.number,
  ];
  return runningChanges(world.database)
    .filter((one) => one.appId === app.id && one.how === 'merge')
    .sort((a, b) => {
      const [ours, theirs] = [rank(a), rank(b)];
      const at = ours.findIndex((value, index) => value !== theirs[index]);
      return at < 0 ? 0 : ours[at]! - theirs[at]!;
    });
}
