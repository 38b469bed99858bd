// Hooks made, given another secret, and removed. The secret leaves here once, and only its hash stays.
import { randomBytes } from 'node:crypto';
import type { App, Principal } from '../../domain/app.ts';
import { fail } from '../../domain/errors.ts';
import { type Hook, mostHooks } from '../../domain/hook.ts';
import type { HookId } from '../../domain/ids.ts';
import { hashSecret, secretOf, secretRandomBytes } from '../../receive/notices/prove-sender.ts';
import { deleteHook, insertHook, listHooks, rotateHook } from '../../store/hooks.ts';
import { inTransaction } from '../../store/open.ts';
import { appendEvent } from '../../store/transition.ts';
import { eventOf, newId, nowMs, type World } from '../world.ts';

const newSecret = (): string => secretOf(randomBytes(secretRandomBytes));

/** @throws name-taken; too-large for more than an app may have */
export function createHook(world: World, principal: Principal, app: App, name: string): { hook: Hook; secret: string } {
  const secret = newSecret();
  const createdAtMs = Math.round(nowMs());
  const id = newId('hok');
  inTransaction(world.database, () => {
    if (!insertHook(world.database, app, { id, name, hash: hashSecret(secret), createdAtMs })) {
      if (listHooks(world.database, app.id).length >= mostHooks)
        throw fail('too-large', `${app.name} has ${mostHooks} hooks`, { advice: 'Delete one that is not used.' });
      throw fail('name-taken', `${app.name} has a hook of this name`, { advice: 'Choose another name, or rotate it.' });
    }
    note(world, principal, app, 'hook.created', { hook: id, name });
  });
  world.announce();
  const hook = { id, appId: app.id, name, createdAtMs, rotatedAtMs: null, heardAtMs: null, heard: null };
  return { hook, secret };
}

/** @throws not-found */
export function rotateSecret(world: World, principal: Principal, app: App, id: HookId): { hook: Hook; secret: string } {
  const secret = newSecret();
  inTransaction(world.database, () => {
    if (!rotateHook(world.database, app.id, id, hashSecret(secret), Math.round(nowMs()))) throw missing();
    note(world, principal, app, 'hook.rotated', { hook: id });
  });
  world.announce();
  return { hook: listHooks(world.database, app.id).find((one) => one.id === id)!, secret };
}

/** @throws not-found */
export function removeHook(world: World, principal: Principal, app: App, id: HookId): void {
  inTransaction(world.database, () => {
    if (!deleteHook(world.database, app.id, id)) throw missing();
    note(world, principal, app, 'hook.deleted', { hook: id });
  });
  world.announce();
}

const missing = () => fail('not-found', 'there is no such hook', { advice: 'See lockstep hooks.' });

function note(
  world: World,
  principal: Principal,
  app: App,
  type: 'hook.created' | 'hook.rotated' | 'hook.deleted',
  data: Record<string, unknown>,
): void {
  appendEvent(world.database, eventOf({ teamId: app.teamId, appId: app.id, actor: principal.name }, type, data));
}
