// Passes: what a registry's client carries after it has shown who it is (the bearer token of the Docker token protocol). Made and read by this
// process alone, so they are a text with its HMAC under a key that nobody else has and that ends with the process; a client gets another then. A
// pass says who, what and until when; whether who made it may still do so is asked at each request besides.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Scope } from './scopes.ts';

export type Pass = {
  /** The token by whose secret it was got, or the app whose own images the engine pulls with it. */
  of: { tokenId: string } | { appId: string };
  access: readonly Scope[];
  endsAtMs: number;
};

export const passMs = 5 * 60_000;

export function writePass(key: Uint8Array, pass: Pass): string {
  const body = Buffer.from(JSON.stringify(pass)).toString('base64url');
  return `${body}.${sign(key, body)}`;
}

/** null: it is not one of this process's, or has ended. */
export function readPass(key: Uint8Array, text: string, nowMs: number): Pass | null {
  const [body, mac, rest] = text.split('.');
  if (body === undefined || mac === undefined || rest !== undefined || text.length > 16_384) return null;
  const [mine, theirs] = [Buffer.from(sign(key, body)), Buffer.from(mac)];
  if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs)) return null;
  const pass = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Pass;
  return pass.endsAtMs > nowMs ? pass : null;
}

/** The engine's own password for the pulls of one app. */
export const pullPassword = (key: Uint8Array, appId: string): string => sign(key, `pull ${appId}`);

export function isPullPassword(key: Uint8Array, appId: string, password: string): boolean {
  const [mine, theirs] = [Buffer.from(pullPassword(key, appId)), Buffer.from(password)];
  return mine.length === theirs.length && timingSafeEqual(mine, theirs);
}

const sign = (key: Uint8Array, text: string): string => createHmac('sha256', key).update(text).digest('base64url');
