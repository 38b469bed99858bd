// What a network wants of whoever fetches over it: certificates that its own proxy signs with (LOCKSTEP_CA_BUNDLE), and the proxies themselves
// (HTTP_PROXY and its like, as every program has them). Builds of images and installs get both. Refused: a bundle that is none, or has a key in it.
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';

export type BuildNetwork = {
  /** The whole bundle, PEM; null: none was named. */
  certificates: string | null;
  /** By the names that the builder has for them: in no history, and in no key of its cache. */
  proxies: Readonly<Record<string, string>>;
};

export const plainNetwork: BuildNetwork = { certificates: null, proxies: {} };

/** The builder takes no more as one secret. */
const mostBundleBytes = 500 * 1000;
const proxyName = /^(?:https?|ftp|all|no)_proxy$/i;
/** Nobody listens there, seen from a build. */
const loopback = /^(?:[a-z\d]+:\/\/)?(?:[^@/]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/i;

type Env = Readonly<Record<string, string | undefined>>;

/** @throws bad-request for a bundle that cannot be read, is none, or is no public one */
export function buildNetworkOf(env: Env): BuildNetwork {
  const file = caBundleOf(env);
  const proxies = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      proxyName.test(entry[0]) && Boolean(entry[1]) && (/^no_/i.test(entry[0]) || !loopback.test(entry[1]!)),
  );
  // Which hosts go past a proxy says nothing without one.
  const isAny = proxies.some(([name]) => !/^no_/i.test(name));
  return { certificates: file === null ? null : readBundle(file), proxies: isAny ? Object.fromEntries(proxies) : {} };
}

/** Its path; null: none was named. */
export const caBundleOf = (env: Env): string | null => env.LOCKSTEP_CA_BUNDLE || null;

function readBundle(file: string): string {
  const refuse = (why: string): never => {
    throw fail('bad-request', `LOCKSTEP_CA_BUNDLE: "${printable(file)}" ${why}`, {
      advice:
        'Name a PEM file with all certificates that are to be trusted, for example /etc/ssl/certs/ca-certificates.crt.',
    });
  };
  if (!isAbsolute(file)) return refuse('is no absolute path');
  const read = (): { bytes: number; text: string } => {
    try {
      const bytes = statSync(file).size;
      return { bytes, text: bytes > mostBundleBytes ? '' : readFileSync(file, 'utf8') };
    } catch (error) {
      return refuse(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`);
    }
  };
  const { bytes, text } = read();
  if (bytes > mostBundleBytes) return refuse(`has more than ${mostBundleBytes} bytes`);
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return refuse('has no certificate in it');
  if (text.includes('PRIVATE KEY')) return refuse('has a private key in it');
  return text;
}
