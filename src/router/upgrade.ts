// A tunnel: the client asks to speak another protocol (WebSocket or any), the upstream agrees, and from then on bytes go both
// ways untouched until either side ends. An upstream that does not agree answers as usual and the connection closes.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../lib/http.ts';
import { admit, askedOf, type ProxyParts, type Refusal, type Target } from './admit.ts';
import { againAt, codeOf } from './again.ts';
import { dial } from './dial.ts';
import { clientHeaders, type RequestOrigin, upstreamHeaders } from './headers.ts';
import { type LCode, lAnswer } from './l-codes.ts';
import { loggedPath } from './logged-path.ts';
import { endOf, join } from './tunnel.ts';

type Upgrade = {
  request: IncomingMessage;
  client: Duplex;
  head: Buffer;
  origin: RequestOrigin;
  startedAt: number;
  tried: Set<string>;
};

/** Only a request with no body, and no offer of HTTP/2 in clear text, is an upgrade; any other is an ordinary request. */
export function isUpgrade(request: IncomingMessage): boolean {
  const { upgrade, 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return upgrade?.toLowerCase() !== 'h2c' && (length === undefined || length === '0') && encoding === undefined;
}

/** The listener of the public server's `upgrade`. */
export function serveUpgrade(parts: ProxyParts, request: IncomingMessage, client: Duplex, head: Buffer): void {
  const asked = askedOf(request, parts.limits);
  const origin = { ...asked.origin, body: null, upgrade: request.headers.upgrade ?? '' };
  const upgrade = { request, client, head, origin, startedAt: performance.now(), tried: new Set<string>() };
  client.on('error', () => client.destroy());
  const broke = (error: Error) => {
    const whose = { app: 'unknown', release: null };
    refuse(parts, upgrade, whose, 'L17', error.stack ?? error.message);
  };
  const go = (admitted: Target | Refusal) => {
    if (client.destroyed) return admitted.end();
    client.once('close', admitted.end);
    if ('code' in admitted) refuse(parts, upgrade, admitted, admitted.code, '');
    else forward(parts, upgrade, admitted);
  };
  // Waiting for the wait's end is not worth a case of its own: an upgrade is rare.
  Promise.resolve(admit(parts, asked, client))
    .then(go)
    .catch(broke);
}

function forward(parts: ProxyParts, upgrade: Upgrade, target: Target): void {
  const { request, client, head, origin, tried } = upgrade;
  const { upstream } = target;
  const leave = upstream === null ? () => {} : parts.stats.dial(upstream.instanceId);
  if (upstream !== null) tried.add(upstream.instanceId);
  const about = { release: target.release, requestId: origin.requestId };
  const abandon = () => {
    leave();
    upstreamRequest.destroy();
  };
  const answered = (status: number) =>
    parts.stats.answered(target.app, status, performance.now() - upgrade.startedAt, null);
  const { upstreamRequest } = dial(
    parts,
    upstream,
    {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: upstreamHeaders(request.rawHeaders, origin),
    },
    {
      connected() {},
      upgraded(answer, socket, first) {
        answered(101);
        const protocol = answer.headers.upgrade ?? origin.upgrade ?? '';
        const headers = [...clientHeaders(answer.rawHeaders, about), 'Connection', 'Upgrade', 'Upgrade', protocol];
        client.write(headText(101, '', headers));
        if (first.length > 0) client.write(first);
        if (head.length > 0) socket.write(head);
        const part = join(client, socket, upstream === null ? 0 : parts.limits.answerIdleMs);
        const isWebSocket = protocol.toLowerCase() === 'websocket';
        const end = endOf(client, socket, first, isWebSocket, () => {
          part();
          leave();
          finish(client, parts.limits.lingerMs);
        });
        if (upstream !== null) client.once('close', parts.lasting.begin(upstream.instanceId, end));
      },
      answered(answer) {
        answered(answer.status);
        const headers = [...clientHeaders(answer.rawHeaders, about), 'connection', 'close'];
        client.write(headText(answer.status, answer.reason, headers));
        client.on('drain', () => answer.resume());
        answer.read({
          piece: (bytes, isLast) => {
            const isRoom = client.write(bytes);
            if (isLast) finish(client, parts.limits.lingerMs);
            return isRoom;
          },
          end: () => finish(client, parts.limits.lingerMs),
          cut: () => client.destroy(),
        });
      },
      failed(failure) {
        leave();
        client.off('close', abandon);
        if (client.destroyed) return;
        const again = againAt(parts, target, failure, tried, true);
        if (again !== null) forward(parts, upgrade, again);
        else refuse(parts, upgrade, target, codeOf(parts, target, failure), failure.detail);
      },
    },
  );
  client.once('close', abandon);
  upstreamRequest.end();
}

function refuse(
  parts: ProxyParts,
  upgrade: Upgrade,
  whose: { app: string; release: string | null },
  code: LCode,
  detail: string,
): void {
  const { request, client, origin } = upgrade;
  const { host, requestId } = origin;
  parts.log({ code, host: host.slice(0, 255), path: loggedPath(request.url), requestId, detail });
  if (client.destroyed) return;
  const answer = lAnswer(code, { accept: request.headers.accept ?? '', release: whose.release, requestId });
  parts.stats.answered(whose.app, answer.status, performance.now() - upgrade.startedAt, code);
  client.write(headText(answer.status, undefined, [...answer.headers, 'connection', 'close']) + answer.body);
  finish(client, parts.limits.lingerMs);
}

/** Says that nothing more comes, and lets the client read it before the connection goes. */
export function finish(client: Duplex, lingerMs: number): void {
  client.end();
  client.resume();
  const timer = setTimeout(() => client.destroy(), lingerMs).unref();
  client.once('close', () => clearTimeout(timer));
  client.once('end', () => client.destroy());
}

/** The head of an answer written on a bare socket. */
export function headText(status: number, reason: string | undefined, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${reason || STATUS_CODES[status] || 'Unknown'}\r\n`;
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}
