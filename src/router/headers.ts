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

const isOurs = (key: string) => key.startsWith('x-lockstep-');
/** Never passed on to an upstream, and to a client. Names come again and again: what is known of one is remembered. */
const staysHere = remembered((name) => {
  const key = keyOf(name);
  return hopByHop.has(key) || rebuilt.has(key) || isOurs(key) || key.startsWith('x-forwarded-');
});
const staysThere = remembered((name) => {
  const key = name.toLowerCase();
  return hopByHop.has(key) || isOurs(key) || key === 'x-request-id';
});

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
    const name = raw[at]!;
    if (staysHere(name) || (named.size > 0 && named.has(keyOf(name)))) continue;
    result.push(name, raw[at + 1]!);
  }
  const { clientAddress } = origin;
  const address = clientAddress.startsWith('::ffff:') ? clientAddress.replace(/^::ffff:(?=\d+\.)/, '') : clientAddress;
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
    const name = raw[at]!;
    if (staysThere(name) || (named.size > 0 && named.has(name.toLowerCase()))) continue;
    result.push(name, raw[at + 1]!);
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
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!;
    if (name.length === wanted.length && name.toLowerCase() === wanted) values.push(raw[at + 1]!);
  }
  return values;
}

/** What a Connection header takes with it besides what stays behind anyway. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  const values = valuesOf(raw, 'connection');
  if (values.length === 0 || (values.length === 1 && /^(?:keep-alive|close)$/i.test(values[0]!))) return noNames;
  const names = values.flatMap((value) => value.split(',')).map((name) => keyOf(name.trim()));
  return new Set(names.filter((name) => !neverNamed.has(name)));
}

/** `ask`, asked once for each text. Strangers choose the texts: long ones are not remembered, and of short ones so many. */
function remembered(ask: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    const answer = known.get(text);
    if (answer !== undefined) return answer;
    const fresh = ask(text);
    if (text.length > 64) return fresh;
    if (known.size >= 512) known.clear();
    known.set(text, fresh);
    return fresh;
  };
}

function keyOf(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}
