// What the store says once main has moved and the router serves the new set: the change has landed, its release is live and
// numbered, the one before is retired.
import type { App } from '../domain/app.ts';
import type { Change, Moments } from '../domain/change.ts';
import type { CheckResult, Verdict } from '../domain/gate.ts';
import { findApp, noteApp } from '../store/apps.ts';
import { inTransaction } from '../store/open.ts';
import { liveRelease, nextVersion } from '../store/releases.ts';
import { appendEvent, mustMove } from '../store/transition.ts';
import type { Candidate } from './candidate.ts';
import { type Looked, noteQuality } from './quality.ts';
import { eventOf, nowMs, type World } from './world.ts';

/** One transaction: the change (with those of its batch) has landed, its release is live and numbered, the one before is retired. */
export function persistLanded(
  world: World,
  app: App,
  change: Change,
  candidate: Pick<Candidate, 'release'>,
  verdict: Verdict | null,
  moments: Moments,
  looked: Looked | null = null,
  riders: readonly Change[] = [],
): void {
  const { database } = world;
  const { release } = candidate;
  const endedAtMs = Math.round(nowMs());
  inTransaction(database, () => {
    const version = goLive(world, app, release, change.actor);
    noteQuality(world, app, [change, ...riders], verdict, version, looked);
    for (const one of [change, ...riders]) {
      const about = { ...one, changeId: one.id, releaseId: release.id };
      mustMove(database, {
        table: 'changes',
        id: one.id,
        from: 'passed',
        to: 'landed',
        set: { ended_at_ms: endedAtMs, is_memoised: change.isMemoised ? 1 : 0 },
        event: eventOf(about, 'change.landed', {
          commit: change.candidate,
          moments,
          ...(one.override === null ? {} : { override: one.override }),
        }),
      });
    }
    const weaker = verdict?.checks.find((one) => one.kind === 'policy' && one.warnings.length > 0);
    const about = { ...change, changeId: change.id, releaseId: release.id };
    if (weaker) appendEvent(database, eventOf(about, 'gate.weakened', { rules: weaker.warnings }));
    const boot = verdict?.checks.find((one) => one.kind === 'boot');
    const tests = verdict?.checks.find((one) => one.kind === 'tests');
    noteApp(database, app.id, {
      mainBranch: app.mainBranch!,
      ...(boot && isGoodAnswer(boot) ? { wasEverHealthy: true as const } : {}),
      ...((tests?.metrics.testsRun ?? 0) > 0 ? { hasEverRunTests: true as const } : {}),
    });
  });
  settle(world, app);
}

/** The boot check saw an answer below 500: from then on a 5xx is a rejection. */
export function isGoodAnswer(boot: Pick<CheckResult, 'metrics'>): boolean {
  return (boot.metrics.healthStatus ?? 200) < 500;
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
    mustMove(database, {
      table: 'releases',
      id: before.id,
      from: 'live',
      to: 'retired',
      event: eventOf({ ...about, releaseId: before.id }, 'release.retired', { version: before.version }),
    });
  }
  mustMove(database, {
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
  const owner = { tokenId: null, name: 'lockstep', teamId: app.teamId, rights: [], appIds: null };
  world.desired.settled(findApp(world.database, owner, app.name) ?? app);
  world.receiptsDue(app);
}
