// Whether who sent a notice knows the hook's secret. Kept of it is its SHA-256 alone: enough to compare a secret that is sent, and enough to
// check an HMAC, since a key longer than a block of the hash stands for its own hash (RFC 2104), and every secret is made that long.
// The algorithm is ours to say, never the sender's; every comparison takes the same time; a signature that is sent must hold.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HeaderOf } from './notice.ts';

/** `lsh_` and 48 random bytes: 68 characters, more than the 64 bytes of a block of SHA-256. */
export const secretRandomBytes = 48;
const secretPattern = /^lsh_[A-Za-z0-9_-]{64}$/;

/** The text of a new secret. */
export const secretOf = (random: Uint8Array): string => `lsh_${Buffer.from(random).toString('base64url')}`;

/** What is kept of a secret; hexadecimal. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

export const hasSecretForm = (text: string): boolean => secretPattern.test(text);

export type Sent = { bytes: Uint8Array; header: HeaderOf /** The last part of the address. */; inPath: string };

/** `unproven`: it carried nothing that could prove it. */
export type Proof = 'proven' | 'wrong' | 'unproven';

type Prove = (header: HeaderOf, hash: string, bytes: Uint8Array) => Proof | null;

const signed =
  (name: string, prefix: string): Prove =>
  (header, hash, bytes) => {
    const value = header(name);
    if (value === null) return null;
    const mine = createHmac('sha256', Buffer.from(hash, 'hex')).update(bytes).digest('hex');
    return isSame(value.trim().toLowerCase(), prefix + mine) ? 'proven' : 'wrong';
  };

const told =
  (name: string, pattern: RegExp): Prove =>
  (header, hash) => {
    const value = pattern.exec(header(name) ?? '')?.[1];
    return value === undefined ? null : isSecret(value, hash) ? 'proven' : 'wrong';
  };

/** Basic: the secret as the password. */
const basic: Prove = (header, hash) => {
  const credentials = /^Basic ([A-Za-z0-9+/=]{1,2000})$/i.exec(header('authorization') ?? '')?.[1];
  if (credentials === undefined) return null;
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  return isSecret(text.slice(text.indexOf(':') + 1), hash) ? 'proven' : 'wrong';
};

/** Where senders put what proves them. */
const proofs: readonly Prove[] = [
  signed('x-hub-signature-256', 'sha256='),
  signed('x-gitea-signature', ''),
  signed('x-forgejo-signature', ''),
  told('x-gitlab-token', /^(.{1,2000})$/),
  told('authorization', /^Bearer (\S{1,2000})$/i),
  basic,
  // Harbor sends what it was given as it is.
  told('authorization', /^([^\s]{1,2000})$/),
];

/** @param hash what is kept of the hook's secret */
export function proveSender({ bytes, header, inPath }: Sent, hash: string): Proof {
  const found = proofs.map((prove) => prove(header, hash, bytes)).filter((proof) => proof !== null);
  if (hasSecretForm(inPath)) found.push(isSecret(inPath, hash) ? 'proven' : 'wrong');
  if (found.includes('wrong')) return 'wrong';
  return found.length > 0 ? 'proven' : 'unproven';
}

const isSecret = (secret: string, hash: string): boolean => isSame(hashSecret(secret), hash);

/** In a time that depends on the lengths alone, which are no secret. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
