// The body of a request while it is on its way to the upstream, and what is left of it when nobody wants it any more.
import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { Framing } from './headers.ts';
import type { LCode } from './l-codes.ts';
import type { Watch } from './slow-clients.ts';

/**
 * Calls `stop` when no piece of the body has moved for `idleMs`: L14 when the client sends none, L09 when the upstream takes
 * none; and L14 when it is `slow` for too long. The result ends the watch.
 */
export function watchBody(
  request: IncomingMessage,
  sink: Pick<Writable, 'writableNeedDrain'>,
  idleMs: number,
  slow: (isItsTurn: () => boolean, end: () => void) => Watch,
  stop: (code: LCode, detail: string) => void,
): () => void {
  const timer = setTimeout(() => {
    if (sink.writableNeedDrain) stop('L09', 'the upstream takes no more of the body');
    else stop('L14', 'the client sends no more of the body');
  }, idleMs);
  const watch = slow(
    () => !sink.writableNeedDrain,
    () => stop('L14', 'the client sends its body too slowly'),
  );
  const moved = ({ length }: Buffer) => {
    timer.refresh();
    watch.moved(length);
  };
  const end = () => {
    clearTimeout(timer);
    watch.stop();
    request.off('data', moved);
  };
  request.on('data', moved);
  for (const event of ['end', 'close']) request.once(event, end);
  return end;
}

/**
 * Sends the body on. One of known length ends with its last byte and not a turn later: an upstream that answers at once and
 * closes would be met by the end's own (empty) write, whose EPIPE takes the place of the answer.
 */
export function sendBody(request: Readable, sink: Writable, body: Framing): void {
  const isCounted = typeof body === 'number';
  request.pipe(sink, { end: !isCounted });
  if (!isCounted) return;
  let left = body;
  const count = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left <= 0) sink.end();
  };
  request.on('data', count);
  sink.once('unpipe', () => request.off('data', count));
}

/**
 * The client has its answer and still sends: what comes is thrown away for a while, so that it gets to read the answer before
 * the connection is cut (a connection closed with unread bytes is reset, and the answer lost with it).
 */
export function linger(request: IncomingMessage, limitMs: number): void {
  if (request.complete || request.destroyed) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), limitMs).unref();
  for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
}
