// The kinds of visitor that the traffic is made of: each asks the app of `traffic-app/` for one thing, as slowly as it is to be
// asked, and throws when what it got is not what it must be. A new kind is a function and one more line in the list.
import { createHash } from 'node:crypto';
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSocket } from './web-socket.ts';

/** What a visitor knows of where it is. */
export type Visit = {
  at: { port: number; host: string };
  kept: Agent;
  /** Unique in the whole traffic. */
  id: string;
  /** The traffic ends, or rests: what lasts closes. */
  signal: AbortSignal;
  /**
   * Takes the release that answered.
   * @throws when it is no good answer, or comes from an older release than one that answered before this visit
   */
  saw(status: number | undefined, headers: IncomingHttpHeaders): void;
  /** A post was sent, and later answered. */
  posted(id: string, isAnswered: boolean): void;
};

export type Visitor = {
  name: string;
  /** Between two visits. */
  everyMs: number;
  /** Visits under way at most; more are left out. */
  atOnce: number;
  /** It stays until it is closed. */
  lasts?: true;
  visit(visit: Visit): Promise<void>;
};

export const visitors: readonly Visitor[] = [
  { name: 'fresh', everyMs: 40, atOnce: 50, visit: (visit) => page(visit, false) },
  { name: 'kept', everyMs: 40, atOnce: 50, visit: (visit) => page(visit, true) },
  { name: 'slow', everyMs: 400, atOnce: 10, visit: (visit) => page(visit, false, '/?ms=2000') },
  { name: 'post', everyMs: 100, atOnce: 20, visit: post },
  { name: 'upload', everyMs: 700, atOnce: 3, visit: upload },
  { name: 'download', everyMs: 1000, atOnce: 3, visit: download },
  { name: 'socket', everyMs: 100, atOnce: 4, lasts: true, visit: socket },
  { name: 'events', everyMs: 100, atOnce: 4, lasts: true, visit: events },
];

const limitMs = 20_000;
const uploadPieces = 10;
const downloadBytes = 12 * 1024 * 1024;
const downloadBytesPerMs = 8 * 1024;

async function page(visit: Visit, isKept: boolean, path = '/'): Promise<void> {
  const response = await ask(visit, path, isKept ? { agent: visit.kept } : {});
  if ((await bytesOf(response)).toString() !== 'ok\n') throw new Error('another page');
}

async function post(visit: Visit): Promise<void> {
  const body = Buffer.from(`body of ${visit.id}`);
  visit.posted(visit.id, false);
  const response = await ask(visit, `/post?id=${visit.id}`, { agent: visit.kept, method: 'POST', body });
  if (!(await bytesOf(response)).equals(body)) throw new Error('another body came back');
  visit.posted(visit.id, true);
}

async function upload(visit: Visit): Promise<void> {
  const piece = Buffer.alloc(25_600, visit.id);
  const hash = createHash('sha256');
  const body = (async function* () {
    for (let at = 0; at < uploadPieces; at += 1) {
      if (at > 0) await sleep(100);
      hash.update(piece);
      yield piece;
    }
  })();
  const response = await ask(visit, '/upload', { method: 'POST', body, length: piece.length * uploadPieces });
  const said = (await bytesOf(response)).toString();
  if (said !== hash.digest('hex')) throw new Error(`the upload arrived otherwise: ${said.slice(0, 80)}`);
}

async function download(visit: Visit): Promise<void> {
  const response = await ask(visit, `/download?bytes=${downloadBytes}&seed=${visit.id}`);
  const got = createHash('sha256');
  const startedAt = performance.now();
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    got.update(chunk);
    bytes += chunk.length;
    const aheadMs = bytes / downloadBytesPerMs - (performance.now() - startedAt);
    if (aheadMs > 5) await sleep(aheadMs);
  }
  if (!response.complete) throw new Error(`cut after ${bytes} bytes`);
  const piece = Buffer.alloc(65_536, createHash('sha256').update(visit.id).digest());
  const wanted = createHash('sha256');
  for (let at = 0; at < downloadBytes; at += piece.length) wanted.update(piece);
  if (got.digest('hex') !== wanted.digest('hex')) throw new Error(`${bytes} other bytes`);
}

/** Stays until it is closed, and must be told why: 1012, as the policy says. */
async function socket(visit: Visit): Promise<void> {
  const open = await openSocket({ ...visit.at, path: '/socket' }, limitMs);
  const stop = () => open.destroy();
  visit.signal.addEventListener('abort', stop, { once: true });
  try {
    visit.saw(200, open.headers);
    for (let at = 0; ; at += 1) {
      open.send(`${visit.id} ${at}`);
      const said = await Promise.race([open.next(), open.closed]).catch(() => open.closed);
      if (visit.signal.aborted) return;
      if (typeof said !== 'string') {
        if (said.code !== 1012) throw new Error(`closed with ${said.code} ${said.reason}`);
        return;
      }
      if (said !== `${visit.id} ${at}`) throw new Error(`said ${said}`);
      await Promise.race([sleep(200), open.closed]);
    }
  } finally {
    visit.signal.removeEventListener('abort', stop);
    open.destroy();
  }
}

/** Stays until the stream ends, which it may, but not by being cut. */
async function events(visit: Visit): Promise<void> {
  const response = await ask(visit, '/events');
  const stop = () => response.destroy();
  visit.signal.addEventListener('abort', stop, { once: true });
  let text = '';
  let next = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString();
      const whole = text.split('\n\n');
      text = whole.pop()!;
      for (const event of whole) if (event !== `data: ${next++}`) throw new Error(`the stream says ${event}`);
    }
    if (!response.complete) throw new Error('the stream was cut');
  } catch (error) {
    if (!visit.signal.aborted) throw error;
  } finally {
    visit.signal.removeEventListener('abort', stop);
    response.destroy();
  }
}

type Asking = { agent?: Agent; method?: string; body?: Buffer | AsyncIterable<Buffer>; length?: number };

async function ask(visit: Visit, path: string, asking: Asking = {}): Promise<IncomingMessage> {
  const { agent, method = 'GET', body } = asking;
  const length = asking.length ?? (Buffer.isBuffer(body) ? body.length : null);
  const asked = request({
    ...{ host: '127.0.0.1', port: visit.at.port, path, method, agent: agent ?? false, timeout: limitMs },
    headers: { host: visit.at.host, ...(length === null ? {} : { 'content-length': length }) },
  });
  asked.once('timeout', () => asked.destroy(new Error('timed out')));
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  });
  answered.catch(() => {});
  if (body === undefined || Buffer.isBuffer(body)) asked.end(body);
  else {
    for await (const piece of body) {
      if (asked.destroyed) break;
      asked.write(piece);
    }
    asked.end();
  }
  const response = await answered;
  visit.saw(response.statusCode, response.headers);
  return response;
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  if (!response.complete) throw new Error('the answer was cut');
  return Buffer.concat(chunks);
}
