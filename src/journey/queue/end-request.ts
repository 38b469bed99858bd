// The end of a merge request that was not tested to its end: its state, the ledger's word, and whoever follows.
import type { App } from '../../domain/app.ts';
import type { Change } from '../../domain/change.ts';
import { safe } from '../../gate/messages.ts';
import { transition } from '../../store/transition.ts';
import { insistLater } from '../insist.ts';
import { eventOf, nowMs, type World } from '../world.ts';
import { unpin } from './pins.ts';

/** Ends a request that waits. Its commits are let go in the background. */
export function endRequest(
  world: World,
  app: App,
  change: Change,
  state: 'superseded' | 'cancelled' | 'conflict' | 'infra-error',
  why: string,
): void {
  const reason = safe(why, 500);
  const endedAtMs = Math.round(nowMs());
  insistLater(world, `the end of ${change.id}`, () => {
    transition(world.database, {
      ...{ table: 'changes', id: change.id, from: 'received', to: state },
      set: { reason, ended_at_ms: endedAtMs },
      event: eventOf({ ...change, changeId: change.id }, `change.${state}`, { reason }),
    });
    const durationMs = endedAtMs - change.createdAtMs;
    const progress = world.progress.open(change.id);
    progress.say(`${state}: ${reason}`);
    progress.end({ ok: false, state, reason, version: null, durationMs });
    world.announce();
  });
  void letGo(world, app, [change]);
}

/** Drops what held the commits of requests that have ended; what fails goes at the next start. */
export async function letGo(world: World, app: App, changes: readonly Change[]): Promise<void> {
  try {
    const { git } = await world.repositoryOf(app);
    for (const { id } of changes) await unpin(git, id);
  } catch (error) {
    world.log({ level: 'warn', message: `pins of ${app.id} stay until the next start: ${(error as Error).message}` });
  }
}
