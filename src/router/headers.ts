// Headers at the border, as flat name/value lists so that order, case and repetition survive. What belongs to one hop is
// dropped (RFC 9110 7.6.1); what a stranger says about where the request came from is dropped and said again by us. A
// name is compared with "_" read as "-", because CGI-like servers read both as the same variable.
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const rebuilt = new Set(['host', 'content-length', 'expect', 'forwarded', 'proxy', 'x-real-ip', 'x-request-id']);
const ours = /^x-(?:forwarded|lockstep)-/;

export type RequestOrigin = {
  host: string;
  clientAddress: string;
  proto: 'http' | 'https';
  requestId: string;
  /** How the body is framed: a number of bytes, chunked, or null for no body. */
  body: number | 'chunked' | null;
  /** The protocol of an upgrade, null for an ordinary request. */
  upgrade: string | null;
};

/** The headers to send to the upstream. */
export function upstreamHeaders(raw: readonly string[], origin: RequestOrigin): string[] {
  const named = namedByConnection(raw);
  const result = ['Host', origin.host];
  for (const [name, value] of pairs(raw)) {
    const key = keyOf(name);
    if (!hopByHop.has(key) && !rebuilt.has(key) && !named.has(key) && !ours.test(key)) result.push(name, value);
  }
  const address = origin.clientAddress.replace(/^::ffff:(?=\d+\.)/, '');
  const node = address.includes(':') ? `"[${address}]"` : address;
  result.push('X-Forwarded-For', address, 'X-Forwarded-Proto', origin.proto, 'X-Forwarded-Host', origin.host);
  result.push('Forwarded', `for=${node};host="${origin.host}";proto=${origin.proto}`, 'X-Request-Id', origin.requestId);
  if (origin.body === 'chunked') result.push('Transfer-Encoding', 'chunked');
  else if (origin.body !== null) result.push('Content-Length', String(origin.body));
  if (origin.upgrade !== null) result.push('Connection', 'Upgrade', 'Upgrade', origin.upgrade);
  return result;
}

/** The headers to send to the client; `release` null before the first. */
export function clientHeaders(raw: readonly string[], about: { release: string | null; requestId: string }): string[] {
  const named = namedByConnection(raw);
  const result: string[] = [];
  for (const [name, value] of pairs(raw)) {
    const key = name.toLowerCase();
    if (!hopByHop.has(key) && !named.has(key) && key !== 'x-request-id' && !key.startsWith('x-lockstep-'))
      result.push(name, value);
  }
  result.push('x-lockstep-release', about.release ?? 'none', 'x-request-id', about.requestId);
  return result;
}

/** The caller's request id when it has a harmless form, else `fresh`. */
export function requestIdOf(header: string | string[] | undefined, fresh: () => string): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(header) ? header : fresh();
}

/** Every value of a header in a flat list. */
export function valuesOf(raw: readonly string[], wanted: string): string[] {
  return [...pairs(raw)].filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
}

function namedByConnection(raw: readonly string[]): Set<string> {
  const names = valuesOf(raw, 'connection').flatMap((value) => value.split(','));
  // Framing and authorisation cannot be taken away by a stranger's Connection header; framing is rebuilt anyway.
  const kept = ['content-length', 'host', 'authorization', 'cookie', 'date', 'set-cookie'];
  return new Set(names.map((name) => keyOf(name.trim())).filter((name) => !kept.includes(name)));
}

function* pairs(raw: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) yield [raw[at]!, raw[at + 1]!];
}

const keyOf = (name: string) => name.toLowerCase().replaceAll('_', '-');
