// An answer that is ready before its request has come whole. Node closes the connection with the last byte of such an answer, and whoever
// still sends meets a broken pipe: the answer lies unread behind it, and is lost. So what still comes is read and dropped for a while, and
// only then is the connection closed. A request without an end costs no more than that while.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Call it before the header of the answer is written. @param limitMs from the end of the answer on */
export function hearOut(request: IncomingMessage, response: ServerResponse, limitMs = 2000): void {
  // Nothing can still come: most requests.
  if (request.complete || !hasBody(request)) return;
  const mayStay = response.shouldKeepAlive;
  // A request that has ended lets go of it.
  const { socket } = request;
  // When the connection is closed is ours to say.
  response.shouldKeepAlive = true;
  response.once('finish', () => {
    const close = (): void => void (mayStay || socket.destroySoon());
    if (request.complete || request.destroyed) return close();
    const late = setTimeout(() => request.destroy(), limitMs);
    request.once('end', close);
    request.once('close', () => clearTimeout(late));
    request.removeAllListeners('data');
    request.resume();
  });
}

/** By its header, RFC 9112 6.3: a request without either of these has none. */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
