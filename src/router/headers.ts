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
/** Framing and authorisation cannot be taken away by a stranger's Connection header; framing is rebuilt anyway. */
const neverNamed = new Set(['content-length', 'host', 'authorization', 'cookie', 'date', 'set-cookie']);
const noNames: ReadonlySet<string> = new Set();

/** How a body is framed: a number of bytes, chunked, or null for none. */
export type Framing = number | 'chunked' | null;

export type RequestOrigin = {
  /** The Host header as it came. */
  host: string;
  clientAddress: string;
  proto: 'http' | 'https';
  requestId: string;
  body: Framing;
  /** The protocol of an upgrade, null for an ordinary request. */
  upgrade: string | null;
};

/** The headers to send to the upstream. `origin.host` has been found to be a host. */
export function upstreamHeaders(raw: readonly string[], origin: RequestOrigin): string[] {
  const named = namedByConnection(raw);
  const result = ['Host', origin.host];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const key = keyOf(raw[at]!);
    if (hopByHop.has(key) || rebuilt.has(key) || named.has(key)) continue;
    if (key.startsWith('x-forwarded-') || key.startsWith('x-lockstep-')) continue;
    result.push(raw[at]!, raw[at + 1]!);
  }
  const address = origin.clientAddress.replace(/^::ffff:(?=\d+\.)/, '');
  const node = address.includes(':') ? `"[${address}]"` : address;
  const port = /:(\d+)$/.exec(origin.host)?.[1] ?? (origin.proto === 'https' ? '443' : '80');
  result.push('X-Forwarded-For', address, 'X-Forwarded-Proto', origin.proto, 'X-Forwarded-Host', origin.host);
  result.push('X-Forwarded-Port', port, 'Forwarded', `for=${node};host="${origin.host}";proto=${origin.proto}`);
  result.push('X-Request-Id', origin.requestId);
  if (origin.body === 'chunked') result.push('Transfer-Encoding', 'chunked');
  else if (origin.body !== null) result.push('Content-Length', String(origin.body));
  if (origin.upgrade !== null) result.push('Connection', 'Upgrade', 'Upgrade', origin.upgrade);
  return result;
}

/** The headers to send to the client; `release` null before the first. */
export function clientHeaders(raw: readonly string[], about: { release: string | null; requestId: string }): string[] {
  const named = namedByConnection(raw);
  const result: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const key = raw[at]!.toLowerCase();
    if (hopByHop.has(key) || named.has(key) || key === 'x-request-id' || key.startsWith('x-lockstep-')) continue;
    result.push(raw[at]!, raw[at + 1]!);
  }
  result.push('x-lockstep-release', about.release ?? 'none', 'x-request-id', about.requestId);
  return result;
}

/** The caller's request id when it has a harmless form, else `fresh`. */
export function requestIdOf(header: string | string[] | undefined, fresh: () => string): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(header) ? header : fresh();
}

/**
 * How the body of a request is framed, from its own header; undefined for a form that is refused (a coding besides chunked,
 * or a length that is none). POST, PUT and PATCH without a body have the length 0, as servers expect it said.
 */
export function framingOf(
  method: string,
  length: string | undefined,
  encoding: string | undefined,
): Framing | undefined {
  if (encoding !== undefined)
    return encoding.trim().toLowerCase() === 'chunked' && length === undefined ? 'chunked' : undefined;
  if (length === undefined) return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 0 : null;
  const bytes = Number(length);
  return /^\d{1,15}$/.test(length) ? bytes : undefined;
}

/** Every value of a header in a flat list. */
export function valuesOf(raw: readonly string[], wanted: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) if (raw[at]!.toLowerCase() === wanted) values.push(raw[at + 1]!);
  return values;
}

function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  const values = valuesOf(raw, 'connection');
  if (values.length === 0) return noNames;
  const names = values.flatMap((value) => value.split(',')).map((name) => keyOf(name.trim()));
  return new Set(names.filter((name) => !neverNamed.has(name)));
}

const keyOf = (name: string) => name.toLowerCase().replaceAll('_', '-');
