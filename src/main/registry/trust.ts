// What the registry trusts control by: the certificate of the key that signs its clients' tokens, and the secret that it shows with its
// notices. Control makes both at its first start with a registry and keeps them; the key never leaves control's folder. `up`, which writes the
// registry's configuration, reads the rest from a file that follows no link, since control, which may be less than root, can put anything there.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { atomicWrite } from '../../lib/atomic-write.ts';
import { pemOf, selfSigned } from '../../receive/registry/certificate.ts';
import type { Issuer } from '../../receive/registry/tokens.ts';

const trustShape = z.strictObject({
  certificate: z
    .string()
    .max(4096)
    .regex(/^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n$/),
  noticeSecret: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type RegistryTrust = z.output<typeof trustShape>;

const trustFile = (home: string): string => join(home, 'control', 'registry-trust.json');
const keyFile = (home: string): string => join(home, 'control', 'registry.key');
const mostBytes = 16 * 1024;

/** Reads them, or makes both anew when one is missing or not what it should be: nothing else hangs on them. */
export async function openTrust(home: string, nowMs: number): Promise<Issuer & { noticeSecret: string }> {
  const kept = readTrust(home);
  const key = kept && readKey(home);
  if (kept && key) return issuerOf(key, kept);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = pemOf(selfSigned(privateKey, 'Lockstep registry tokens', nowMs));
  const trust = { certificate, noticeSecret: randomBytes(32).toString('base64url') };
  await atomicWrite(keyFile(home), privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
  await atomicWrite(trustFile(home), JSON.stringify(trust), 0o600);
  return issuerOf(privateKey, trust);
}

/** null: there is none yet, or it is not what it should be. */
export function readTrust(home: string): RegistryTrust | null {
  let fd: number;
  try {
    fd = openSync(trustFile(home), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > mostBytes) return null;
    return trustShape.parse(JSON.parse(readFileSync(fd, 'utf8')));
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

function readKey(home: string) {
  try {
    const key = createPrivateKey(readFileSync(keyFile(home)));
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null;
  } catch {
    return null;
  }
}

function issuerOf(privateKey: ReturnType<typeof createPrivateKey>, { certificate, noticeSecret }: RegistryTrust) {
  const publicKey = createPublicKey(privateKey);
  return { privateKey, publicKey, certificate: certificate.replace(/-----[A-Z ]+-----|\n/g, ''), noticeSecret };
}
