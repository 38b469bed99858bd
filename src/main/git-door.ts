// Control's door for git: who asks, for which app, with which right; then git itself answers, and a push is judged. A push is
// refused before it is read while the disk is short of room.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../domain/app.ts';
import { diskFailure, diskFull } from '../domain/disk-failure.ts';
import { isFailure } from '../domain/errors.ts';
import type { AppId } from '../domain/ids.ts';
import { judgePush } from '../journey/push.ts';
import type { StoredBranches } from '../journey/stored-branches.ts';
import { nowMs, type World } from '../journey/world.ts';
import { isShort } from '../lib/room.ts';
import type { SlotKind } from '../receive/limits.ts';
import { parseGitRoute } from '../receive/routes.ts';
import { type GitSlots, slotKindOf } from '../receive/slots.ts';
import { serveGit } from '../receive/smart-http.ts';
import { findApp } from '../store/apps.ts';
import { principalOf } from '../store/tokens.ts';

export type GitDoor = {
  world: World;
  branches: StoredBranches;
  slots: GitSlots;
  home: string;
  maxPushBytes: number;
};

/** Answers one request under `/<app>.git/`. @throws what the judge and git throw, when nothing was answered yet */
export async function answerGit(door: GitDoor, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { world, branches } = door;
  const { database, log: say } = world;
  const requestedAtMs = nowMs();
  const route = parseGitRoute(request.method ?? '', request.url ?? '');
  if (!route) return plain(request, response, 404, 'There is no such repository address. Use /<app>.git');
  const principal = whoAsks(database, request);
  if (!principal) {
    response.setHeader('www-authenticate', 'Basic realm="lockstep", charset="UTF-8"');
    return plain(
      request,
      response,
      401,
      request.headers.authorization === undefined
        ? 'A token is needed as the password. lockstep create and lockstep login set it up.'
        : 'This token is not known here: it is wrong, was revoked or has expired. lockstep login sets up another.',
    );
  }
  const app = findApp(database, principal, route.app);
  if (!app)
    return plain(
      request,
      response,
      404,
      `There is no app ${route.app} here. Make it first: lockstep create ${route.app}`,
    );
  const right = route.service === 'git-upload-pack' ? 'read' : 'deploy';
  if (!principal.rights.includes(right))
    return plain(
      request,
      response,
      403,
      `This token does not have the right to ${right}. Whoever has it makes one that does: lockstep tokens create NAME --rights read,deploy`,
    );
  // What a push would write is what is missing; a fetch, and what is live, go on.
  if (right === 'deploy' && isShort(door.home)) {
    const { code, message, advice } = diskFull('nothing was changed');
    return plain(request, response, 507, `${code}: ${message}. ${advice}`);
  }
  const repository = await world.repositoryOf(app);
  const isPush = route.service === 'git-receive-pack' && route.step === 'exchange';
  using slot = await placeFor(door, request, response, app.id, slotKindOf(route));
  if (slot === null) return;
  using _use = isPush ? await world.usesOf(app.id).begin() : null;
  if (isPush) await branches.look(app, repository);
  const mayPush = (): boolean => whoAsks(database, request)?.rights.includes(right) ?? false;
  const result = await serveGit(request, response, {
    repositoryPath: repository.path,
    service: route.service,
    step: route.step,
    // A pack over the limit is git's to refuse, which says so better than we can before it has read it.
    maxBodyBytes: door.maxPushBytes + 128 * 2 ** 20,
    maxPackBytes: door.maxPushBytes,
    mayPush,
    refsLeft: branches.left(app),
    onProcReceive: (push) =>
      judgePush(world, repository, push, {
        actor: principal.name,
        tokenId: principal.tokenId,
        requestedAtMs,
        findApp: () => findApp(database, principal, route.app),
        mayPush,
        isAdmin: () => whoAsks(database, request)?.rights.includes('admin') ?? false,
      }),
  });
  if (isPush) await branches.note(findApp(database, principal, route.app) ?? app, repository, principal.name);
  if (result.code !== 0 && !result.isDisconnected)
    say({
      level: 'warn',
      message: `git ${route.service} ended with ${result.code}`,
      app: app.id,
      stderr: result.stderr.slice(-500),
    });
}

/** What is left to say when a request could not be answered; nothing where git has said all that it says. */
export function answerTrouble(response: ServerResponse, error: unknown): void {
  if (response.writableEnded) return;
  const disk = diskFailure(error, 'nothing was changed');
  if (!response.headersSent) response.writeHead(disk ? 507 : 500, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(
    disk ? `${disk.code}: ${disk.message}. ${disk.advice}\n` : 'Lockstep could not answer this; try again\n',
  );
}

/** A place among the gits that are at work at once; null when the request has been answered: there is none, or nobody waits for it. */
async function placeFor(
  { slots }: GitDoor,
  request: IncomingMessage,
  response: ServerResponse,
  app: AppId,
  kind: SlotKind,
): Promise<Disposable | null> {
  const away = new AbortController();
  response.once('close', () => away.abort(new Error('the client went away')));
  try {
    return await slots.take(app, kind, away.signal);
  } catch (error) {
    if (away.signal.aborted) return null;
    if (!isFailure(error, 'busy')) throw error;
    response.setHeader('retry-after', '60');
    plain(request, response, 503, `${error.message}. ${error.advice}`);
    return null;
  }
}

/** The password of Basic, or a Bearer token. */
function whoAsks(database: World['database'], request: IncomingMessage): Principal | null {
  const header = request.headers.authorization ?? '';
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header)?.[1];
  const secret = basic
    ? Buffer.from(basic, 'base64')
        .toString('utf8')
        .replace(/^[^:]*:/, '')
    : /^Bearer (\S+)$/i.exec(header)?.[1];
  return secret ? principalOf(database, secret, Date.now()) : null;
}

function plain(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  request.resume();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
