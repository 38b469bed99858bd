// The app's lock, for somebody who waits at a door: for so long and no longer, and not for an app that is gone by then.
import type { App } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import type { Turn } from '../lib/semaphore.ts';
import { isThere } from '../store/apps.ts';
import type { World } from './world.ts';

/** @throws conflict when another change takes longer than the limit; not-found when the app was destroyed meanwhile */
export async function takeTurn(world: World, app: App, limitMs: number): Promise<Turn> {
  const limit = AbortSignal.timeout(limitMs);
  const turn = await world
    .lockOf(app.id)
    .take(AbortSignal.any([world.signal, limit]))
    .catch((error: Error) => {
      if (!limit.aborted) throw error;
      throw fail('conflict', `another change of ${app.name} is still on its way`, {
        advice: 'Try again when it has ended.',
      });
    });
  if (isThere(world.database, app.id)) return turn;
  turn.release();
  throw fail('not-found', `${app.name} was destroyed`, { advice: 'See lockstep apps.' });
}
