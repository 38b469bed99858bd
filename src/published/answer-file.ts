// A request for a file of a pack, answered: which file, whole or a range of it, or that the client has it already. Pure; whoever
// asked sends the bytes. A path finds a file by being its key in the pack's table, so none leads out of it. What is sent was
// written by an app: it is sandboxed, so that it has an origin of its own (no cookies, no storage, nothing of its neighbours).
import { mediaType } from './media-types.ts';
import type { PackedFile } from './pack.ts';

export type FileRequest = {
  method: string;
  /** Below the pack's place, without the first "/" and the query, as it came. */
  path: string;
  ifNoneMatch: string | null;
  range: string | null;
  ifRange: string | null;
};

export type FileAnswer = {
  status: number;
  headers: Record<string, string>;
  /** null: there is no body to send. `to` is not among the bytes. */
  body: { file: PackedFile; from: number; to: number } | { text: string } | null;
};

/** Scripts run, with an origin that is nobody's; forms and links work, nothing of it can be framed. */
const sandbox =
  'sandbox allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads allow-modals allow-top-navigation-by-user-activation';

/** Of every answer that holds what an app wrote. */
export function foreignHeaders(options: { scripts: boolean }): Record<string, string> {
  return {
    'content-security-policy': options.scripts
      ? `${sandbox}; object-src 'none'; frame-ancestors 'none'`
      : "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  };
}

/** null: no such file. */
export function answerFile(
  files: ReadonlyMap<string, PackedFile>,
  request: FileRequest,
  headers: Record<string, string>,
): FileAnswer | null {
  const path = decodedPath(request.path);
  if (path === null) return null;
  const name = path === '' || path.endsWith('/') ? `${path}index.html` : path;
  const file = files.get(name);
  if (file === undefined) {
    // A folder without its last "/": relative links would lead astray.
    if (!files.has(`${name}/index.html`)) return null;
    const last = encodeURIComponent(name.slice(name.lastIndexOf('/') + 1));
    return { status: 302, headers: { ...headers, location: `${last}/`, 'content-length': '0' }, body: null };
  }
  return sendFile(name, file, request, headers);
}

export function sendFile(
  name: string,
  file: PackedFile,
  request: FileRequest,
  given: Record<string, string>,
  status = 200,
): FileAnswer {
  const etag = `"${file.sha256.slice(0, 32)}"`;
  const headers = { ...given, etag, 'content-type': mediaType(name), 'accept-ranges': 'bytes' };
  if (status === 200 && matches(request.ifNoneMatch, etag))
    return { status: 304, headers: { ...given, etag }, body: null };
  const isRanged = status === 200 && request.method === 'GET' && (request.ifRange === null || request.ifRange === etag);
  const range = isRanged ? parseRange(request.range, file.size) : null;
  if (range === 'unsatisfiable') {
    const unmet = { ...given, 'content-range': `bytes */${file.size}`, 'content-length': '0' };
    return { status: 416, headers: unmet, body: null };
  }
  const { from, to } = range ?? { from: 0, to: file.size };
  const length = { 'content-length': String(to - from) };
  const body = request.method === 'HEAD' ? null : { file, from, to };
  if (range === null) return { status, headers: { ...headers, ...length }, body };
  const part = { 'content-range': `bytes ${from}-${to - 1}/${file.size}` };
  return { status: 206, headers: { ...headers, ...length, ...part }, body };
}

/** null: it cannot be a path in a pack. */
function decodedPath(path: string): string | null {
  try {
    const plain = decodeURIComponent(path);
    return plain.length <= 4096 && !plain.includes('\0') ? plain : null;
  } catch {
    return null;
  }
}

/** RFC 9110 13.1.2: compared weakly, `*` is any. */
function matches(header: string | null, etag: string): boolean {
  if (header === null || header.length > 4096) return false;
  return header.split(',').some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')));
}

/** The one range that is asked for; null for none, several or what is no range: then all is sent. */
function parseRange(header: string | null, size: number): { from: number; to: number } | 'unsatisfiable' | null {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(size, Number(last));
    return length === 0 ? 'unsatisfiable' : { from: size - length, to: size };
  }
  const from = Number(first);
  const to = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < from) return null;
  return from >= size ? 'unsatisfiable' : { from, to };
}
