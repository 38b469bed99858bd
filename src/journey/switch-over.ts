// After main has moved: the release's set becomes the one that is routed. There is no way back, so this keeps at it; and it never takes away what serves before its successor answers (invariant P1). Mostly the set is up already and nothing
// is waited for. After a crash of the agent or of control it may have to start first; then what served goes on until it has.
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
  const { observations } = world;
  // An agent that is away gets the document when it is heard again.
  await world.desired
    .startCandidate(app, runnable)
    .catch((error: Error) => world.log({ level: 'warn', message: `a release waits for its start: ${error.message}` }));
  await observations.waitFor(() => (observations.isConnected ? true : null), signal);
  const limit = AbortSignal.timeout(upLimitMs);
  const count = runnable.artifact.plan.processes.web ? 1 : 0;
  try {
    await waitForSet(observations, runnable.release.setId, count, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
  }
}
