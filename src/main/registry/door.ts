// Control's door for the registry of this Lockstep: who asks, for which app's images, with which right, and whether there is room for it; then the
// registry itself answers, which listens on a socket that only control can open and asks for a token of its own. While its disk is tidied, whoever
// asks waits a moment. What was pushed the registry itself tells, here as well.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../../domain/app.ts';
import { diskFull } from '../../domain/disk-failure.ts';
import type { World } from '../../journey/world.ts';
import { askSocket, type SocketAnswer } from '../../lib/ask-socket.ts';
import { request as httpRequest } from '../../lib/http.ts';
import { isShort } from '../../lib/room.ts';
import { readOwnNotice } from '../../receive/registry/own-notices.ts';
import { parseScopes, type RegistryRequest, registryRequest, type Scope } from '../../receive/registry/scopes.ts';
import { type Issuer, isSame, tokenMs, tokenService } from '../../receive/registry/tokens.ts';
import { sendBody } from '../../router/request-body.ts';
import { isBeingRemoved } from '../../store/own-images.ts';
import { RegistryAccess } from './access.ts';
import {
  brokenOff,
  challenge,
  isAway,
  isNotRun,
  json,
  needsToken,
  no,
  notWritten,
  quota,
  type Refusal,
  refuse,
  tooLarge,
  tooMany,
} from './answers.ts';
import { RegistrySocket } from './socket.ts';
import { RegistryUse } from './use.ts';

export type RegistryDoorOptions = {
  world: Pick<World, 'database'>;
  home: string;
  /** The registry's; whoever cannot open it has none. */
  socketPath: string;
  trust: Issuer & { noticeSecret: string };
  /** A tag of a repository was pushed by somebody who may. */
  pushed(repository: string, tag: string, actor: string): void;
  /** How many bytes an app may still push; asked before and while it does. */
  roomOf(app: App): Promise<number>;
  /** For the log: a request could not be answered. */
  failed(error: Error): void;
};

/** At once; more are told to come again. */
const mostRequests = 64;
/** Of one request: a layer. */
const mostBytes = 10 * 1024 ** 3;
const mostNoticeBytes = 1024 ** 2;
const silenceMs = 60_000;

type Asked = Extract<RegistryRequest, { kind: 'repository' }>;

export class RegistryDoor {
  readonly #options: RegistryDoorOptions;
  readonly #access: RegistryAccess;
  /** Who is at it now, and who has begun a push. */
  readonly use = new RegistryUse();
  readonly #serving: RegistrySocket;

  constructor(options: RegistryDoorOptions) {
    this.#options = options;
    this.#access = new RegistryAccess(options.world, options.trust);
    this.#serving = new RegistrySocket(options.socketPath);
  }

  /** As whom the engine pulls an app's own images. */
  loginOf(app: Pick<App, 'id'>) {
    return this.#access.loginOf(app);
  }

  /** Asks the registry itself, as control. @throws what node says of a socket that is not there */
  ask(path: string, scope: Scope, headers: Readonly<Record<string, string>> = {}): Promise<SocketAnswer> {
    const authorization = `Bearer ${this.#access.write('', [scope])}`;
    return askSocket(this.#options.socketPath, path, { timeoutMs: 30_000, headers: { ...headers, authorization } });
  }

  /** Answers a request under /v2. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    const asked = registryRequest(request.method ?? '', request.url ?? '');
    if (asked === null) refuse(request, response, no(404, 'UNSUPPORTED', 'there is no such address here'));
    else if (asked.kind === 'token') this.#giveToken(request, response);
    else if (asked.kind === 'notice') this.#hear(request, response);
    else if (asked.kind === 'base') this.#answerBase(request, response);
    else
      this.#answerRepository(asked, request, response).catch((error: Error) => {
        this.#options.failed(error);
        if (response.headersSent) response.destroy();
        else refuse(request, response, isAway);
      });
  };

  #answerBase(request: IncomingMessage, response: ServerResponse): void {
    const { authorization } = request.headers;
    const isKnown = authorization !== undefined && this.#access.who(authorization) !== null;
    if (isKnown) response.writeHead(200, json).end('{}');
    else challenge(request, response, null);
  }

  async #answerRepository(asked: Asked, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const who = this.#access.who(request.headers.authorization);
    const app = who?.allows(asked.name, asked.action) ?? null;
    const isFromOpen = asked.from === null || who?.allows(asked.from, 'pull') != null;
    if (!who || !app || !isFromOpen) return challenge(request, response, asked);
    const isPush = asked.action === 'push';
    if (isPush && isShort(this.#options.home)) {
      const { code, message, advice } = diskFull('nothing was kept');
      return refuse(request, response, no(507, 'DENIED', `${code}: ${message}. ${advice}`));
    }
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > mostBytes) return refuse(request, response, tooLarge);
    if (this.use.running >= mostRequests) return refuse(request, response, tooMany);
    if (!(await this.use.untilOpen()) || !(await this.#serving.untilThere())) return refuse(request, response, isAway);
    const carriesBytes = isPush && request.method !== 'GET' && request.method !== 'HEAD';
    const room = carriesBytes ? await this.#options.roomOf(app) : mostBytes;
    if (carriesBytes && length >= room) return refuse(request, response, quota(app));
    if (response.destroyed) return;
    // Meanwhile it may have been destroyed, and what it had be on its way out.
    const { database } = this.#options.world;
    if (who.allows(asked.name, asked.action)?.id !== app.id || isBeingRemoved(database, app.name))
      return refuse(request, response, isAway);
    const over = this.use.begin(asked.name, carriesBytes ? (asked.tag === null ? 'push' : 'tag') : 'read');
    const cameBefore = this.use.cameFor(app.name);
    let bytes = 0;
    this.#pass(request, response, {
      token: tokenFor(who.carried, asked) ?? this.#access.write(who.subject, scopesOf(asked)),
      came: (more) => {
        bytes += more;
        if (carriesBytes) this.use.came(app.name, more);
        // Others push to the same app beside it.
        return bytes > mostBytes ? tooLarge : this.use.cameFor(app.name) - cameBefore > room ? quota(app) : null;
      },
      over,
    });
  }

  /** `GET /v2/token?scope=repository:web:pull,push` with an API token as the password: what of it may be done. Without: what anybody may. */
  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? '', 'http://registry');
    const given = this.#access.grant(request.headers.authorization, parseScopes(searchParams.getAll('scope')));
    if (!given) {
      response.setHeader('www-authenticate', `Basic realm="${tokenService}", charset="UTF-8"`);
      refuse(request, response, needsToken);
      return;
    }
    const { token, issuedAtMs } = given;
    request.resume();
    response.writeHead(200, { ...json, 'cache-control': 'no-store' }).end(
      JSON.stringify({
        ...{ token, access_token: token, expires_in: tokenMs / 1000 },
        issued_at: new Date(issuedAtMs).toISOString(),
      }),
    );
  }

  /**
   * The registry tells one thing until it has been heard, and the next only then. What is answered 200 is written down, or cannot be read, which
   * telling it again would not change: what was pushed is found by its tag then.
   */
  #hear(request: IncomingMessage, response: ServerResponse): void {
    const secret = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!isSame(this.#options.trust.noticeSecret, secret)) {
      refuse(request, response, needsToken);
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= mostNoticeBytes) chunks.push(chunk);
    });
    request.once('end', () => {
      const pushes = bytes > mostNoticeBytes ? null : readOwnNotice(Buffer.concat(chunks));
      try {
        for (const { repository, tag, subject } of pushes ?? [])
          this.#options.pushed(repository, tag, this.#access.actorOf(subject));
        response.writeHead(200, json).end('{}');
      } catch (error) {
        this.#options.failed(error as Error);
        // The store takes no change now (its disk is full).
        refuse(request, response, notWritten);
      }
    });
  }

  /** Hands it to the registry, and its answer back, as they come. */
  #pass(
    request: IncomingMessage,
    response: ServerResponse,
    passed: {
      token: string;
      /** So many bytes more came; null: that is well. */
      came(bytes: number): Refusal | null;
      over(): void;
    },
    isAgain = false,
  ): void {
    const { token, came, over } = passed;
    const { connection: _connection, ...headers } = request.headers;
    const asked = httpRequest({
      ...{ socketPath: this.#options.socketPath, method: request.method, path: request.url, agent: false },
      headers: { ...headers, authorization: `Bearer ${token}` },
    });
    asked.setTimeout(silenceMs, () => asked.destroy(new Error('the registry says nothing')));
    let bytes = 0;
    let refusal: Refusal | null = null;
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      refusal ??= came(chunk.length);
      if (refusal !== null) asked.destroy();
    };
    request.on('data', count);
    asked.once('response', (answer) => {
      const { connection: _gone, 'keep-alive': _kept, ...answered } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, answered);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    asked.once('error', (error: NodeJS.ErrnoException) => {
      const isLost = this.#serving.lost(error);
      if (response.headersSent) response.destroy();
      else if (!isLost || bytes > 0 || isAgain)
        refuse(request, response, refusal ?? (isLost ? isAway : brokenOff(error)));
      else {
        // It has not heard a word: it was ended since it was asked last, and is started again.
        request.off('data', count);
        request.unpipe(asked);
        void this.#serving.untilThere().then((isThere) => {
          if (!isThere) refuse(request, response, isAway);
          else if (!response.destroyed) this.#pass(request, response, passed, true);
        });
      }
    });
    response.once('close', () => {
      over();
      if (!response.writableEnded) asked.destroy();
    });
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (coding !== undefined) sendBody(request, asked, 'chunked');
    else if (Number(length ?? 0) > 0) sendBody(request, asked, Number(length));
    else asked.end();
  }
}

/** Where none is run. */
export const answerNone = (request: IncomingMessage, response: ServerResponse): void =>
  refuse(request, response, isNotRun);

const scopesOf = ({ name, asks, from }: Asked): Scope[] => [
  { name, actions: asks },
  ...(from === null ? [] : [{ name: from, actions: ['pull'] as const }]),
];

/** The client's own token, when it allows all that the registry will ask. */
function tokenFor(carried: { text: string; access: readonly Scope[] } | null, asked: Asked): string | null {
  const isCovered = ({ name, actions }: Scope): boolean =>
    actions.every((action) => carried?.access.some((one) => one.name === name && one.actions.includes(action)));
  return carried && scopesOf(asked).every(isCovered) ? carried.text : null;
}
