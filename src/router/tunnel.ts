// Two sockets joined: bytes go both ways with back-pressure, an end on one side is passed on, and when one side is gone the
// other goes too as soon as it has what was already on its way.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** @param idleMs no byte in either direction for so long ends both; 0 for no limit */
export function join(one: Duplex, other: Duplex, idleMs: number): void {
  pass(one, other);
  pass(other, one);
  if (idleMs === 0 || !(one instanceof Socket)) return;
  // Every byte that passes is read from or written to this one, so that one timer sees both directions.
  one.setTimeout(idleMs, () => one.destroy());
}

function pass(from: Duplex, to: Duplex): void {
  from.on('error', () => from.destroy());
  from.once('close', () => {
    if (to.destroyed) return;
    if (from.errored) to.destroy();
    else flush(to);
  });
  from.pipe(to);
}

/** Destroys once everything that was written has been handed over. */
function flush(socket: Duplex): void {
  if (socket.writableFinished) return void socket.destroy();
  socket.once('finish', () => socket.destroy());
  socket.end();
}
