// After main has moved: the release's set becomes the one that is routed. There is no way back, so this keeps at it; and it
// does not take away what serves when its successor is known to be down (invariant P1). Mostly the set is up and nothing is
// waited for; when the agent or the set died since the boot, the set is started again first. It is for the control that
// proved the set: after its own restart control cannot know whether the agent has switched already, and only goes forward.
import type { App } from '../domain/app.ts';
import { waitForSet } from '../release/boot.ts';
import type { Runnable } from '../release/compose.ts';
import type { World } from './world.ts';

/** Milliseconds that a set gets to be up again once the agent is heard; then it is switched to as it is (invariants I3, P2). */
const upLimitMs = 20_000;

/** Resolves when the router serves the set. Rejects with the signal's reason only. */
export async function switchOver(world: World, app: App, runnable: Runnable, signal: AbortSignal): Promise<void> {
  if (!isUp(world, runnable)) await bringUp(world, app, runnable, signal);
  await world.desired.switchTo(app, runnable, signal);
}

function isUp({ observations }: World, { artifact, release }: Runnable): boolean {
  if (observations.isLost) return false;
  if (!artifact.plan.processes.web) return true;
  return observations.ofSet(release.setId).some((one) => one.type === 'web' && one.state === 'healthy');
}

async function bringUp(world: World, app: App, runnable: Runnable, signal: AbortSignal): Promise<void> {
  const { observations, desired } = world;
  const { setId } = runnable.release;
  const count = runnable.artifact.plan.processes.web ? 1 : 0;
  // An agent that is away gets the document when it is heard again.
  const waits = (error: Error): void =>
    world.log({ level: 'warn', message: `a release waits for its start: ${error.message}` });
  await desired.startCandidate(app, runnable).catch(waits);
  await observations.waitFor(() => (observations.isConnected ? true : null), signal);
  const limit = AbortSignal.timeout(upLimitMs);
  const until = AbortSignal.any([signal, limit]);
  try {
    while (!(await waitForSet(observations, setId, count, until)).isUp) {
      // A candidate that has ended is never started again by itself: it leaves the document, and comes back anew.
      await desired.dropCandidate(app, setId).catch(waits);
      await observations.waitFor(() => (observations.ofSet(setId).length === 0 ? true : null), until);
      await desired.startCandidate(app, runnable).catch(waits);
      await observations.waitFor(() => (observations.ofSet(setId).length > 0 ? true : null), until);
    }
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
  }
}
