// What the plan of an app's queue is made from, read afresh: the store for the requests, the repository for the branches, the
// mainline for main. Nothing of it is remembered, but which gate runs in this process.
import type { App } from '../../domain/app.ts';
import type { Change } from '../../domain/change.ts';
import { gateOf } from '../../domain/gate-settings.ts';
import type { ChangeId } from '../../domain/ids.ts';
import { type BranchName, branchOfRef } from '../../domain/names.ts';
import { branchCheckOf } from '../../store/branch-checks.ts';
import { findChange, queuedChanges, recentGates } from '../../store/changes.ts';
import { findArtifact, liveRelease } from '../../store/releases.ts';
import { mainlineOf, nowMs, type World } from '../world.ts';
import type { QueueState, Request } from './plan.ts';
import { whyUnwanted } from './wanted.ts';

/** The gate that runs in this process. */
export type InHand = { ids: readonly ChangeId[]; isStopped: boolean };

/** Gates that the failure rate and the usual time are taken from. */
const recent = 50;
/** Before any gate of the app has run. */
const firstGateMs = 10_000;

export async function readState(
  world: World,
  app: App,
  now: { inHand: InHand | null; mayStart: boolean },
): Promise<QueueState> {
  const { database } = world;
  const repository = await world.repositoryOf(app);
  const [refs, tip] = await Promise.all([
    repository.git.listRefs('refs/heads/'),
    app.mainBranch === null ? null : mainlineOf(app, repository).tip(),
  ]);
  const heads = new Map<BranchName, QueueState['tip'] & string>();
  for (const [ref, id] of refs) {
    const branch = branchOfRef(ref);
    if (branch !== null) heads.set(branch, id);
  }
  const toRequest = (change: Change): Request => {
    const check = branchCheckOf(database, app.id, change.head);
    return {
      ...{ id: change.id, number: change.number, head: change.head, branch: change.source },
      ...{ priority: change.priority, arrivedAtMs: change.createdAtMs, withdrawn: whyUnwanted(database, change) },
      ...{ split: change.split, isOverride: change.override !== null },
      isAlone: change.allowsWeaker,
      verdict: check?.outcome ?? 'unknown',
      conflicts: check?.outcome === 'conflict' && check.base === tip ? check.conflicts : null,
    };
  };
  // From here on nothing waits: the requests are of one moment.
  const gates = recentGates(database, app.id, recent);
  const taken = (now.inHand?.ids ?? []).flatMap((id) => findChange(database, app.id, id) ?? []);
  const first = taken[0];
  return {
    queued: queuedChanges(database, app.id)
      .filter(({ id }) => !now.inHand?.ids.includes(id))
      .map(toRequest),
    running:
      now.inHand && first
        ? {
            requests: taken.map(toRequest),
            // Before it is fixed, it is made on whatever main is.
            base: first.state === 'received' ? tip : first.base,
            isPassed: !['received', 'gating'].includes(first.state),
            isStopped: now.inHand.isStopped,
          }
        : null,
    ...{ tip, heads, mayStart: now.mayStart, nowMs: nowMs() },
    gateMs: gates.gateMs ?? firstGateMs,
    failureRate: gates.failureRate,
    batch: settingsOf(world, app).batch,
  };
}

/** What main's own lockstep.yml says of how changes land. */
export function settingsOf(world: World, app: App) {
  const live = liveRelease(world.database, app.id);
  const plan = live && findArtifact(world.database, app.id, live.artifactDigest)?.plan;
  return gateOf(plan ?? {});
}
