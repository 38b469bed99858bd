// Control's door for the registry of this Lockstep: who asks, for which app's images, with which right; then the registry itself answers, which
// listens on a socket that only control can open. Docker's own client gets a pass at `/v2/token` for its API token and carries it from then on;
// a token that is revoked is dead at once all the same. A tag that was pushed is told to whoever follows images.
import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { App, Principal, Right } from '../domain/app.ts';
import { diskFull } from '../domain/disk-failure.ts';
import { isFailure } from '../domain/errors.ts';
import { type AppId, parseId, type TokenId } from '../domain/ids.ts';
import { parseAppName } from '../domain/names.ts';
import type { ImageLogin } from '../domain/pull.ts';
import type { World } from '../journey/world.ts';
import { isShort } from '../lib/room.ts';
import { isPullPassword, type Pass, passMs, pullPassword, readPass, writePass } from '../receive/registry/passes.ts';
import {
  appOf,
  parseScopes,
  type RegistryAction,
  type RegistryRequest,
  registryRequest,
  type Scope,
  scopeText,
} from '../receive/registry/scopes.ts';
import { appOfId, findApp } from '../store/apps.ts';
import { principalOf, principalOfToken } from '../store/tokens.ts';

export type RegistryDoorOptions = {
  world: World;
  home: string;
  /** The registry's; whoever cannot open it has none. */
  socketPath: string;
  /** A tag of a repository was pushed by somebody who may. */
  pushed(app: App, repository: string, tag: string, actor: string): void;
};

const rightsOf: Readonly<Record<RegistryAction, Right>> = { pull: 'read', push: 'deploy', delete: 'deploy' };
/** At once; more are told to come again. */
const mostRequests = 64;
/** Of one request: a layer. */
const mostBytes = 10 * 1024 ** 3;
const silenceMs = 60_000;
const service = 'lockstep';

type Refusal = { status: number; code: string; message: string };
const no = (status: number, code: string, message: string) => ({ refused: { status, code, message } });
const { refused: needsToken } = no(
  401,
  'UNAUTHORIZED',
  'an API token is needed as the password: lockstep tokens create NAME',
);
const { refused: needsRight } = no(
  401,
  'UNAUTHORIZED',
  'a token with the right to it is needed: read pulls, deploy pushes',
);
const { refused: isNotRun } = no(
  404,
  'UNSUPPORTED',
  'this Lockstep runs no registry: start it with LOCKSTEP_REGISTRY=on',
);
const { refused: brokenOff } = no(502, 'UNKNOWN', 'the registry broke off');
const json = { 'content-type': 'application/json' };

/** What becomes of a request. `kept` is called when the registry has kept what came. */
type Ruling =
  | { refused: Refusal }
  | { challenged: RegistryRequest }
  | { isKnown: true }
  | { token: true }
  | { kept(): unknown };

type Who = { actor: string; may(app: App, action: RegistryAction): boolean; find(name: string): App | null };

export class RegistryDoor {
  readonly #options: RegistryDoorOptions;
  readonly #key = randomBytes(32);
  #running = 0;

  constructor(options: RegistryDoorOptions) {
    this.#options = options;
  }

  /** As whom the engine pulls an app's own images. */
  loginOf(app: Pick<App, 'id'>): ImageLogin {
    return { username: app.id.toLowerCase(), password: pullPassword(this.#key, app.id) };
  }

  /** Answers a request under /v2. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    const ruling = this.#rule(request);
    if ('refused' in ruling) refuse(request, response, ruling.refused);
    else if ('challenged' in ruling) challenge(request, response, ruling.challenged);
    else if ('isKnown' in ruling) response.writeHead(200, json).end('{}');
    else if ('token' in ruling) this.#givePass(request, response);
    else this.#pass(request, response, ruling.kept);
  }

  #rule(request: IncomingMessage): Ruling {
    const asked = registryRequest(request.method ?? '', request.url ?? '');
    if (asked === null) return no(404, 'UNSUPPORTED', 'there is no such address here');
    if (asked.kind === 'token') return { token: true };
    const who = this.#who(request.headers.authorization);
    if (!who) return { challenged: asked };
    if (asked.kind === 'base') return { isKnown: true };
    const app = who.find(asked.app);
    if (!app || !who.may(app, asked.action)) return { challenged: asked };
    const from = asked.from === null ? app : who.find(appOf(asked.from));
    if (!from || !who.may(from, 'pull')) return { challenged: asked };
    if (asked.action === 'push' && isShort(this.#options.home)) {
      const { code, message, advice } = diskFull('nothing was kept');
      return no(507, 'DENIED', `${code}: ${message}. ${advice}`);
    }
    if (Number(request.headers['content-length'] ?? 0) > mostBytes)
      return no(413, 'SIZE_INVALID', 'a layer is larger than 10 GiB');
    if (this.#running >= mostRequests) return no(503, 'TOOMANYREQUESTS', 'too many requests at once');
    const { name, tag } = asked;
    return { kept: () => tag !== null && this.#options.pushed(app, name, tag, who.actor) };
  }

  /** `GET /v2/token?scope=repository:web:pull,push` with an API token as the password: what of it may be done, as a pass. */
  #givePass(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? '', 'http://registry');
    const principal = this.#principal(request.headers.authorization);
    if (!principal) {
      response.setHeader('www-authenticate', `Basic realm="${service}", charset="UTF-8"`);
      refuse(request, response, needsToken);
      return;
    }
    const access = parseScopes(searchParams.getAll('scope')).flatMap(({ name, actions }): Scope[] => {
      const app = this.#find(principal, appOf(name));
      const granted = app ? actions.filter((one) => principal.rights.includes(rightsOf[one])) : [];
      return granted.length > 0 ? [{ name, actions: granted }] : [];
    });
    const nowMs = Date.now();
    const of = principal.tokenId === null ? { appId: principal.appIds?.[0] ?? '' } : { tokenId: principal.tokenId };
    const pass = writePass(this.#key, { of, access, endsAtMs: nowMs + passMs });
    request.resume();
    const body = {
      token: pass,
      access_token: pass,
      expires_in: passMs / 1000,
      issued_at: new Date(nowMs).toISOString(),
    };
    response
      .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify(body));
  }

  #who(header: string | undefined): Who | null {
    const bearer = /^Bearer (\S{1,16384})$/i.exec(header ?? '')?.[1];
    const pass = bearer === undefined ? null : readPass(this.#key, bearer, Date.now());
    if (pass) return this.#ofPass(pass);
    const principal = this.#principal(header);
    return (
      principal && {
        actor: principal.name,
        find: (name) => this.#find(principal, name),
        may: (_app, action) => principal.rights.includes(rightsOf[action]),
      }
    );
  }

  /** Who made it may have lost the right since. */
  #ofPass({ of, access }: Pass): Who | null {
    const { database } = this.#options.world;
    const isGranted = (name: string, action: RegistryAction): boolean =>
      access.some((scope) => appOf(scope.name) === name && scope.actions.includes(action));
    if ('appId' in of) {
      const own = appOfId(database, of.appId as AppId);
      return {
        actor: 'lockstep',
        find: (name) => (own?.name === name ? own : null),
        may: (app, action) => action === 'pull' && isGranted(app.name, action),
      };
    }
    const principal = principalOfToken(database, of.tokenId as TokenId, Date.now());
    return (
      principal && {
        actor: principal.name,
        find: (name) => this.#find(principal, name),
        may: (app, action) => principal.rights.includes(rightsOf[action]) && isGranted(app.name, action),
      }
    );
  }

  /** The secret of Basic or Bearer: an API token, or the engine's own for an app. */
  #principal(header: string | undefined): Principal | null {
    const { database } = this.#options.world;
    const basic = /^Basic ([A-Za-z0-9+/=]{1,2000})$/i.exec(header ?? '')?.[1];
    const [, name = '', secret] = basic
      ? (/^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? [])
      : [null, '', /^Bearer (\S{1,512})$/i.exec(header ?? '')?.[1]];
    if (secret === undefined || secret === '') return null;
    const appId = parseId('app', name.toUpperCase().replace(/^APP_/, 'app_'));
    if (appId !== null && isPullPassword(this.#key, appId, secret)) {
      const app = appOfId(database, appId);
      return app && { tokenId: null, name: 'lockstep', teamId: app.teamId, rights: ['read'], appIds: [app.id] };
    }
    return principalOf(database, secret, Date.now());
  }

  #find(principal: Principal, name: string): App | null {
    try {
      return findApp(this.#options.world.database, principal, parseAppName(name));
    } catch (error) {
      if (isFailure(error, 'bad-name')) return null;
      throw error;
    }
  }

  /** Hands it to the registry, and its answer back, as they come. `kept` is called before the client hears that something was. */
  #pass(request: IncomingMessage, response: ServerResponse, kept: () => unknown): void {
    this.#running += 1;
    let isOver = false;
    const over = (): void => {
      if (!isOver) this.#running -= 1;
      isOver = true;
    };
    const { authorization: _, connection: _connection, ...headers } = request.headers;
    const asked = httpRequest({
      ...{ socketPath: this.#options.socketPath, method: request.method, path: request.url, headers, agent: false },
    });
    asked.setTimeout(silenceMs, () => asked.destroy(new Error('the registry says nothing')));
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostBytes) asked.destroy(new Error('a layer is larger than 10 GiB'));
    });
    asked.once('response', (answer) => {
      if (answer.statusCode === 201) kept();
      const { connection: _gone, 'keep-alive': _kept, ...answered } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, answered);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    asked.once('error', (error: NodeJS.ErrnoException) => {
      over();
      const isNone = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      if (response.headersSent) response.destroy();
      else refuse(request, response, isNone ? isNotRun : brokenOff);
    });
    response.once('close', () => {
      over();
      if (!response.writableEnded) asked.destroy();
    });
    request.pipe(asked);
  }
}

/** Alike for what is not there, is foreign, and may not be done: the client asks for a pass, and says `denied` when it has one. */
function challenge(request: IncomingMessage, response: ServerResponse, asked: RegistryRequest): void {
  const { host = '', 'x-forwarded-proto': proto } = request.headers;
  const at = `${proto === 'https' ? 'https' : 'http'}://${/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : '127.0.0.1'}`;
  const scope = asked.kind === 'repository' ? `,scope="${scopeText(asked.name, asked.action)}"` : '';
  response.setHeader('www-authenticate', `Bearer realm="${at}/v2/token",service="${service}"${scope}`);
  refuse(request, response, needsRight);
}

/** An error as registries say it. */
function refuse(request: IncomingMessage, response: ServerResponse, { status, code, message }: Refusal): void {
  request.resume();
  if (status === 503) response.setHeader('retry-after', '5');
  response.writeHead(status, json).end(JSON.stringify({ errors: [{ code, message }] }));
}
