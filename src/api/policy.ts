// Who asks, and whether they may: the token in the Authorization header, the right that the route declares, the app in
// the path. The order is fixed (token, right, app), so that what is foreign cannot be told from what is not there.
// Refuses what a browser sends from another site: a browser repeats Basic credentials by itself.
import type { App, Principal, Right } from '../domain/app.ts';
import { fail } from '../domain/errors.ts';
import { parseAppName } from '../domain/names.ts';
import type { Platform } from './platform.ts';
import type { Route } from './route.ts';

const secretPattern = /^[\x21-\x7e]{1,512}$/;

/** The token of an Authorization header: Bearer, or the password of Basic. null: there is none of either form. */
export function secretOf(header: string | null): string | null {
  if (header === null || header.length > 2048) return null;
  const [, scheme, value] = /^(Bearer|Basic) +([^\s,]+) *$/i.exec(header) ?? [];
  if (scheme === undefined || value === undefined) return null;
  const secret = scheme.toLowerCase() === 'bearer' ? value : passwordOf(value);
  return secret !== null && secretPattern.test(secret) ? secret : null;
}

function passwordOf(credentials: string): string | null {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : text.slice(colon + 1);
}

/** @throws unauthenticated, the same for a token that is missing, wrong, expired or revoked */
export function authenticate(platform: Platform, authorization: string | null): Principal {
  const secret = secretOf(authorization);
  const principal = secret === null ? null : platform.principalOf(secret);
  if (principal === null) {
    const isSent = authorization !== null;
    throw fail('unauthenticated', isSent ? 'this token is not known here, or no longer' : 'a token is needed', {
      advice: 'Send "Authorization: Bearer TOKEN", or log in with `lockstep login`.',
    });
  }
  return principal;
}

/** @throws forbidden naming the rights that are missing */
export function demandRights(principal: Principal, needed: readonly Right[]): void {
  const missing = needed.filter((right) => !principal.rights.includes(right));
  if (missing.length === 0) return;
  throw fail('forbidden', `the token "${principal.name}" does not have the right ${missing.join(' and ')}`, {
    advice: `Use a token that has it; \`lockstep tokens create NAME --rights ${needed.join(',')}\` makes one.`,
    details: { missing },
  });
}

/** Administration of the whole team (its apps, its tokens) is not for a token that was made for some apps. @throws forbidden */
export function demandWholeTeam(principal: Principal, { rights, tenancy }: Route): void {
  if (tenancy !== 'team' || !rights.includes('admin') || principal.appIds === null) return;
  throw fail('forbidden', `the token "${principal.name}" is for some apps only`, {
    advice: 'Use a token with the right admin that is not limited to apps.',
  });
}

/**
 * The app in the path.
 * @throws bad-name; not-found, alike for a foreign and a missing app
 */
export function findApp(platform: Platform, principal: Principal, name: string): App {
  return platform.findApp(principal, parseAppName(name));
}

/** @throws forbidden for a state-changing request that a browser sends on behalf of another site */
export function refuseCrossSite(request: Request, host: string): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const site = request.headers.get('sec-fetch-site');
  const origin = request.headers.get('origin');
  const isForeign =
    site !== null ? site !== 'same-origin' && site !== 'none' : origin !== null && hostOf(origin) !== host;
  if (!isForeign) return;
  throw fail('forbidden', 'a page of another site may not change anything here', {
    advice: 'Send the request from a program, with the token in the Authorization header.',
  });
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
