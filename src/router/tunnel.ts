// Two sockets joined: bytes go both ways with back-pressure, an end on one side is passed on, and when one side is gone the
// other goes too as soon as it has what was already on its way.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { followFrames, restartFrame } from './frames.ts';

/**
 * @param idleMs no byte in either direction for so long ends both; 0 for no limit
 * @returns from then on the end of `other` is not that of `one`
 */
export function join(one: Duplex, other: Duplex, idleMs: number): () => void {
  pass(one, other);
  const part = pass(other, one);
  // Every byte that passes is read from or written to this one, so that one timer sees both directions.
  if (idleMs > 0 && one instanceof Socket) one.setTimeout(idleMs, () => one.destroy());
  return part;
}

/**
 * Makes the end of a tunnel that is not the wish of either side. A client that speaks WebSocket is told why (1012) as soon as
 * the frame that it is being sent is whole; any other sees the end.
 * @param first what the upstream has sent already
 * @param finish parts the client from the upstream, and ends its side when all has been said
 */
export function endOf(
  client: Duplex,
  upstream: Duplex,
  first: Buffer,
  isWebSocket: boolean,
  finish: () => void,
): () => void {
  const frames = followFrames();
  frames.take(first);
  const follow = (piece: Buffer) => void frames.take(piece);
  if (isWebSocket) upstream.on('data', follow);
  const end = () => {
    client.unpipe(upstream);
    if (isWebSocket) client.write(restartFrame);
    finish();
    upstream.destroy();
  };
  return () => {
    upstream.unpipe(client);
    upstream.off('data', follow);
    if (!isWebSocket || frames.isBetween) return end();
    const rest = (piece: Buffer) => {
      const bytes = frames.take(piece);
      const isRoom = client.write(bytes < 0 ? piece : piece.subarray(0, bytes));
      if (bytes < 0) return void (isRoom || upstream.pause());
      upstream.off('data', rest);
      end();
    };
    client.on('drain', () => upstream.resume());
    upstream.on('data', rest).resume();
  };
}

function pass(from: Duplex, to: Duplex): () => void {
  const closed = () => {
    if (to.destroyed) return;
    if (from.errored) to.destroy();
    else flush(to);
  };
  from.on('error', () => from.destroy());
  from.once('close', closed);
  from.pipe(to);
  return () => void from.off('close', closed);
}

/** Destroys once everything that was written has been handed over. */
function flush(socket: Duplex): void {
  if (socket.writableFinished) return void socket.destroy();
  socket.once('finish', () => socket.destroy());
  socket.end();
}
