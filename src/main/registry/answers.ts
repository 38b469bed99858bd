// What the door of our own registry says itself, as registries say it: refusals, and how one gets a token.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../../domain/app.ts';
import { type RegistryAction, scopeText } from '../../receive/registry/scopes.ts';
import { tokenService } from '../../receive/registry/tokens.ts';

const lingerMs = 5000;

export type Refusal = { status: number; code: string; message: string };
export const no = (status: number, code: string, message: string): Refusal => ({ status, code, message });
export const needsToken = no(
  401,
  'UNAUTHORIZED',
  'an API token is needed as the password: lockstep tokens create NAME',
);
const needsRight = no(401, 'UNAUTHORIZED', 'a token with the right to it is needed: read pulls, deploy pushes');
export const isNotRun = no(404, 'UNSUPPORTED', 'this Lockstep runs no registry: start it with LOCKSTEP_REGISTRY=on');
export const brokenOff = ({ code = '' }: NodeJS.ErrnoException): Refusal =>
  no(502, 'UNKNOWN', `the registry broke off${code === '' ? '' : ` (${code})`}`);
export const isAway = no(503, 'TOOMANYREQUESTS', 'the registry is being started or tidied; come again');
export const notWritten = no(503, 'UNKNOWN', 'it could not be written down; tell it again');
export const tooMany = no(503, 'TOOMANYREQUESTS', 'too many requests at once');
export const tooLarge = no(413, 'SIZE_INVALID', 'a layer is larger than 10 GiB');
export const quota = (app: App): Refusal =>
  no(
    413,
    'DENIED',
    `quota: the images of ${app.name} would hold more than they may; lockstep registry images -a ${app.name} says what they do, lockstep registry quota raises it`,
  );
export const json = { 'content-type': 'application/json' };

/** Alike for what is not there, is foreign, and may not be done: the client asks for a token, and says `denied` when it has one. */
export function challenge(
  request: IncomingMessage,
  response: ServerResponse,
  asked: { name: string; action: RegistryAction } | null,
): void {
  const { host = '', 'x-forwarded-proto': proto } = request.headers;
  const at = `${proto === 'https' ? 'https' : 'http'}://${/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : '127.0.0.1'}`;
  const scope = asked ? `,scope="${scopeText(asked.name, asked.action)}"` : '';
  response.setHeader('www-authenticate', `Bearer realm="${at}/v2/token",service="${tokenService}"${scope}`);
  refuse(request, response, needsRight);
}

/**
 * An error as registries say it. Whoever still sends gets it whole, and what they send is thrown away for a while: a connection that is closed
 * with unread bytes is reset, and the answer lost with it.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, { status, code, message }: Refusal): void {
  const body = JSON.stringify({ errors: [{ code, message }] });
  if (status === 503) response.setHeader('retry-after', '5');
  response.writeHead(status, { ...json, 'content-length': Buffer.byteLength(body) });
  request.unpipe();
  request.resume();
  if (request.complete) {
    response.end(body);
    return;
  }
  response.write(body);
  const timer = setTimeout(end, lingerMs);
  function end(): void {
    clearTimeout(timer);
    response.end();
  }
  for (const event of ['end', 'close']) request.once(event, end);
}
