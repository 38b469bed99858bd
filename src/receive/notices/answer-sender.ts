// How it ended, told to the sender who asked to hear it (Docker Hub's `callback_url`). Where that is was written by a stranger: only https at
// hosts of Docker Hub's own is dialled, on its usual port, without credentials, at an address that is public, which is the one that was looked
// at, and no redirect is followed. What an operator names besides (`LOCKSTEP_CALLBACKS`, whole origins) is theirs to answer for.
import { lookup as systemLookup } from 'node:dns/promises';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';
import { request as httpRequest } from '../../lib/http.ts';

export type Outcome = { state: 'success' | 'failure' | 'error'; description: string; targetUrl: string };

export type CallbackOptions = {
  /** Whole origins that are dialled besides, wherever they are: `http://127.0.0.1:9000`. */
  allowed?: readonly string[];
  lookup?: (host: string) => Promise<readonly { address: string; family: number }[]>;
  timeoutMs?: number;
};

const hubHosts: readonly string[] = ['registry.hub.docker.com', 'hub.docker.com', 'cloud.docker.com'];
const urlLength = 2000;

/** An IPv4 address within an IPv6 one is judged as itself. Addresses of nobody, of this machine, of its networks and of their metadata. */
const closed = new BlockList();
for (const [address, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 3],
  ] as const),
])
  closed.addSubnet(address, bits, 'ipv4');
for (const [address, bits] of [
  ...([
    ['::', 96],

    ['64:ff9b::', 96],
    ['2001::', 32],
    ['2002::', 16],
  ] as const),
  ...([
    ['fc00::', 7],
    ['fe80::', 10],
    ['ff00::', 8],
  ] as const),
])
  closed.addSubnet(address, bits, 'ipv6');

/** An address of the internet that is nobody's inside. */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  return family !== 0 && !closed.check(address, family === 4 ? 'ipv4' : 'ipv6');
};

/** null: it is not dialled. */
export function parseCallback(text: string, allowed: readonly string[] = []): URL | null {
  if (text.length > urlLength || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return null;
  if (allowed.includes(url.origin)) return url;
  return url.protocol === 'https:' && url.port === '' && hubHosts.includes(url.hostname) ? url : null;
}

/** Sends it once; the status. @throws bad-request for what is not dialled; what the network says */
export async function answerSender(callback: string, outcome: Outcome, options: CallbackOptions = {}): Promise<number> {
  const { allowed = [], lookup = (host) => systemLookup(host, { all: true }), timeoutMs = 10_000 } = options;
  const url = parseCallback(callback, allowed);
  if (url === null)
    throw fail('bad-request', `the callback ${printable(callback)} is none of Docker Hub's`, {
      advice: 'An operator may name its origin in LOCKSTEP_CALLBACKS.',
    });
  const isAllowed = allowed.includes(url.origin);
  const { state, description, targetUrl } = outcome;
  const body = JSON.stringify({
    ...{ state, description: description.slice(0, 255), context: 'Lockstep', target_url: targetUrl.slice(0, 255) },
  });
  const found = isAllowed ? null : await publicAddress(url.hostname, lookup);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const sent = request(url, {
    ...{ method: 'POST', agent: false, signal: AbortSignal.timeout(timeoutMs) },
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    // The address that was looked at, whatever the name says by now.
    ...(found ? { lookup: alwaysAt(found) } : {}),
  });
  return new Promise((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    sent.end(body);
  });
}

type Found = { address: string; family: number };

async function publicAddress(host: string, lookup: NonNullable<CallbackOptions['lookup']>): Promise<Found> {
  const found = await lookup(host);
  // One that is not public says that somebody plays with the name.
  if (found.length > 0 && found.every(({ address }) => isPublicAddress(address))) return found[0]!;
  throw fail('bad-request', `${host} is at an address that is not public`);
}

const alwaysAt =
  ({ address, family }: Found): LookupFunction =>
  (_host, { all }, done) =>
    all ? done(null, [{ address, family }]) : done(null, address, family);
