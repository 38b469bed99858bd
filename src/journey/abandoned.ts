// What a change left running that ended with the last control, or with an agent in the middle: its checks go on, since jobs
// outlive control, and nobody waits for them; their copies of the tree stay. Both go as soon as no change of the app is on its way
// (invariant I6).
import { isFailure } from '../domain/errors.ts';
import { everyApp } from '../store/apps.ts';
import { refOf, type World } from './world.ts';

/** Looks once, in the background; whoever hears that the agent is back asks for it. */
export function endAbandonedChecks(world: World): void {
  const work = async (): Promise<void> => {
    const { checking, leftOvers } = await world.agent.survey();
    const copies = leftOvers.flatMap(({ kind, appId }) => (kind === 'copy' && appId !== null ? [appId] : []));
    const ids = new Set([...checking, ...copies]);
    await Promise.all(
      everyApp(world.database)
        .filter(({ id }) => ids.has(id))
        .map(async (app) => {
          using _turn = await world.lockOf(app.id).take(world.signal);
          const ended = await world.agent.endChecks(refOf(app));
          if (ended.jobs + ended.copies > 0)
            world.log({ level: 'info', message: `ended what nobody waited for, of ${app.name}`, ...ended });
        }),
    );
  };
  void work().catch((error: Error) => {
    // It is heard of again when it is back.
    if (!world.signal.aborted && !isFailure(error, 'agent-away'))
      world.log({ level: 'warn', message: `abandoned checks: ${error.message}` });
  });
}
