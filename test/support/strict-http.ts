// HTTP/1.1 read as strictly as RFC 9112 allows, for tests: the judge of what a client's bytes are, and of what an upstream got.
// Whatever has two readings is an error, and nothing after an error counts.

/** `body` in latin1. `isTunnel`: it asks for another protocol; what follows is no HTTP. */
export type StrictRequest = { method: string; target: string; host: string; body: string; isTunnel: boolean };
/** `rest`: what is not read yet, because it is cut short (`error` null) or cannot be read. */
export type StrictReading = { requests: StrictRequest[]; error: string | null; rest: string };

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** More spaces than one have one reading (RFC 9112 3), and are sent on as one. */
const requestLine = new RegExp(`^(${token}) +([!-~\\x80-\\xff]+) +HTTP/1\\.([01])$`);
const field = new RegExp(
  `^(${token}):[ \\t]*([\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?|)[ \\t]*$`,
);

/** Every request that stands whole in `text` (latin1), up to the first that is broken or cut short. */
export function readStrictly(text: string): StrictReading {
  const requests: StrictRequest[] = [];
  let rest = text;
  for (;;) {
    // Empty lines before a request are to be ignored (RFC 9112 2.2), and have one reading however they end.
    rest = rest.replace(/^[\r\n]+/, '');
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { requests, error: null, rest };
    const head = readHead(rest.slice(0, end));
    if (typeof head === 'string') return { requests, error: head, rest };
    const body = readBody(head, rest.slice(end + 4));
    if (typeof body === 'string') return { requests, error: body === '' ? null : body, rest };
    const { method, target, host, isTunnel } = head;
    requests.push({ method, target, host, body: body.content, isTunnel });
    rest = body.rest;
    if (isTunnel || head.isLast) return { requests, error: null, rest };
  }
}

type Head = Omit<StrictRequest, 'body'> & { length: number | 'chunked'; isLast: boolean };

function readHead(text: string): Head | string {
  const [first = '', ...lines] = text.split('\r\n');
  const line = requestLine.exec(first);
  if (line === null) return 'a request line of another form';
  const fields = new Map<string, string[]>();
  for (const one of lines) {
    const match = field.exec(one);
    if (match === null) return `a header line of another form: ${JSON.stringify(one)}`;
    const name = match[1]!.toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), match[2]!]);
  }
  const hosts = fields.get('host') ?? [];
  if (hosts.length !== 1 || !/^[A-Za-z0-9.:_[\]-]+$/.test(hosts[0]!)) return 'not one host';
  const lengths = fields.get('content-length') ?? [];
  const encodings = fields.get('transfer-encoding') ?? [];
  if (lengths.length + encodings.length > 1) return 'framed twice';
  if (encodings.length === 1 && (encodings[0]!.toLowerCase() !== 'chunked' || line[3] === '0')) return 'another coding';
  if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!)) return 'a length that is none';
  const length = encodings.length === 1 ? 'chunked' : Number(lengths[0] ?? 0);
  const tokens = (fields.get('connection') ?? []).flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  const isTunnel = tokens.includes('upgrade') && fields.has('upgrade') && length === 0;
  const isLast = tokens.includes('close') || (line[3] === '0' && !tokens.includes('keep-alive'));
  return { method: line[1]!, target: line[2]!, host: hosts[0]!, length, isTunnel, isLast };
}

/** '' when it is cut short, another text when it is broken. */
function readBody(head: Head, text: string): { content: string; rest: string } | string {
  if (head.length !== 'chunked')
    return text.length < head.length ? '' : { content: text.slice(0, head.length), rest: text.slice(head.length) };
  let rest = text;
  let content = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end < 0)
      return /^[0-9A-Fa-f]{0,8}(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r?$/.test(rest) ? '' : 'a chunk of another form';
    const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(rest.slice(0, end));
    if (size === null) return 'a chunk of another form';
    const length = Number.parseInt(size[1]!, 16);
    rest = rest.slice(end + 2);
    if (length === 0) break;
    if (rest.length < length + 2) return '\r\n'.startsWith(rest.slice(length)) ? '' : 'a chunk that does not end';
    if (rest.slice(length, length + 2) !== '\r\n') return 'a chunk that does not end';
    content += rest.slice(0, length);
    rest = rest.slice(length + 2);
  }
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end < 0) return '';
    const trailer = rest.slice(0, end);
    rest = rest.slice(end + 2);
    if (trailer === '') return { content, rest };
    if (!field.test(trailer)) return 'a trailer of another form';
  }
}
