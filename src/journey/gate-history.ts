// What earlier gates of an app teach the next one, and what this one leaves to those that come. It is kept when the change has ended:
// the landing does not wait for it, and who loses it in a crash loses a figure.
import type { App } from '../domain/app.ts';
import type { CheckResult } from '../domain/gate.ts';
import { checkRunOf, usualDurations } from '../domain/gate-run.ts';
import type { ChangeId } from '../domain/ids.ts';
import { keepGateRun, recentGateRuns } from '../store/gate-runs.ts';
import { nowMs, type World } from './world.ts';

/** How long earlier runs of a check took, newest first; asked of the store once, and only when a check asks. */
export function earlierRuns(world: World, app: App): (name: string) => readonly number[] {
  let runs: ReturnType<typeof recentGateRuns> | null = null;
  return (name) => {
    runs ??= recentGateRuns(world.database, app.id);
    return usualDurations(runs, name);
  };
}

/** Work for afterwards. What was memoised or cancelled has measured nothing. */
export function rememberGate(world: World, app: App, changeId: ChangeId | null, results: readonly CheckResult[]): void {
  const ran = results.filter(({ outcome, kind }) => outcome !== 'skipped' && !['build', 'boot'].includes(kind));
  if (ran.length === 0) return;
  try {
    const owner = { teamId: app.teamId, appId: app.id };
    keepGateRun(world.database, owner, { changeId, checks: ran.map(checkRunOf), atMs: nowMs() });
  } catch (error) {
    world.log({
      level: 'warn',
      message: `what a gate measured was not kept: ${(error as Error).message}`,
      app: app.id,
    });
  }
}
