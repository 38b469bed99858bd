// Who we are to registries: kept for the team, told to the engine when it asks a registry of that host, and to nobody else.
import type { Principal } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { type KnownRegistry, mostRegistries, type RegistryLogin } from '../../domain/hook.ts';
import { inTransaction } from '../../store/open.ts';
import { dropRegistry, keepRegistry } from '../../store/registries.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, nowMs, type World } from '../world.ts';

/** @throws too-large for more than a team may have */
export function setRegistry(world: World, principal: Principal, login: RegistryLogin): KnownRegistry {
  const { teamId, name: actor } = principal;
  const createdAtMs = Math.round(nowMs());
  inTransaction(world.database, () => {
    if (!keepRegistry(world.database, principal, login, { actor, nowMs: createdAtMs }))
      throw fail('too-large', `${mostRegistries} registries are known already`, { advice: 'Log out of one.' });
    appendEvent(
      world.database,
      eventOf({ teamId, appId: null, actor }, 'registry.changed', { host: login.host, username: login.username }),
    );
  });
  world.announce();
  return { host: login.host, username: login.username, actor, createdAtMs };
}

/** @throws not-found */
export function forgetRegistry(world: World, principal: Principal, host: string): void {
  const { teamId, name: actor } = principal;
  inTransaction(world.database, () => {
    if (!dropRegistry(world.database, principal, host))
      throw fail('not-found', `nobody is logged in to ${host} here`, { advice: 'See lockstep registry.' });
    appendEvent(world.database, eventOf({ teamId, appId: null, actor }, 'registry.removed', { host }));
  });
  world.announce();
}
