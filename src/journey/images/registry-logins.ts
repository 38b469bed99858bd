// As whom an app's images are pulled: from this Lockstep's own registry as the app itself, from others as what the team has told us.
import type { App } from '../../domain/app.ts';
import type { ImageLogin } from '../../domain/pull.ts';
import { loginAt } from '../../store/registries.ts';
import type { World } from '../world.ts';

export function loginFor(world: World, app: Pick<App, 'id' | 'teamId'>, host: string): ImageLogin {
  const { ownRegistry } = world;
  if (ownRegistry?.host === host) return ownRegistry.loginOf(app);
  return loginAt(world.database, app.teamId, host);
}
