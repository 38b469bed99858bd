// A plain static file server, one file, no dependency: serves a folder and nothing beside it. GET and HEAD only; no
// listing, no dotfiles (but .well-known), no path or link that leaves the root.
// Usage: static-server.mjs --root DIR --bind HOST:PORT
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

const types = {
  '.avif': 'image/avif',
  '.bmp': 'image/bmp',
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.gif': 'image/gif',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.ogg': 'audio/ogg',
  '.otf': 'font/otf',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.wav': 'audio/wav',
  '.webm': 'video/webm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.xml': 'application/xml',
  '.zip': 'application/zip',
};

const argument = (name) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const bind = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(argument('--bind') ?? '');
const given = argument('--root');
if (given === undefined || bind === null) {
  process.stderr.write('usage: static-server.mjs --root DIR --bind HOST:PORT\n');
  process.exit(64);
}
const root = await realpath(given).catch(() => {
  process.stderr.write(`there is no folder ${given}\n`);
  process.exit(66);
});

/** The parts of a request's path below the root; null: it must not be served. */
function partsOf(target) {
  const path = target.replace(/[?#].*$/s, '');
  if (!path.startsWith('/')) return null;
  let text;
  try {
    text = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (text.includes('\0') || text.includes('\\')) return null;
  const parts = text.split('/').filter((part) => part !== '');
  return parts.some((part) => part.startsWith('.') && part !== '.well-known') ? null : parts;
}

/** An open plain file within the root, or null; 'folder' for a folder. */
async function openInside(path) {
  let handle;
  try {
    const real = await realpath(path);
    if (real !== root && !real.startsWith(root + sep)) return null;
    // A link to a dotfile of the root would serve it by another name.
    if (
      real
        .slice(root.length)
        .split(sep)
        .some((part) => part.startsWith('.') && part !== '.well-known')
    )
      return null;
    handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, stat, type: types[extname(real).toLowerCase()] ?? 'application/octet-stream' };
    await handle.close();
    return stat.isDirectory() ? 'folder' : null;
  } catch {
    await handle?.close().catch(() => {});
    return null;
  }
}

/** `bytes=a-b`, one range only; null: the whole; 'none': beyond the end. */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'none' : { start: size - length, end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return null;
  return start >= size ? 'none' : { start, end };
}

function plain(request, response, status, text, headers = {}) {
  const body = Buffer.from(`${text}\n`);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function serve(request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(request, response, 405, 'Only GET and HEAD', { allow: 'GET, HEAD' });
  const parts = partsOf(request.url);
  let found = parts === null ? null : await openInside(join(root, ...parts));
  const path = request.url.replace(/[?#].*$/s, '');
  if (found === 'folder') {
    const index = await openInside(join(root, ...parts, 'index.html'));
    if (index !== null && index !== 'folder' && !path.endsWith('/')) {
      await index.handle.close();
      // By one path segment, so that "//host" can never become another site.
      const name = encodeURIComponent(parts.at(-1) ?? '');
      const query = request.url.slice(path.length);
      return plain(request, response, 308, 'It is a folder', { location: `./${name}/${query}` });
    }
    found = index === 'folder' ? null : index;
  } else if (found !== null && path.endsWith('/')) {
    await found.handle.close();
    found = null;
  }
  if (found !== null) return sendAndClose(request, response, found, 200);
  const page = await openInside(join(root, '404.html'));
  if (page === null || page === 'folder') return plain(request, response, 404, 'Not found');
  return sendAndClose(request, response, page, 404);
}

/** A client that goes away must not leave the file open: a forgotten handle ends the whole process when it is collected. */
async function sendAndClose(request, response, found, status) {
  try {
    await send(request, response, found, status);
  } finally {
    await found.handle.close();
  }
}

async function send(request, response, { handle, stat, type }, status) {
  // Each release writes its files anew: time and inode tell the same path of two releases apart.
  const mark = createHash('sha256').update(`${stat.size}-${stat.mtimeMs}-${stat.ino}`).digest('hex').slice(0, 20);
  const etag = `"${mark}"`;
  const modified = new Date(Math.floor(stat.mtimeMs / 1000) * 1000);
  const headers = {
    'content-type': type,
    etag,
    'last-modified': modified.toUTCString(),
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  };
  if (status === 200 && isUnchanged(request.headers, etag, modified)) {
    response.writeHead(304, headers);
    return response.end();
  }
  const isRangeFor = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const range = status === 200 && isRangeFor ? rangeOf(request.headers.range, stat.size) : null;
  if (range === 'none')
    return plain(request, response, 416, 'Beyond the end', { 'content-range': `bytes */${stat.size}` });
  const start = range?.start ?? 0;
  const end = range?.end ?? stat.size - 1;
  if (range !== null) headers['content-range'] = `bytes ${start}-${end}/${stat.size}`;
  headers['content-length'] = String(end - start + 1);
  response.writeHead(range === null ? status : 206, headers);
  if (request.method === 'HEAD' || end < start) return response.end();
  await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
}

function isUnchanged(headers, etag, modified) {
  const known = headers['if-none-match'];
  if (known !== undefined)
    return known === '*' || known.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
  // Exactly that time: after a rollback the file served is older than the one that the client has.
  return Date.parse(headers['if-modified-since'] ?? '') === modified.getTime();
}

let isStopping = false;
const server = createServer(
  { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 75_000 },
  (request, response) => {
    // A kept connection that is asked again and again would keep the process for as long.
    if (isStopping) response.shouldKeepAlive = false;
    request.resume();
    serve(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else plain(request, response, 500, 'The file could not be read');
    });
  },
);
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen({ host: bind[1] ?? bind[2], port: Number(bind[3]) });
const stop = () => {
  isStopping = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
