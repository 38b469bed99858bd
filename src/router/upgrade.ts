// A tunnel: the client asks to speak another protocol (WebSocket or any), the upstream agrees, and from then on bytes go both
// ways untouched until either side ends. An upstream that does not agree answers as usual and the connection closes.
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { admit, originOf, type ProxyParts } from './admit.ts';
import { type DialError, dial } from './dial.ts';
import { clientHeaders, upstreamHeaders } from './headers.ts';
import { type LCode, lAnswer } from './l-codes.ts';

/** The listener of the public server's `upgrade`. */
export function createUpgrade(parts: ProxyParts): (request: IncomingMessage, client: Duplex, head: Buffer) => void {
  return (request, client, head) => {
    void tunnel(parts, request, client, head);
  };
}

/** Only a request with no body, and no offer of HTTP/2 in clear text, is an upgrade. */
export function isUpgrade(request: IncomingMessage): boolean {
  const { upgrade, 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return upgrade?.toLowerCase() !== 'h2c' && (length === undefined || length === '0') && encoding === undefined;
}

async function tunnel(parts: ProxyParts, request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  const startedAt = performance.now();
  const { origin, host } = originOf(request);
  const gone = new AbortController();
  client.once('close', () => gone.abort());
  client.on('error', () => client.destroy());
  const admitted = await admit(parts, host, gone.signal);
  if (gone.signal.aborted) return admitted.end();
  client.once('close', admitted.end);
  const refuse = (code: LCode, detail: string) => {
    parts.log({ code, host: origin.host, path: request.url ?? '', requestId: origin.requestId, detail });
    const answer = lAnswer(code, { accept: '', release: admitted.release, requestId: origin.requestId });
    if (admitted.app !== null) parts.stats.answered(admitted.app, answer.status, performance.now() - startedAt, code);
    client.end(headText(answer.status, [...answer.headers, 'connection', 'close']) + answer.body);
  };
  if ('code' in admitted) return refuse(admitted.code, '');
  if (admitted.upstream !== null) client.once('close', parts.stats.dial(admitted.upstream.instanceId));
  const headers = upstreamHeaders(request.rawHeaders, {
    ...origin,
    body: null,
    upgrade: request.headers.upgrade ?? '',
  });
  const { upstreamRequest, failed } = dial(parts, admitted, {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers,
    isFresh: true,
  });
  client.once('close', () => upstreamRequest.destroy());
  failed((error: DialError) => refuse(error.code, error.message));
  const about = { release: admitted.release, requestId: origin.requestId };
  const answered = (status: number) => parts.stats.answered(admitted.app, status, performance.now() - startedAt, null);
  upstreamRequest.once('upgrade', (answer, upstream, first) => {
    answered(101);
    const agreed = ['Connection', 'Upgrade', 'Upgrade', answer.headers.upgrade ?? request.headers.upgrade ?? ''];
    client.write(headText(101, [...clientHeaders(answer.rawHeaders, about), ...agreed]));
    if (first.length > 0) client.write(first);
    if (head.length > 0) upstream.write(head);
    upstream.on('error', () => client.destroy());
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
    upstream.pipe(client);
    client.pipe(upstream);
  });
  upstreamRequest.once('response', (answer) => {
    answered(answer.statusCode ?? 502);
    client.write(
      headText(answer.statusCode ?? 502, [...clientHeaders(answer.rawHeaders, about), 'connection', 'close']),
    );
    answer.on('error', () => client.destroy());
    answer.pipe(client);
  });
  upstreamRequest.end();
}

/** The head of an answer written on a bare socket. */
export function headText(status: number, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}
