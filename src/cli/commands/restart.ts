// `lockstep restart`: new instances of the live release, health-checked, then switched to.
import { finish } from '../finish.ts';
import type { Started } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';

/** @throws no-release */
export async function restart(session: Session): Promise<number> {
  const app = await session.app();
  const api = await session.api();
  const sentAt = performance.now();
  const { body } = await api.send<Started>('POST', `/api/v1/apps/${app}/restarts`, {});
  return finish(session, { verb: 'restart', how: 'restarted', started: body, sentAt });
}
