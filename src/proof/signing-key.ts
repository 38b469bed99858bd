// The installation's signing key: Ed25519, made at the first start, in control's own folder, readable by nobody else. Receipts
// are signed with it, and the key that hides config values is derived from it. Losing it loses no receipt: those that were
// made are verified with the public key. A file that is no such key is never replaced: receipts wait until a person decides.
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { atomicWrite } from '../lib/atomic-write.ts';
import { canonicalJson } from '../lib/canonical-json.ts';

export const signingKeyFile = 'receipt.key';

export type PublicKey = { keyId: string; pem: string };

export type Signer = PublicKey & {
  /** 64 bytes. */
  sign(bytes: Uint8Array): Buffer;
  /** Equal only for the same values of the same app; without the installation's key nobody can try values. */
  configHash(appId: string, entries: Readonly<Record<string, string>>): string;
};

/** Reads the key, or makes it when there is none. @throws Error when the file holds something else */
export async function openSigner(file: string): Promise<Signer> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null;
  });
  if (kept !== null) return signerOf(kept);
  const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await atomicWrite(file, made, 0o600);
  return signerOf(made);
}

/** @throws Error for what is no private Ed25519 key in PEM */
export function signerOf(pem: string): Signer {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is not an Ed25519 key');
  const seed = Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url');
  const configKey = Buffer.from(hkdfSync('sha256', seed, '', 'lockstep receipt config 1', 32));
  return {
    ...publicPartOf(createPublicKey(key)),
    sign: (bytes) => sign(null, bytes, key),
    configHash(appId, entries) {
      const text = canonicalJson({ app: appId, entries });
      return `hmac-sha256:${createHmac('sha256', configKey).update(text).digest('hex')}`;
    },
  };
}

/** The public key of a PEM file, or null when that is none. */
export function readPublicKey(pem: string): (PublicKey & { key: KeyObject }) | null {
  try {
    if (!pem.includes('-----BEGIN PUBLIC KEY-----')) return null;
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? { ...publicPartOf(key), key } : null;
  } catch {
    return null;
  }
}

function publicPartOf(key: KeyObject): PublicKey {
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    keyId: `sha256:${createHash('sha256').update(der).digest('hex')}`,
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
  };
}
