// The tokens of a registry's clients, as the Distribution specification has them: a JSON Web Token, signed with ES256, whose head carries the
// certificate that the registry itself trusts (`x5c`). It says who, what and until when. We read it before the registry does: whether who got it
// may still do so is asked at each request besides. Any other algorithm, issuer, audience or form is no token.
import { createHmac, type KeyObject, randomUUID, sign, timingSafeEqual, verify } from 'node:crypto';
import { registryActions, type Scope } from './scopes.ts';

export type RegistryToken = {
  /** The API token by whose secret it was got, or the app whose own images the engine pulls with it; '' is anybody. */
  subject: string;
  access: readonly Scope[];
  endsAtMs: number;
};

export type Issuer = {
  privateKey: KeyObject;
  publicKey: KeyObject;
  /** Of the public key, DER in base64. */
  certificate: string;
};

export const tokenService = 'lockstep';
export const tokenIssuer = 'lockstep';
export const tokenMs = 5 * 60_000;
const mostChars = 16_384;
/** Clocks of one machine differ by nothing; a clock that is put back may. */
const leewaySeconds = 30;

const coded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export function writeToken(issuer: Issuer, { subject, access, endsAtMs }: RegistryToken, nowMs: number): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const head = coded({ typ: 'JWT', alg: 'ES256', x5c: [issuer.certificate] });
  const claims = coded({
    ...{ iss: tokenIssuer, aud: tokenService, sub: subject, jti: randomUUID() },
    ...{ iat: issuedAt, nbf: issuedAt - leewaySeconds, exp: Math.floor(endsAtMs / 1000) },
    access: access.map(({ name, actions }) => ({ type: 'repository', name, actions })),
  });
  const text = `${head}.${claims}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: issuer.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** null: it is not one of ours, or has ended. */
export function readToken(issuer: Issuer, text: string, nowMs: number): RegistryToken | null {
  const [head, claims, signature, rest] = text.split('.');
  if (head === undefined || claims === undefined || signature === undefined || rest !== undefined) return null;
  if (text.length > mostChars || algorithmOf(head) !== 'ES256') return null;
  const key = { key: issuer.publicKey, dsaEncoding: 'ieee-p1363' as const };
  if (!verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) return null;
  const { iss, aud, sub, exp, access } = parsed(claims) as Record<string, unknown>;
  if (iss !== tokenIssuer || aud !== tokenService || typeof sub !== 'string' || typeof exp !== 'number') return null;
  if (exp * 1000 <= nowMs || !Array.isArray(access)) return null;
  return { subject: sub, access: access.map(scopeOf), endsAtMs: exp * 1000 };
}

/** What we signed has the form that we gave it. */
function scopeOf({ name, actions }: { name: string; actions: readonly string[] }): Scope {
  return { name, actions: registryActions.filter((one) => actions.includes(one)) };
}

function algorithmOf(head: string): unknown {
  const value = parsed(head);
  return typeof value === 'object' && value !== null && 'alg' in value ? value.alg : null;
}

function parsed(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}

/** The engine's own password for the pulls of one app. */
export const pullPassword = (key: Uint8Array, appId: string): string =>
  createHmac('sha256', key).update(`pull ${appId}`).digest('base64url');

export const isPullPassword = (key: Uint8Array, appId: string, password: string): boolean =>
  isSame(pullPassword(key, appId), password);

/** In a time that tells nothing of where they differ. */
export function isSame(mine: string, theirs: string): boolean {
  const [one, other] = [Buffer.from(mine), Buffer.from(theirs)];
  return one.length === other.length && timingSafeEqual(one, other);
}
