// The documentation of an app at a host of its own: static files of what its live release names, and nothing else. The host is
// a public one and its pages were written by an app: no cookie is set or read, no other address of the platform answers here,
// and what is sent is sandboxed. Requests at once and the time that a slow reader may take are limited.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fail } from '../domain/errors.ts';
import type { AppId } from '../domain/ids.ts';
import type { DocsSite as Site } from '../domain/release.ts';
import { answerFile, type FileAnswer, type FileRequest, foreignHeaders, sendFile } from './answer-file.ts';
import type { Pack } from './pack.ts';
import type { Shelf } from './shelf.ts';

/** What is served for a name; null: there is no such app. */
export type DocsOf = (name: string) => { appId: AppId; sites: readonly Site[] } | null;

export type DocsDoor = { shelf: Pick<Shelf, 'hold'>; docsOf: DocsOf; log(message: string): void };

const mostAtOnce = 100;
/** A reader that takes nothing for so long is let go. */
const stuckMs = 30_000;
const prefix = 'docs--';

/** The app's name in a host of ours for documentation; null for every other host. */
export function docsNameOf(host: string | undefined): string | null {
  const name = /^docs--([a-z0-9-]{1,40})\.[a-z0-9.-]+(?::\d{1,5})?$/.exec((host ?? '').toLowerCase())?.[1];
  return name ?? null;
}

export const docsLabel = (name: string): string => `${prefix}${name}`;

export class DocsServer {
  readonly #door: DocsDoor;
  #atOnce = 0;

  constructor(door: DocsDoor) {
    this.#door = door;
  }

  async answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#atOnce >= mostAtOnce) return this.#plain(request, response, 503, 'Many read this now; try again.');
    this.#atOnce += 1;
    try {
      request.resume();
      await this.#answer(name, request, response);
    } catch (error) {
      this.#door.log(`documentation of ${name}: ${(error as Error).message}`);
      if (response.headersSent) response.destroy();
      else this.#plain(request, response, 500, 'The documentation cannot be read at this moment.');
    } finally {
      this.#atOnce -= 1;
    }
  }

  async #answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return this.#plain(request, response, 405, 'Documentation is only read.', { allow: 'GET, HEAD' });
    const found = this.#door.docsOf(name);
    if (found === null) return this.#plain(request, response, 404, 'There is no such app.');
    const path = (request.url ?? '/').split(/[?#]/, 1)[0]!.replace(/^\/+/, '/');
    // The longest place that the path lies in; "/" comes last.
    const sites = [...found.sites].sort((a, b) => b.at.length - a.at.length);
    if (sites.length === 0) return this.#plain(request, response, 404, 'What is live has no documentation.');
    const site = sites.find(({ at }) => path.startsWith(at) || `${path}/` === at);
    if (site === undefined) return this.#list(request, response, path, sites);
    if (!path.startsWith(site.at)) return this.#plain(request, response, 302, '', { location: site.at });
    const pack = await this.#door.shelf.hold(found.appId, site.digest);
    if (pack === null)
      return this.#plain(
        request,
        response,
        404,
        'The documentation of this release is not kept any more: git push -o recheck.',
      );
    try {
      const asked = askedOf(request, path.slice(site.at.length));
      const answer = answerFile(pack.files, asked, headersOf()) ?? notFound(pack, asked);
      if (answer === null) this.#plain(request, response, 404, 'There is no such page.');
      else await send(response, pack, answer);
    } finally {
      pack.letGo();
    }
  }

  /** Several sites and none at the top: their list. */
  #list(request: IncomingMessage, response: ServerResponse, path: string, sites: readonly Site[]): void {
    if (path !== '/') {
      this.#plain(request, response, 404, 'There is no such page.');
      return;
    }
    const links = sites.map(({ at }) => `<li><a href="${at}">${at}</a></li>`).sort();
    const text = `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Documentation</title>\n<ul>\n${links.join('\n')}\n</ul>\n</html>\n`;
    const headers = {
      ...headersOf(),
      'content-type': 'text/html; charset=utf-8',
      'content-length': `${Buffer.byteLength(text)}`,
    };
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : text);
  }

  #plain(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    text: string,
    more: Record<string, string> = {},
  ): void {
    const body = text === '' ? '' : `${text}\n`;
    response.writeHead(status, {
      ...headersOf(),
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      ...(status === 503 ? { 'retry-after': '2' } : {}),
      ...more,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** Pages at one address change with each release: a cache asks again. Fetched by a page of itself, which has no origin. */
const headersOf = (): Record<string, string> => ({
  ...foreignHeaders({ scripts: true }),
  'cache-control': 'no-cache',
  'access-control-allow-origin': '*',
});

function askedOf({ method = 'GET', headers }: IncomingMessage, path: string): FileRequest {
  const one = (value: string | string[] | undefined) => (typeof value === 'string' ? value : null);
  return {
    ...{ method, path },
    ifNoneMatch: one(headers['if-none-match']),
    range: one(headers.range),
    ifRange: one(headers['if-range']),
  };
}

/** The site's own page for it; null: it has none. */
function notFound(pack: Pack, asked: FileRequest): FileAnswer | null {
  const file = pack.files.get('404.html');
  return file === undefined ? null : sendFile('404.html', file, asked, headersOf(), 404);
}

/** Sends the answer; a reader that is gone or stuck ends it. */
export async function send(response: ServerResponse, pack: Pack, { status, headers, body }: FileAnswer): Promise<void> {
  response.writeHead(status, headers);
  if (body === null) return void response.end();
  if ('text' in body) return void response.end(body.text);
  for await (const chunk of pack.read(body.file, body.from, body.to)) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      response.destroy();
      reject(fail('timed-out', 'a reader takes nothing'));
    }, stuckMs);
    const done = () => {
      clearTimeout(timer);
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}
