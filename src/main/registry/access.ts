// Who may do what in the registry of this Lockstep: an API token by its rights and apps, the engine for the images of one app, anybody for what
// is public. A client shows its API token once, at `/v2/token`, and carries what it gets there; whether who got it may still do so is asked at
// each request, so a token that is revoked is dead at once, and all that was got with it.
import { randomBytes } from 'node:crypto';
import type { App, Principal, Right } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import { type AppId, parseId, type TokenId } from '../../domain/ids.ts';
import { parseAppName } from '../../domain/names.ts';
import { appOfRepository } from '../../domain/own-image.ts';
import type { ImageLogin } from '../../domain/pull.ts';
import type { World } from '../../journey/world.ts';
import type { RegistryAction, Scope } from '../../receive/registry/scopes.ts';
import {
  type Issuer,
  isPullPassword,
  pullPassword,
  type RegistryToken,
  readToken,
  tokenMs,
  writeToken,
} from '../../receive/registry/tokens.ts';
import { appOfId, findApp } from '../../store/apps.ts';
import { publicRepository } from '../../store/own-images.ts';
import { principalOf, principalOfToken } from '../../store/tokens.ts';

const rightsOf: Readonly<Record<RegistryAction, Right>> = { pull: 'read', push: 'deploy', delete: 'deploy' };

export type Who = {
  /** The id of an API token, or of an app; '' is anybody. */
  subject: string;
  /** The app of the repository, when that may be done; null alike for what is not there and what may not be. */
  allows(repository: string, action: RegistryAction): App | null;
  /** What it carried; null: an API token, or nothing. */
  carried: { text: string; access: readonly Scope[] } | null;
};

export class RegistryAccess {
  readonly #world: Pick<World, 'database'>;
  readonly #issuer: Issuer;
  readonly #key = randomBytes(32);

  constructor(world: Pick<World, 'database'>, issuer: Issuer) {
    this.#world = world;
    this.#issuer = issuer;
  }

  /** As whom the engine pulls an app's own images. */
  loginOf({ id }: Pick<App, 'id'>): ImageLogin {
    return { username: id.toLowerCase(), password: pullPassword(this.#key, id) };
  }

  /** null: what is shown is no token of ours, or no longer. Without any it is anybody. */
  who(header: string | undefined): Who | null {
    if (header === undefined || header === '') return this.#anybody(null);
    const bearer = /^Bearer (\S{1,16384})$/i.exec(header)?.[1];
    const token = bearer === undefined ? null : readToken(this.#issuer, bearer, Date.now());
    if (token) return this.#ofToken(token, bearer!);
    const principal = this.#principal(header);
    return principal && this.#ofPrincipal(principal);
  }

  /** A token for these scopes, as far as they are granted; null: what is shown is no secret of ours. */
  grant(header: string | undefined, scopes: readonly Scope[]): { token: string; issuedAtMs: number } | null {
    const who = this.who(header);
    if (!who || who.carried) return null;
    const access = scopes.flatMap(({ name, actions }): Scope[] => {
      const granted = actions.filter((one) => who.allows(name, one) !== null);
      return granted.length > 0 ? [{ name, actions: granted }] : [];
    });
    const issuedAtMs = Date.now();
    return { token: this.write(who.subject, access, issuedAtMs), issuedAtMs };
  }

  /** A token of our own making: for the registry, which believes nothing else. */
  write(subject: string, access: readonly Scope[], nowMs = Date.now()): string {
    return writeToken(this.#issuer, { subject, access, endsAtMs: nowMs + tokenMs }, nowMs);
  }

  /** Who it is in the ledger. */
  actorOf(subject: string): string {
    const tokenId = parseId('tok', subject);
    const row = tokenId && this.#world.database.prepare('SELECT name FROM tokens WHERE id = ?').get(tokenId);
    return row ? String(row.name) : 'lockstep';
  }

  #anybody(carried: Who['carried'], isGranted = (_name: string, _action: RegistryAction): boolean => true): Who {
    const allows: Who['allows'] = (name, action) =>
      action === 'pull' && isGranted(name, action) ? publicRepository(this.#world.database, name) : null;
    return { subject: '', carried, allows };
  }

  #ofPrincipal(principal: Principal): Who {
    const anybody = this.#anybody(null);
    return {
      subject: principal.tokenId ?? principal.appIds?.[0] ?? '',
      carried: null,
      allows: (name, action) =>
        (principal.rights.includes(rightsOf[action]) ? this.#find(principal, name) : null) ??
        anybody.allows(name, action),
    };
  }

  /** Who got it may have lost the right since. */
  #ofToken({ subject, access }: RegistryToken, text: string): Who | null {
    const { database } = this.#world;
    const isGranted = (name: string, action: RegistryAction): boolean =>
      access.some((scope) => scope.name === name && scope.actions.includes(action));
    const carried = { text, access };
    if (subject === '') return this.#anybody(carried, isGranted);
    const appId = parseId('app', subject);
    const principal =
      appId === null
        ? principalOfToken(database, subject as TokenId, Date.now())
        : engineOf(appOfId(database, appId as AppId));
    if (!principal) return null;
    const { allows } = this.#ofPrincipal(principal);
    return { subject, carried, allows: (name, action) => (isGranted(name, action) ? allows(name, action) : null) };
  }

  /** The secret of Basic or Bearer: an API token, or the engine's own for an app. */
  #principal(header: string): Principal | null {
    const { database } = this.#world;
    const basic = /^Basic ([A-Za-z0-9+/=]{1,2000})$/i.exec(header)?.[1];
    const [, name = '', secret] = basic
      ? (/^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? [])
      : [null, '', /^Bearer (\S{1,512})$/i.exec(header)?.[1]];
    if (secret === undefined || secret === '') return null;
    const appId = parseId('app', name.toUpperCase().replace(/^APP_/, 'app_'));
    if (appId !== null && isPullPassword(this.#key, appId, secret)) return engineOf(appOfId(database, appId));
    return principalOf(database, secret, Date.now());
  }

  #find(principal: Principal, repository: string): App | null {
    try {
      return findApp(this.#world.database, principal, parseAppName(appOfRepository(repository)));
    } catch (error) {
      if (isFailure(error, 'bad-name')) return null;
      throw error;
    }
  }
}

const engineOf = (app: App | null): Principal | null =>
  app && { tokenId: null, name: 'lockstep', teamId: app.teamId, rights: ['read'], appIds: [app.id] };
